// Energy of processor packages and memory by the powercap interface (Documentation/power/powercap of the kernel): counters in microjoules
// that wrap around, here made into joules since the daemon started. Since 2020 kernels let only root read them.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "metrics/collector.h"

namespace inferd::metrics {

class RaplCollector final : public Collector {
 public:
  // `root` stands before /sys/class/powercap.
  explicit RaplCollector(std::string root = "") : root_(std::move(root)) {}
  std::string_view name() const override { return "rapl"; }
  // kUnavailable without a zone, or without the right to read one.
  Result<> Collect(MonotonicTime now, Families& families) override;

  // Of all packages and their memory since the first sample; nothing while none can be read. The runner's thread.
  std::optional<double> energy_joules() const { return total_; }

 private:
  struct Zone {
    double last_microjoules = 0;
    double joules = 0;
  };
  std::string root_;
  std::map<std::string, Zone> zones_;  // by folder
  std::optional<double> total_;
};

}  // namespace inferd::metrics
