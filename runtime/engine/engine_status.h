// What an engine is doing right now, as a plain value: all that metrics and health need to know of it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

#include "runtime/base/clock.h"
#include "runtime/engine/records.h"

namespace inferd::engine {

// A copy of what gauges and health need, taken without disturbing the engine.
struct EngineStatus {
  std::uint64_t steps = 0;
  MonotonicTime last_step{};      // end of the last step; MonotonicTime{} before the first
  MonotonicTime step_started{};   // start of the step in progress; MonotonicTime{} between steps
  MonotonicTime last_progress{};  // last sign of life: a step's begin or end, or a part of a layer computed
  Duration busy{};                // spent in steps, the one in progress included up to its last sign of life
  // What the step in progress will have done at its end, and how far it is: meaningful only between steps' begin and end.
  std::uint64_t step_weight_bytes = 0;
  double step_flops = 0;
  std::uint32_t step_prefill_tokens = 0;
  double step_share = 0;  // 0 to 1, at last_progress: of the weights, each of which a step streams once
  std::array<std::uint32_t, kPriorities> queued{};
  std::uint32_t queue_capacity = 0;
  std::uint32_t running = 0;
  MonotonicTime oldest_queued{};         // arrival of the oldest waiting request; MonotonicTime{} when none waits
  MonotonicTime oldest_without_token{};  // arrival of the oldest request that has no token yet
  std::uint32_t kv_blocks = 0;
  std::uint32_t kv_blocks_used = 0;
  std::uint32_t kv_block_tokens = 0;
  std::uint64_t kv_cache_bytes = 0;
  std::uint64_t prefix_query_tokens = 0;
  std::uint64_t prefix_hit_tokens = 0;
  std::uint64_t preemptions = 0;
  double drain_rate = 0;  // requests finished per second, smoothed over about 10 s; 0 before the first
};

// When somebody who found the queue full should come back: half of it is gone by then, so that not everybody returns for one place.
// At least a second, so that nobody hammers; at most five minutes, the estimate is no better; a second before anything was measured.
inline Duration RetryAfter(const EngineStatus& status) {
  const auto waiting = std::accumulate(status.queued.begin(), status.queued.end(), 0U);
  const Duration half = status.drain_rate > 0 ? FromSeconds(std::min(waiting / status.drain_rate / 2, 300.0)) : Duration::zero();
  return std::clamp<Duration>(half, std::chrono::seconds(1), std::chrono::minutes(5));
}

}  // namespace inferd::engine
