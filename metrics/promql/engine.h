// Runs PromQL over whatever keeps the samples, with the semantics of Prometheus 3.5 for float samples: ranges that leave out their left
// end, stale markers, 5 minutes of lookback. Stateless and thread-safe; a query takes its time from the options' clock only to know when to
// give up. Every query is bounded in samples and in time.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "metrics/promql/ast.h"
#include "metrics/promql/value.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::metrics::promql {

struct EngineOptions {
  Millis lookback = 300'000;               // how old an instant vector's sample may be
  Millis subquery_step = 60'000;           // for subqueries without a step
  std::uint64_t max_samples = 10'000'000;  // read and made by one query, altogether; bounds its memory (about 16 bytes each) and its work
  std::uint64_t max_label_bytes = 16U << 20;  // of the values that label_replace() and label_join() make in one query, altogether
  std::int64_t max_steps = 11'000;            // of a range query
  Duration timeout = std::chrono::seconds(30);
  const Clock* clock = nullptr;             // null: no limit on time
  const std::atomic<bool>* stop = nullptr;  // once true, queries end with kCancelled
};

// Value of the expression at one moment. Fails with kInvalidArgument (the data does not fit the expression, as in many-to-many matching),
// kResourceExhausted (too many samples or steps), kDeadlineExceeded or kCancelled.
Result<QueryResult> QueryInstant(const Node& expr, const Querier& querier, Millis time, const EngineOptions& options);

// Values at start, start + step, ... up to end. Gives a Matrix, for scalars too. Requires step > 0 and start <= end, and refuses an
// expression that is neither a scalar nor an instant vector.
Result<QueryResult> QueryRange(const Node& expr, const Querier& querier, Millis start, Millis end, Millis step,
                               const EngineOptions& options);

}  // namespace inferd::metrics::promql
