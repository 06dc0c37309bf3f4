// Pressure stall information of the host (PSI, Documentation/accounting/psi.rst of the kernel): how much of the time something waited.
#pragma once

#include <string>

#include "metrics/collector.h"

namespace inferd::metrics {

class PressureCollector final : public Collector {
 public:
  // `root` stands before /proc/pressure.
  explicit PressureCollector(std::string root = "") : root_(std::move(root)) {}
  std::string_view name() const override { return "pressure"; }
  // kUnavailable on a kernel without PSI.
  Result<> Collect(MonotonicTime now, Families& families) override;

 private:
  std::string root_;
};

}  // namespace inferd::metrics
