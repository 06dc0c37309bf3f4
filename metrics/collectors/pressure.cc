#include "metrics/collectors/pressure.h"

#include <array>
#include <utility>

#include "metrics/collectors/text_file.h"
#include "metrics/family.h"

namespace inferd::metrics {

Result<> PressureCollector::Collect(MonotonicTime /*now*/, Families& families) {
  constexpr std::array<std::pair<const char*, Metric>, 3> kResources{
      {{"cpu", Metric::kHostCpuPressure}, {"memory", Metric::kHostMemoryPressure}, {"io", Metric::kHostIoPressure}}};
  bool any = false;
  for (const auto& [resource, metric] : kResources) {
    const auto text = ReadText(root_ + "/proc/pressure/" + resource);
    const auto percent = text ? NumberAfter(*text, "some avg10=") : std::nullopt;
    if (!percent) continue;
    families.push_back(OneSeries(metric, *percent / 100));
    any = true;
  }
  if (!any) return Error(Code::kUnavailable, "/proc/pressure cannot be read: the kernel has no PSI, or it is switched off");
  return {};
}

}  // namespace inferd::metrics
