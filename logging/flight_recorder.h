// The last steps and requests, kept in memory for whoever asks what just happened, and as a timeline that Chrome's and Perfetto's trace
// viewers open (Trace Event Format). A view of the records: one thread writes, any may read copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/recorder.h"
#include "runtime/base/clock.h"
#include "runtime/engine/records.h"

namespace inferd::logging {

class FlightRecorder final : public metrics::RecordView {
 public:
  explicit FlightRecorder(std::size_t steps = 10'000, std::size_t requests = 1'000) : steps_(steps), requests_(requests) {}

  void OnRequest(const engine::RequestRecord& record) override;
  void OnStep(const engine::StepRecord& record) override;

  // Oldest first; those that had not ended before `since`.
  std::vector<engine::StepRecord> Steps(MonotonicTime since = {}) const;
  std::vector<engine::RequestRecord> Requests(MonotonicTime since = {}) const;
  // The newest with that X-Request-Id.
  std::optional<engine::RequestRecord> Find(std::string_view request_id) const;

  // Calls `use` with the last `n` steps, newest first, without waiting for anybody: for a crash handler, which may see one half written.
  template <typename Use>
  void LastStepsUnlocked(std::size_t n, const Use& use) const {
    for (std::size_t i = 0; i < n && i < steps_.count && i < steps_.items.size(); ++i) {
      use(steps_.items[(steps_.count - 1 - i) % steps_.items.size()]);
    }
  }

 private:
  template <typename T>
  struct Last {
    explicit Last(std::size_t capacity) : items(capacity) {}
    void Add(const T& item) { items[count++ % items.size()] = item; }
    template <typename Use>
    void ForEach(const Use& use) const {
      const std::size_t n = count < items.size() ? count : items.size();
      for (std::size_t i = count - n; i < count; ++i) use(items[i % items.size()]);
    }
    std::vector<T> items;
    std::size_t count = 0;  // ever added
  };

  mutable std::mutex mutex_;
  Last<engine::StepRecord> steps_;
  Last<engine::RequestRecord> requests_;
};

struct TraceWindow {
  MonotonicTime begin{};
  MonotonicTime end{};
  WallTime wall_begin{};
};

// A trace: a track for each engine with its steps and their phases, one for each of its compute workers that says how much of a forward
// pass it was busy, counters of queue, batch and KV cache, a queue with each request's waiting, and a track for each request with its
// stages. A request that has not ended (`ended` not reached) is shown up to the window's end, with the argument `running`. Times are
// microseconds since the window's begin, in order; what began before is cut there. `models`: Ledger::models().
std::string ChromeTrace(std::span<const engine::StepRecord> steps, std::span<const engine::RequestRecord> requests,
                        std::span<const std::string> models, const TraceWindow& window);

// One request as a JSON object: who, what, when each stage began (RFC 3339) and how long it took. Of one that has not ended (`ended` not
// reached) it says `running`, the stage, and how long it has been in it until `now`,
// and leaves out what is known at the end only.
void AppendRequestJson(const engine::RequestRecord& record, std::string_view model, MonotonicTime now, std::string& out);

}  // namespace inferd::logging
