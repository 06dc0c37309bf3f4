#include "metrics/recent_rates.h"

#include <chrono>

namespace inferd::metrics {
namespace {

std::int64_t SecondOf(MonotonicTime when) { return std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count(); }

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
  const std::lock_guard lock(mutex_);
  PerSecond& sums = At(record.model, record.start + record.total());
  sums.prompt_tokens += record.prefill_tokens;
  sums.generated_tokens += record.generated_tokens;
  sums.weight_bytes += static_cast<double>(record.weight_bytes_read);
  sums.flops += record.flops;
}

RecentRates::PerSecond RecentRates::Read(std::uint16_t model, MonotonicTime now) const {
  const std::int64_t end = SecondOf(now);
  PerSecond rates;
  const std::lock_guard lock(mutex_);
  for (const Second& second : models_[model]) {
    if (second.number >= end || second.number < end - kSeconds) continue;
    rates.requests += second.sums.requests / kSeconds;
    rates.prompt_tokens += second.sums.prompt_tokens / kSeconds;
    rates.generated_tokens += second.sums.generated_tokens / kSeconds;
    rates.weight_bytes += second.sums.weight_bytes / kSeconds;
    rates.flops += second.sums.flops / kSeconds;
  }
  return rates;
}

}  // namespace inferd::metrics
