#include "daemon/observability/client_threads.h"

#include <algorithm>
#include <optional>

#include "metrics/collectors/cgroup.h"
#include "metrics/collectors/text_file.h"

namespace inferd::daemon {

int ClientThreads(const std::string& root) {
  double most = 2.0 * kMostClientThreads;
  // What is "unlimited" or "max" is no number.
  const auto limit = [&most](std::optional<double> value) { most = std::min(most, value.value_or(most)); };
  const std::string limits = metrics::ReadText(root + "/proc/self/limits").value_or("");
  limit(metrics::NumberAfter(limits, "Max processes "));
  limit(metrics::NumberAfter(limits, "Max open files "));
  if (const auto group = metrics::OwnCgroup(root)) limit(metrics::ReadNumber(metrics::CgroupFolder(root, *group) + "/pids.max"));
  return std::max(8, static_cast<int>(most / 2));
}

}  // namespace inferd::daemon
