#include "metrics/recent_rates.h"

#include <algorithm>
#include <chrono>

namespace inferd::metrics {
namespace {

std::int64_t SecondOf(MonotonicTime when) { return std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count(); }

// How much of the time from `begin` to `end` lies in that second: 0 to 1. All of an instant lies in its second.
double ShareIn(std::int64_t second, MonotonicTime begin, MonotonicTime end) {
  if (end <= begin) return SecondOf(begin) == second ? 1 : 0;
  const MonotonicTime from = std::max(begin, MonotonicTime(std::chrono::seconds(second)));
  const MonotonicTime to = std::min(end, MonotonicTime(std::chrono::seconds(second + 1)));
  return to <= from ? 0 : ToSeconds(to - from) / ToSeconds(end - begin);
}

}  // namespace

RecentRates::PerSecond& RecentRates::At(std::uint16_t model, MonotonicTime when) {
  const std::int64_t number = SecondOf(when);
  Window& window = models_[model];
  Second& second = window[static_cast<std::size_t>(number) % window.size()];
  if (second.number != number) second = {number, {}};
  return second.sums;
}

void RecentRates::OnRequest(const engine::RequestRecord& record) {
  const std::lock_guard lock(mutex_);
  ++At(record.model, record.ended).requests;
}

void RecentRates::OnStep(const engine::StepRecord& record) {
  const MonotonicTime end = record.start + record.total();
  const std::lock_guard lock(mutex_);
  // Tokens come at the end, in one piece.
  At(record.model, end).generated_tokens += record.generated_tokens;
  // What lies before the window is of no interest any more, and its places belong to others.
  const std::int64_t last = SecondOf(end);
  const auto places = static_cast<std::int64_t>(Window{}.size());
  for (std::int64_t second = std::max(SecondOf(record.start), last - places + 1); second <= last; ++second) {
    const double share = ShareIn(second, record.start, end);
    PerSecond& sums = At(record.model, MonotonicTime(std::chrono::seconds(second)));
    sums.prompt_tokens += share * record.prefill_tokens;
    sums.weight_bytes += share * static_cast<double>(record.weight_bytes_read);
    sums.flops += share * record.flops;
  }
}

RecentRates::PerSecond RecentRates::Read(std::uint16_t model, MonotonicTime now, const engine::EngineStatus& status) const {
  const std::int64_t end = SecondOf(now);
  PerSecond rates;
  {
    const std::lock_guard lock(mutex_);
    for (const Second& second : models_[model]) {
      if (second.number >= end || second.number < end - kSeconds) continue;
      rates.requests += second.sums.requests / kSeconds;
      rates.prompt_tokens += second.sums.prompt_tokens / kSeconds;
      rates.generated_tokens += second.sums.generated_tokens / kSeconds;
      rates.weight_bytes += second.sums.weight_bytes / kSeconds;
      rates.flops += second.sums.flops / kSeconds;
    }
  }
  if (status.step_started == MonotonicTime{} || status.last_progress <= status.step_started) return rates;
  double share = 0;  // of what is done, in the window
  for (std::int64_t second = end - kSeconds; second < end; ++second) share += ShareIn(second, status.step_started, status.last_progress);
  const double done = share * status.step_share / kSeconds;
  rates.prompt_tokens += done * status.step_prefill_tokens;
  rates.weight_bytes += done * static_cast<double>(status.step_weight_bytes);
  rates.flops += done * status.step_flops;
  return rates;
}

}  // namespace inferd::metrics
