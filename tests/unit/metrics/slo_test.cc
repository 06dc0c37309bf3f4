// Which requests count for an objective, and which are good: at exactly the target.
#include "metrics/slo.h"

#include "gtest/gtest.h"
#include "metrics/catalogue.h"
#include "runtime/engine/ledger.h"
#include "tests/unit/metrics/samples.h"

namespace inferd::metrics {
namespace {

using engine::Outcome;
using engine::RefusalReason;
using engine::RequestRecord;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

const MonotonicTime kArrival = MonotonicTime(std::chrono::hours(1));
// Not the bound of any bucket.
const SloTargets kTargets{.ttft = milliseconds(137), .inter_token = milliseconds(17), .duration = milliseconds(1234)};

// Admitted, and ended after `lasting`, before it had a token.
RequestRecord Ended(Outcome outcome, int status, Duration lasting) {
  RequestRecord record;
  record.received = record.admitted = kArrival;
  record.ended = kArrival + lasting;
  record.outcome = outcome;
  record.http_status = static_cast<std::uint16_t>(status);
  record.choices = 1;
  return record;
}

RequestRecord Answered(Duration first_token, Duration gap, std::uint32_t tokens) {
  RequestRecord record = Ended(Outcome::kOk, 200, first_token + gap * (tokens - 1));
  record.scheduled = kArrival;
  record.first_token = kArrival + first_token;
  record.last_token = record.ended;
  record.generated_tokens = tokens;
  return record;
}

RequestRecord Refused(RefusalReason reason) {
  RequestRecord record = Ended(Outcome::kRejected, 429, milliseconds(1));
  record.admitted = MonotonicTime{};
  record.refusal = reason;
  return record;
}

std::optional<bool> Judge(Slo slo, const RequestRecord& record) { return JudgeRequest(slo, kTargets, record); }

TEST(Slo, TheTargetIsExact) {
  EXPECT_EQ(Judge(Slo::kTtft, Answered(milliseconds(137), milliseconds(1), 2)), true);
  EXPECT_EQ(Judge(Slo::kTtft, Answered(milliseconds(137) + nanoseconds(1), milliseconds(1), 2)), false);
  EXPECT_EQ(Judge(Slo::kInterToken, Answered(milliseconds(1), milliseconds(17), 5)), true);
  EXPECT_EQ(Judge(Slo::kInterToken, Answered(milliseconds(1), milliseconds(18), 5)), false);
  EXPECT_EQ(Judge(Slo::kDuration, Answered(milliseconds(34), milliseconds(12), 101)), true);
  EXPECT_EQ(Judge(Slo::kDuration, Answered(milliseconds(35), milliseconds(12), 101)), false);
}

TEST(Slo, AGapNeedsTwoTokens) { EXPECT_EQ(Judge(Slo::kInterToken, Answered(milliseconds(1), milliseconds(1), 1)), std::nullopt); }

TEST(Slo, WhatNeverCameIsBad) {
  for (const auto& [outcome, status] : {std::pair{Outcome::kExpired, 408}, {Outcome::kFailed, 500}, {Outcome::kCancelled, 503}}) {
    const RequestRecord record = Ended(outcome, status, milliseconds(5));
    EXPECT_EQ(Judge(Slo::kTtft, record), false) << status;
    EXPECT_EQ(Judge(Slo::kDuration, record), false) << status;
    EXPECT_EQ(Judge(Slo::kAvailability, record), false) << status;
  }
  // One that had its first token in time kept that objective, however it ended.
  RequestRecord late = Answered(milliseconds(100), milliseconds(10), 5);
  late.outcome = Outcome::kExpired;
  EXPECT_EQ(Judge(Slo::kTtft, late), true);
  EXPECT_EQ(Judge(Slo::kDuration, late), false);
}

TEST(Slo, AClientThatGoesCountsOnlyIfItHadWaitedTooLong) {
  EXPECT_EQ(Judge(Slo::kTtft, Ended(Outcome::kCancelled, 499, milliseconds(137))), std::nullopt);
  EXPECT_EQ(Judge(Slo::kTtft, Ended(Outcome::kCancelled, 499, milliseconds(138))), false);
  EXPECT_EQ(Judge(Slo::kDuration, Ended(Outcome::kCancelled, 499, milliseconds(138))), std::nullopt);
  EXPECT_EQ(Judge(Slo::kDuration, Ended(Outcome::kCancelled, 499, milliseconds(1235))), false);
  EXPECT_EQ(Judge(Slo::kAvailability, Ended(Outcome::kCancelled, 499, milliseconds(138))), std::nullopt);
  EXPECT_EQ(Judge(Slo::kAvailability, Ended(Outcome::kCancelled, 499, milliseconds(1235))), false);
}

TEST(Slo, WhatTheServerRefusedForWantOfCapacityIsUnavailable) {
  for (const auto reason : {RefusalReason::kQueueFull, RefusalReason::kDeadline, RefusalReason::kDraining, RefusalReason::kLoading})
    EXPECT_EQ(Judge(Slo::kAvailability, Refused(reason)), false) << RefusalReasonName(reason);
  for (const auto reason : {RefusalReason::kInvalid, RefusalReason::kUnauthorized, RefusalReason::kForbidden, RefusalReason::kRate,
                            RefusalReason::kBudget, RefusalReason::kKv, RefusalReason::kTooLarge})
    EXPECT_EQ(Judge(Slo::kAvailability, Refused(reason)), std::nullopt) << RefusalReasonName(reason);
  EXPECT_EQ(Judge(Slo::kTtft, Refused(RefusalReason::kQueueFull)), std::nullopt) << "latencies are those of admitted requests";
}

TEST(Slo, CountsWhatIsKeptAndOnlyThat) {
  SloMetrics metrics({"demo", "other"}, {.ttft = milliseconds(137), .inter_token = {}, .duration = {}});
  metrics.OnRequest(Answered(milliseconds(100), milliseconds(10), 5));
  metrics.OnRequest(Answered(milliseconds(200), milliseconds(10), 5));
  metrics.OnRequest(Refused(RefusalReason::kQueueFull));
  const auto samples = SamplesOf(metrics.Collect());
  const auto name = [](Metric metric, const char* slo) {
    return std::string(NameOf(metric)) + "{model=demo,endpoint=chat_completions,slo=" + slo + "}";
  };
  EXPECT_EQ(samples.at(name(Metric::kSloRequests, "ttft")), 2);
  EXPECT_EQ(samples.at(name(Metric::kSloGood, "ttft")), 1);
  EXPECT_EQ(samples.at(name(Metric::kSloRequests, "availability")), 3);
  EXPECT_EQ(samples.at(name(Metric::kSloGood, "availability")), 2);
  EXPECT_FALSE(samples.contains(name(Metric::kSloGood, "duration")));
  EXPECT_EQ(samples.at(std::string(NameOf(Metric::kSloRequests)) + "{model=other,endpoint=completions,slo=availability}"), 0)
      << "there from the start";
}

TEST(SloMetrics, ARequestWhoseRecordIsLostCountsAllTheSame) {
  Ring<RequestRecord> ring(4);
  engine::Ledger ledger({"demo"}, ring);
  SloMetrics slo(ledger.models(), kTargets);
  ledger.OnLost([&](const RequestRecord& record) { slo.OnRequest(record); });
  constexpr int kRequests = 100;
  for (int i = 0; i < kRequests; ++i) {
    const RequestRecord record = i % 4 == 0 ? Ended(Outcome::kFailed, 500, milliseconds(5)) : Answered(milliseconds(1), milliseconds(1), 5);
    ledger.Received(record);
    ledger.Ended(record);
  }
  EXPECT_GT(ring.dropped(), 0U);
  for (RequestRecord record; ring.TryPop(record);) slo.OnRequest(record);  // as the recorder does
  const auto samples = SamplesOf(slo.Collect());
  EXPECT_EQ(samples.at("inferd_slo_requests_total{model=demo,endpoint=chat_completions,slo=availability}"), kRequests);
  EXPECT_EQ(samples.at("inferd_slo_good_total{model=demo,endpoint=chat_completions,slo=availability}"), 75);
}

}  // namespace
}  // namespace inferd::metrics
