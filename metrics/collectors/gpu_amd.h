// AMD GPUs by sysfs, as the kernel's amdgpu driver shows them (Documentation/gpu/amdgpu of the kernel): no library is needed.
#pragma once

#include <string>

#include "metrics/collector.h"

namespace inferd::metrics {

class GpuAmdCollector final : public Collector {
 public:
  // `root` stands before /sys/class/drm.
  explicit GpuAmdCollector(std::string root = "") : root_(std::move(root)) {}
  std::string_view name() const override { return "gpu_amd"; }
  // kUnavailable when there is no AMD GPU. A file that a chip does not have leaves its series out.
  Result<> Collect(MonotonicTime now, Families& families) override;

 private:
  std::string root_;
};

}  // namespace inferd::metrics
