// Memory and CPU throttling of the control group that the daemon runs in (cgroup v2, Documentation/admin-guide/cgroup-v2.rst of the
// kernel).
#pragma once

#include <optional>
#include <string>

#include "metrics/collector.h"

namespace inferd::metrics {

// The control group of this process, such as "/system.slice/inferd.service", and where the kernel shows it. Nothing without a unified
// hierarchy. `root` stands before every path: empty for the real system, a recorded tree in tests.
std::optional<std::string> OwnCgroup(const std::string& root);
std::string CgroupFolder(const std::string& root, const std::string& group);

class CgroupCollector final : public Collector {
 public:
  explicit CgroupCollector(std::string root = "") : root_(std::move(root)) {}
  std::string_view name() const override { return "cgroup"; }
  // kUnavailable without a unified hierarchy, or in its root, which has no counts of its own.
  Result<> Collect(MonotonicTime now, Families& families) override;

 private:
  std::string root_;
};

}  // namespace inferd::metrics
