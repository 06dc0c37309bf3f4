#include "metrics/compat_metrics.h"

#include <chrono>

#include "gtest/gtest.h"
#include "metrics/recent_rates.h"
#include "metrics/registry.h"
#include "tests/fakes/manual_clock.h"
#include "tests/unit/metrics/samples.h"

namespace inferd::metrics {
namespace {

using engine::Outcome;
using engine::RequestRecord;
using std::chrono::milliseconds;
using std::chrono::seconds;

const MonotonicTime kArrival = MonotonicTime(std::chrono::hours(1));

RequestRecord Finished(Outcome outcome) {
  RequestRecord record;
  record.received = record.admitted = kArrival;
  record.scheduled = kArrival + milliseconds(20);
  record.first_token = kArrival + milliseconds(60);
  record.last_token = kArrival + milliseconds(150);
  record.ended = kArrival + milliseconds(151);
  record.prompt_tokens = 12;
  record.generated_tokens = 10;
  record.choices = 1;
  record.outcome = outcome;
  return record;
}

// Histograms by "name{labels}": count and sum.
std::map<std::string, std::pair<std::uint64_t, double>> HistogramsOf(std::span<const prometheus::MetricFamily> families) {
  std::map<std::string, std::pair<std::uint64_t, double>> found;
  for (const auto& family : families) {
    for (const auto& metric : family.metric) {
      if (family.type != prometheus::MetricType::Histogram) continue;
      std::string labels;
      for (const auto& label : metric.label) labels += (labels.empty() ? "" : ",") + label.name + "=" + label.value;
      found[family.name + "{" + labels + "}"] = {metric.histogram.sample_count, metric.histogram.sample_sum};
    }
  }
  return found;
}

TEST(VllmMetrics, TheSameFactsUnderVllmsNames) {
  Ring<RequestRecord> ring(16);
  engine::Ledger ledger({"demo"}, ring);
  std::optional<ModelNow> now;
  VllmMetrics metrics(ledger, [&](std::uint16_t) { return now; });
  for (const auto outcome : {Outcome::kOk, Outcome::kStop, Outcome::kLength, Outcome::kExpired, Outcome::kCancelled, Outcome::kFailed}) {
    const RequestRecord record = Finished(outcome);
    ledger.Received(record);
    ledger.Scheduled(record);
    ledger.FirstToken(record);
    ledger.Ended(record);
    metrics.OnRequest(record);
  }
  RequestRecord rejected;
  rejected.outcome = Outcome::kRejected;
  rejected.refusal = engine::RefusalReason::kQueueFull;
  ledger.Received(rejected);
  ledger.Ended(rejected);
  metrics.OnRequest(rejected);
  engine::StepRecord step;
  step.inter_token[3] = 2;
  step.inter_token_sum = 0.008;
  metrics.OnStep(step);
  now.emplace();
  now->status.running = 3;
  now->status.queued = {1, 2, 3};
  now->status.kv_blocks = 8;
  now->status.kv_blocks_used = 2;
  now->status.kv_block_tokens = 16;

  const auto families = metrics.Collect();
  const auto samples = SamplesOf(families);
  EXPECT_EQ(samples.at("vllm:num_requests_running{model_name=demo,engine=0}"), 3);
  EXPECT_EQ(samples.at("vllm:num_requests_waiting{model_name=demo,engine=0}"), 6);
  EXPECT_EQ(samples.at("vllm:kv_cache_usage_perc{model_name=demo,engine=0}"), 0.25);
  EXPECT_EQ(samples.at("vllm:prompt_tokens_total{model_name=demo,engine=0}"), 72);
  EXPECT_EQ(samples.at("vllm:generation_tokens_total{model_name=demo,engine=0}"), 60);
  EXPECT_EQ(samples.at("vllm:request_success_total{model_name=demo,engine=0,finished_reason=stop}"), 2);
  EXPECT_EQ(samples.at("vllm:request_success_total{model_name=demo,engine=0,finished_reason=length}"), 1);
  EXPECT_EQ(samples.at("vllm:request_success_total{model_name=demo,engine=0,finished_reason=abort}"), 2);
  EXPECT_EQ(samples.at("vllm:request_success_total{model_name=demo,engine=0,finished_reason=error}"), 1);
  EXPECT_EQ(samples.at("vllm:cache_config_info{model_name=demo,engine=0,block_size=16,num_gpu_blocks=8}"), 1);
  const auto histograms = HistogramsOf(families);
  const auto expect = [&](const char* name, std::uint64_t count, double sum) {
    const auto& [n, s] = histograms.at(std::string("vllm:") + name + "{model_name=demo,engine=0}");
    EXPECT_EQ(n, count) << name;
    EXPECT_NEAR(s, sum, 1e-9) << name;
  };
  expect("time_to_first_token_seconds", 6, 6 * 0.060);
  expect("inter_token_latency_seconds", 2, 0.008);
  expect("e2e_request_latency_seconds", 6, 6 * 0.151);
  expect("request_queue_time_seconds", 6, 6 * 0.020);
  expect("request_prefill_time_seconds", 6, 6 * 0.040);
  expect("request_decode_time_seconds", 6, 6 * 0.090);
  expect("request_prompt_tokens", 6, 72);
  expect("request_generation_tokens", 6, 60);
}

TEST(OtelMetrics, TheConventionsNamesAndAttributes) {
  OtelMetrics metrics({"demo", "other"});
  metrics.OnRequest(Finished(Outcome::kOk));
  metrics.OnRequest(Finished(Outcome::kExpired));
  RequestRecord completion = Finished(Outcome::kLength);
  completion.endpoint = engine::Endpoint::kCompletions;
  metrics.OnRequest(completion);
  const auto histograms = HistogramsOf(metrics.Collect());
  const std::string chat = "gen_ai_operation_name=chat,gen_ai_provider_name=inferd,gen_ai_request_model=demo";
  EXPECT_EQ(histograms.at("gen_ai_server_request_duration_seconds{" + chat + ",error_type=}").first, 1U);
  EXPECT_EQ(histograms.at("gen_ai_server_request_duration_seconds{" + chat + ",error_type=expired}").first, 1U);
  EXPECT_EQ(histograms.at("gen_ai_server_request_duration_seconds{" + chat + ",error_type=failed}").first, 0U);
  EXPECT_NEAR(histograms.at("gen_ai_server_time_to_first_token_seconds{" + chat + "}").second, 0.060, 1e-9);
  EXPECT_NEAR(histograms.at("gen_ai_server_time_per_output_token_seconds{" + chat + "}").second, 0.010, 1e-9);
  EXPECT_EQ(histograms
                .at("gen_ai_server_time_to_first_token_seconds{gen_ai_operation_name=text_completion,gen_ai_provider_name=inferd,"
                    "gen_ai_request_model=demo}")
                .first,
            1U);
}

TEST(RecentRates, AreOfTheLastTenWholeSeconds) {
  RecentRates rates(2);
  engine::StepRecord step;
  step.prefill_tokens = 100;
  step.generated_tokens = 5;
  for (int second = 0; second < 30; ++second) {
    step.start = kArrival + seconds(second) + milliseconds(500);
    rates.OnStep(step);
    RequestRecord record = Finished(Outcome::kOk);
    record.ended = step.start;
    rates.OnRequest(record);
  }
  const RecentRates::PerSecond now = rates.Read(0, kArrival + seconds(30), {});
  EXPECT_DOUBLE_EQ(now.requests, 1);
  EXPECT_DOUBLE_EQ(now.prompt_tokens, 100);
  EXPECT_DOUBLE_EQ(now.generated_tokens, 5);
  EXPECT_DOUBLE_EQ(rates.Read(0, kArrival + seconds(35), {}).generated_tokens, 2.5);
  EXPECT_DOUBLE_EQ(rates.Read(0, kArrival + std::chrono::hours(1), {}).generated_tokens, 0);
  EXPECT_DOUBLE_EQ(rates.Read(1, kArrival + seconds(30), {}).requests, 0);
}

// A step of 40 s that streams 8 bytes and computes 4 operations a second.
TEST(RecentRates, ALongStepCountsForTheTimeThatItSpans) {
  RecentRates rates(1);
  engine::EngineStatus status;
  status.step_started = kArrival;
  status.step_weight_bytes = 320;
  status.step_flops = 160;
  status.step_prefill_tokens = 80;
  // While it works: what it has done up to its last sign of life.
  for (const int second : {12, 25, 39}) {
    status.last_progress = kArrival + seconds(second);
    status.step_share = second / 40.0;
    const auto inside = rates.Read(0, status.last_progress, status);
    EXPECT_NEAR(inside.weight_bytes, 8, 1e-9) << second;
    EXPECT_NEAR(inside.flops, 4, 1e-9) << second;
    EXPECT_NEAR(inside.prompt_tokens, 2, 1e-9) << second;
  }
  EXPECT_NEAR(rates.Read(0, kArrival + seconds(44), status).flops, 2, 1e-9) << "it stands still: half of the window is silent";

  engine::StepRecord step;
  step.start = kArrival;
  step.forward = seconds(40);
  step.prefill_tokens = 80;
  step.generated_tokens = 1;
  step.weight_bytes_read = 320;
  step.flops = 160;
  rates.OnStep(step);
  EXPECT_NEAR(rates.Read(0, kArrival + seconds(40), {}).weight_bytes, 8, 1e-9) << "and not 32 for the ten seconds after it";
  const auto later = rates.Read(0, kArrival + seconds(45), {});
  EXPECT_NEAR(later.flops, 2, 1e-9);
  EXPECT_NEAR(later.prompt_tokens, 1, 1e-9);
  EXPECT_DOUBLE_EQ(later.generated_tokens, 0.1) << "a token comes at the end";
  EXPECT_DOUBLE_EQ(rates.Read(0, kArrival + seconds(51), {}).flops, 0);
}

}  // namespace
}  // namespace inferd::metrics
