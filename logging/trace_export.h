// Sends the spans of finished requests to an OpenTelemetry collector: OTLP over HTTP, JSON. Records wait in a bounded queue; a thread makes
// batches of them, sends them, and tries again only what the specification says may be tried again (429, 502, 503, 504 and a collector
// that cannot be reached; Retry-After is obeyed). What is not taken is counted. Nobody ever waits for the collector.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "logging/spans.h"
#include "metrics/recorder.h"
#include "runtime/base/clock.h"
#include "runtime/engine/records.h"

namespace inferd::logging {

// What became of a span.
enum class SpanOutcome : std::uint8_t {
  kExported,
  kRejected,   // the collector refused it, in whole or in part
  kFailed,     // it could not be reached, or was too busy for too long
  kQueueFull,  // more requests ended than could be sent
};
inline constexpr std::size_t kSpanOutcomes = 4;
constexpr std::string_view SpanOutcomeName(SpanOutcome outcome) {
  return std::array<std::string_view, kSpanOutcomes>{"exported", "rejected", "failed", "queue_full"}[static_cast<std::size_t>(outcome)];
}
using SpanCounters = std::array<std::atomic<std::uint64_t>, kSpanOutcomes>;

struct TraceExportOptions {
  std::string url;  // of the collector: http://127.0.0.1:4318; /v1/traces is added to an address without a path
  Resource resource;
  std::size_t queue = 2048;                   // requests
  std::size_t batch = 256;                    // requests in one message
  Duration linger = std::chrono::seconds(1);  // how long a request waits for others to go with it
  Duration timeout = std::chrono::seconds(10);
  Duration first_pause = std::chrono::seconds(1);  // doubled with every try
  int tries = 6;
};

// "http://host:4318" with the path of the specification, or the address as it is when it has a path.
std::string TracesUrl(std::string_view address);

// How long to wait after the try number `attempt` (from 1) has failed: what the collector asked for, else `first` doubled with every try,
// at most 30 s. Up to half of that is taken away by `random` (from 0 to 1), so that many who were refused at once do not come back at once.
Duration PauseAfter(int attempt, Duration first, std::optional<Duration> retry_after, double random);

class TraceExporter final : public metrics::RecordView {
 public:
  // `models`: Ledger::models(). `trouble` is told when the collector begins to fail, from the exporter's thread.
  TraceExporter(TraceExportOptions options, std::vector<std::string> models, std::function<void(std::string)> trouble);
  TraceExporter(const TraceExporter&) = delete;
  TraceExporter& operator=(const TraceExporter&) = delete;
  // As Stop.
  ~TraceExporter() override;

  // Unsampled requests are left out. Never waits.
  void OnRequest(const engine::RequestRecord& record) override;
  void OnStep(const engine::StepRecord&) override {}

  // Sends what waits, once and without trying again, then ends the thread. What does not go out within TraceExportOptions::timeout has
  // failed.
  void Stop();

  const SpanCounters& counters() const { return counters_; }

 private:
  struct Reply {
    long status = 0;  // 0: no answer
    std::string body;
    std::optional<Duration> retry_after;
    std::string error;
  };

  void Run();
  void Send(const std::vector<engine::RequestRecord>& records);
  Reply Post(const std::string& body);
  Duration TimeLeft() const;  // for a message; after Stop, for all that waits
  // False when it is time to stop.
  bool Pause(Duration duration);
  void Count(SpanOutcome outcome, std::uint64_t n) { counters_[static_cast<std::size_t>(outcome)].fetch_add(n, std::memory_order_relaxed); }
  void Complain(const std::string& what);

  const TraceExportOptions options_;
  const std::string url_;
  const std::vector<std::string> models_;
  const std::function<void(std::string)> trouble_;
  SpanCounters counters_{};
  void* curl_ = nullptr;  // CURL*, the thread's
  bool failing_ = false;  // the thread's
  std::mutex mutex_;
  std::condition_variable woken_;
  std::deque<engine::RequestRecord> waiting_;
  std::atomic<bool> stop_{false};
  std::chrono::steady_clock::time_point stop_by_{};  // set before stop_
  std::thread thread_;
};

}  // namespace inferd::logging
