// Memory and CPU throttling of the control group that the daemon runs in (cgroup v2, Documentation/admin-guide/cgroup-v2.rst of the
// kernel).
#pragma once

#include <string>

#include "metrics/collector.h"

namespace inferd::metrics {

class CgroupCollector final : public Collector {
 public:
  // `root` stands before every path: empty for the real system, a recorded tree in tests.
  explicit CgroupCollector(std::string root = "") : root_(std::move(root)) {}
  std::string_view name() const override { return "cgroup"; }
  // kUnavailable without a unified hierarchy, or in its root, which has no counts of its own.
  Result<> Collect(MonotonicTime now, Families& families) override;

 private:
  std::string root_;
};

}  // namespace inferd::metrics
