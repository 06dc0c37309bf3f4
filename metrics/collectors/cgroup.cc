#include "metrics/collectors/cgroup.h"

#include <optional>
#include <sstream>

#include "metrics/collectors/text_file.h"
#include "metrics/family.h"

namespace inferd::metrics {

// The unified hierarchy has the line "0::/path".
std::optional<std::string> OwnCgroup(const std::string& root) {
  std::istringstream lines(ReadText(root + "/proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return std::nullopt;
}

std::string CgroupFolder(const std::string& root, const std::string& group) {
  return root + "/sys/fs/cgroup" + (group == "/" ? "" : group);
}

Result<> CgroupCollector::Collect(MonotonicTime /*now*/, Families& families) {
  const auto own = OwnCgroup(root_);
  if (!own) return Error(Code::kUnavailable, "/proc/self/cgroup names no cgroup v2");
  const std::string folder = CgroupFolder(root_, *own);
  const auto memory = ReadNumber(folder + "/memory.current");
  const auto limit = ReadNumber(folder + "/memory.max");  // "max", no number, when there is no limit
  const auto throttled = NumberAfter(ReadText(folder + "/cpu.stat").value_or(""), "throttled_usec ");
  if (memory) families.push_back(OneSeries(Metric::kCgroupMemory, *memory));
  if (limit) families.push_back(OneSeries(Metric::kCgroupMemoryLimit, *limit));
  if (throttled) families.push_back(OneSeries(Metric::kCgroupCpuThrottledTime, *throttled * 1e-6));
  if (!memory && !throttled) return Error(Code::kUnavailable, "the cgroup " + *own + " counts neither memory nor CPU");
  return {};
}

}  // namespace inferd::metrics
