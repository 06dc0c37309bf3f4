// Decides what one step computes. Pure: everything it looks at is handed in, nothing is changed, the same input gives the same plan.
//
// A sequence whose deadline has passed, running or waiting, is dropped before anything is computed for it.
// Order: sequences are served by priority, then by arrival. Waiting makes urgent: each `priority_aging` that a request has waited counts as
// one class, so a batch request that waited long enough goes before a fresh interactive one, and nobody starves.
// A step gives every running sequence that generates its one token, then fills what is left of max_batch_tokens with pieces of prompts,
// running ones first, then newly admitted ones. A waiting sequence is admitted when there is room for its whole text; if the first in
// order does not fit, nobody behind it is let past. When a generating sequence needs a block and none is left, the last in order among
// the running loses its blocks and waits again (it recomputes its text later; nothing that was sent is lost).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/engine/records.h"

namespace inferd::engine {

using SequenceId = std::uint64_t;

struct SequenceView {
  SequenceId id = 0;
  Priority priority = Priority::kNormal;
  MonotonicTime arrival{};
  MonotonicTime deadline = MonotonicTime::max();
  int length = 0;      // tokens known: prompt and generated
  int computed = 0;    // of these, in the KV cache; for a waiting one: what the prefix cache would give
  int blocks = 0;      // KV blocks it holds; for a waiting one: what the prefix cache would give without costing an available block
  int releasable = 0;  // blocks that would become available if it lost them
};

struct KvView {
  int available = 0;
  int block_tokens = 16;
};

struct SchedulerLimits {
  int max_running = 32;
  int max_batch_tokens = 512;
  Duration priority_aging = std::chrono::seconds(10);
};

struct Plan {
  struct Work {
    SequenceId id;
    int tokens;  // computed this step, from `computed` on
  };
  std::vector<SequenceId> expire;   // their deadline has passed
  std::vector<SequenceId> preempt;  // lose their blocks first
  std::vector<SequenceId> admit;    // join the running; each is in `work` too
  std::vector<Work> work;
};

// When the sequence would have arrived had it been of the most urgent class: order is by this, then by id. Waiting counts for
// everybody alike, so the order of two sequences never changes with time.
inline MonotonicTime VirtualArrival(MonotonicTime arrival, Priority priority, Duration aging) {
  return arrival + aging * static_cast<int>(priority);
}

// `running` and `waiting` in any order.
Plan MakePlan(MonotonicTime now, std::span<const SequenceView> running, std::span<const SequenceView> waiting, const KvView& kv,
              const SchedulerLimits& limits);

}  // namespace inferd::engine
