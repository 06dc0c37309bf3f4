// Service level objectives as two counters, requests that count and requests that were good, at exactly the thresholds of the
// configuration and not at a histogram's nearest bucket. Good divided by all is the attainment; burn rates come from their rates.
#pragma once

#include <prometheus/collectable.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/recorder.h"
#include "runtime/base/clock.h"

namespace inferd::metrics {

enum class Slo : std::uint8_t { kTtft, kInterToken, kDuration, kAvailability };
inline constexpr std::size_t kSlos = 4;
constexpr std::string_view SloName(Slo slo) {
  return std::array<std::string_view, kSlos>{"ttft", "inter-token", "duration", "availability"}[static_cast<std::size_t>(slo)];
}

// Nothing for a target that is not kept.
struct SloTargets {
  std::optional<Duration> ttft;         // arrival to first token
  std::optional<Duration> inter_token;  // mean gap between the tokens of an answer
  std::optional<Duration> duration;     // arrival to end
};

// Whether a request was good; nothing when it does not count. The rules:
//   - What the client brought on itself never counts: a malformed, unauthorized or over-long request, a used-up rate or budget.
//   - A client that goes away counts as bad where it had waited longer than the target by then, and not at all where it had not.
//   - Refused for want of capacity, expired, failed, or cut by a drain: bad for availability. Latencies count admitted requests; one that
//     expired, failed or was cut before it had what the target asks for is bad.
std::optional<bool> JudgeRequest(Slo slo, const SloTargets& targets, const engine::RequestRecord& record);

// The recorder's thread feeds it, and any thread with a record that the recorder will not see; any collects.
class SloMetrics final : public RecordView, public prometheus::Collectable {
 public:
  // `models`: Ledger::models(), whose indices the records carry.
  SloMetrics(const std::vector<std::string>& models, const SloTargets& targets);

  void OnRequest(const engine::RequestRecord& record) override;
  void OnStep(const engine::StepRecord&) override {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Counts {
    std::atomic<std::uint64_t> good{0};
    std::atomic<std::uint64_t> bad{0};
  };
  bool Kept(Slo slo) const;

  const std::vector<std::string> models_;
  const SloTargets targets_;
  std::vector<std::array<Counts, kSlos>> counts_;  // by model and endpoint
};

}  // namespace inferd::metrics
