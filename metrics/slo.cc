#include "metrics/slo.h"

#include "metrics/family.h"
#include "metrics/request_times.h"

namespace inferd::metrics {
namespace {

using engine::Outcome;
using engine::RefusalReason;
using engine::RequestRecord;

constexpr int kClientClosedRequest = 499;

bool ClientLeft(const RequestRecord& record) { return record.outcome == Outcome::kCancelled && record.http_status == kClientClosedRequest; }

bool OwnFault(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kUnauthorized:
    case RefusalReason::kForbidden:
    case RefusalReason::kRate:
    case RefusalReason::kBudget:
    case RefusalReason::kKv:
    case RefusalReason::kTooLarge:
    case RefusalReason::kInvalid: return true;
    case RefusalReason::kNone:
    case RefusalReason::kDraining:
    case RefusalReason::kLoading:
    case RefusalReason::kQueueFull:
    case RefusalReason::kDeadline: return false;
  }
  return false;
}

// Waited from arrival to `event`, or in vain to the end.
std::optional<bool> JudgeWait(const RequestRecord& record, MonotonicTime event, Duration target) {
  if (!Reached(record.admitted)) return std::nullopt;
  if (Reached(event)) return event - record.received <= target;
  if (ClientLeft(record) && record.ended - record.received <= target) return std::nullopt;
  return false;
}

}  // namespace

std::optional<bool> JudgeRequest(Slo slo, const SloTargets& targets, const RequestRecord& record) {
  switch (slo) {
    case Slo::kTtft: return targets.ttft ? JudgeWait(record, record.first_token, *targets.ttft) : std::nullopt;
    case Slo::kInterToken: {
      const auto gap = TimePerOutputToken(record);
      return targets.inter_token && gap ? std::optional(*gap <= ToSeconds(*targets.inter_token)) : std::nullopt;
    }
    case Slo::kDuration:
      return targets.duration ? JudgeWait(record, Successful(record.outcome) ? record.ended : MonotonicTime{}, *targets.duration)
                              : std::nullopt;
    case Slo::kAvailability:
      if (record.outcome == Outcome::kRejected && OwnFault(record.refusal)) return std::nullopt;
      // Who gave up after more than the time that a whole answer should take did not get it.
      if (ClientLeft(record)) {
        return targets.duration && record.ended - record.received > *targets.duration ? std::optional(false) : std::nullopt;
      }
      return Successful(record.outcome);
  }
  return std::nullopt;
}

SloMetrics::SloMetrics(const std::vector<std::string>& models, const SloTargets& targets)
    : models_(models), targets_(targets), counts_(models.size() * engine::kEndpoints) {}

bool SloMetrics::Kept(Slo slo) const {
  switch (slo) {
    case Slo::kTtft: return targets_.ttft.has_value();
    case Slo::kInterToken: return targets_.inter_token.has_value();
    case Slo::kDuration: return targets_.duration.has_value();
    case Slo::kAvailability: return true;
  }
  return false;
}

void SloMetrics::OnRequest(const RequestRecord& record) {
  auto& counts = counts_[record.model * engine::kEndpoints + static_cast<std::size_t>(record.endpoint)];
  for (std::size_t s = 0; s < kSlos; ++s) {
    const auto good = JudgeRequest(static_cast<Slo>(s), targets_, record);
    if (good) (*good ? counts[s].good : counts[s].bad).fetch_add(1, std::memory_order_relaxed);
  }
}

std::vector<prometheus::MetricFamily> SloMetrics::Collect() const {
  FamilyBuilder requests(Metric::kSloRequests), good(Metric::kSloGood);
  for (std::size_t m = 0; m < models_.size(); ++m) {
    for (std::size_t e = 0; e < engine::kEndpoints; ++e) {
      const auto& counts = counts_[m * engine::kEndpoints + e];
      for (std::size_t s = 0; s < kSlos; ++s) {
        const auto slo = static_cast<Slo>(s);
        if (!Kept(slo)) continue;
        const std::string_view endpoint = EndpointName(static_cast<engine::Endpoint>(e));
        // Good first: a request that is counted in between makes an attainment a little low, never above 1.
        const auto n = static_cast<double>(counts[s].good.load());
        good.Add({models_[m], endpoint, SloName(slo)}, n);
        requests.Add({models_[m], endpoint, SloName(slo)}, n + static_cast<double>(counts[s].bad.load()));
      }
    }
  }
  std::vector<prometheus::MetricFamily> families;
  families.push_back(requests.Take());
  families.push_back(good.Take());
  return families;
}

}  // namespace inferd::metrics
