// What an engine is doing right now, as a plain value: all that metrics and health need to know of it.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/base/clock.h"
#include "runtime/engine/records.h"

namespace inferd::engine {

// A copy of what gauges and health need, taken without disturbing the engine.
struct EngineStatus {
  std::uint64_t steps = 0;
  MonotonicTime last_step{};      // end of the last step; MonotonicTime{} before the first
  MonotonicTime step_started{};   // start of the step in progress; MonotonicTime{} between steps
  MonotonicTime last_progress{};  // last sign of life: a step's begin or end, or a part of a layer computed
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

}  // namespace inferd::engine
