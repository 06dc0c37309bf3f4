#include "metrics/health.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace inferd::metrics {
namespace {

std::string Seconds(Duration d) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%.1f s", ToSeconds(d));
  return buffer;
}

}  // namespace

MonotonicTime StallsAt(const engine::EngineStatus& status) {
  // An idle engine shows no sign of life either: silence counts from the moment there was something to do.
  if (status.running > 0) return status.last_progress + kStalledAfter;
  const bool queued = std::any_of(status.queued.begin(), status.queued.end(), [](std::uint32_t waiting) { return waiting > 0; });
  return queued ? std::max(status.last_progress, status.oldest_queued) + kStalledAfter : MonotonicTime::max();
}

Health JudgeEngine(const engine::EngineStatus& status, int max_running, MonotonicTime now) {
  const std::uint32_t queued = std::accumulate(status.queued.begin(), status.queued.end(), 0U);
  if (const MonotonicTime stalls_at = StallsAt(status); now >= stalls_at) {
    return {Verdict::kStalled,
            {"no progress for " + Seconds(now - stalls_at + kStalledAfter) + " with " + std::to_string(status.running) + " running and " +
             std::to_string(queued) + " queued"}};
  }
  if (queued >= status.queue_capacity && status.queue_capacity > 0) {
    return {Verdict::kDegraded, {"the queue is full (" + std::to_string(queued) + " of " + std::to_string(status.queue_capacity) + ")"}};
  }
  Health health{Verdict::kOk, {}};
  if (status.running >= static_cast<std::uint32_t>(max_running))
    health.reasons.push_back("the batch is full (" + std::to_string(status.running) + ")");
  if (queued > 0) health.reasons.push_back(std::to_string(queued) + " requests wait");
  if (status.step_started != MonotonicTime{} && now - status.step_started > std::chrono::seconds(1)) {
    health.reasons.push_back("in a step for " + Seconds(now - status.step_started));
  }
  if (!health.reasons.empty()) health.verdict = Verdict::kBusy;
  return health;
}

}  // namespace inferd::metrics
