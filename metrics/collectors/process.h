// The process_* metrics as Prometheus's client libraries define them, from /proc (proc(5)). Thread-safe.
#pragma once

#include <prometheus/collectable.h>

#include <optional>
#include <string>
#include <vector>

namespace inferd::metrics {

class ProcessCollector final : public prometheus::Collectable {
 public:
  // `root` stands before every path: empty for the real /proc, a recorded tree in tests. A file that cannot be read leaves its families
  // out.
  explicit ProcessCollector(std::string root = "");

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::string root_;
  double ticks_per_second_;
  double page_bytes_;
  std::optional<double> boot_;  // Unix time; read once, because the kernel adds up every interrupt of every core for /proc/stat
};

}  // namespace inferd::metrics
