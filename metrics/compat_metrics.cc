#include "metrics/compat_metrics.h"

#include <array>
#include <cstddef>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "metrics/family.h"
#include "metrics/request_times.h"

namespace inferd::metrics {
namespace {

using engine::Endpoint;
using engine::kEndpoints;
using engine::Ledger;
using engine::Outcome;
using engine::RequestRecord;
using prometheus::Histogram;

// Over both endpoints and every outcome.
double Sum(const std::array<Ledger::Totals, kEndpoints>& totals, std::array<std::uint64_t, engine::kOutcomes> Ledger::Totals::*counts) {
  double sum = 0;
  for (const Ledger::Totals& t : totals) sum = std::accumulate((t.*counts).begin(), (t.*counts).end(), sum);
  return sum;
}

double Ended(const std::array<Ledger::Totals, kEndpoints>& totals, std::initializer_list<Outcome> outcomes) {
  double sum = 0;
  for (const Ledger::Totals& t : totals) {
    for (const Outcome outcome : outcomes) sum += static_cast<double>(t.ended[static_cast<std::size_t>(outcome)]);
  }
  return sum;
}

}  // namespace

struct VllmMetrics::Histograms {
  Histogram first_token{BucketsOf(Metric::kVllmTimeToFirstToken)};
  Histogram inter_token{BucketsOf(Metric::kVllmInterTokenLatency)};
  Histogram latency{BucketsOf(Metric::kVllmRequestLatency)};
  Histogram queue{BucketsOf(Metric::kVllmQueueTime)};
  Histogram prefill{BucketsOf(Metric::kVllmPrefillTime)};
  Histogram decode{BucketsOf(Metric::kVllmDecodeTime)};
  Histogram prompt_tokens{BucketsOf(Metric::kVllmRequestPromptTokens)};
  Histogram generation_tokens{BucketsOf(Metric::kVllmRequestGenerationTokens)};
};

VllmMetrics::VllmMetrics(const Ledger& ledger, EngineMetrics::Look look) : ledger_(ledger), look_(std::move(look)) {
  // Requests that named no known model are vLLM's 404s, which it does not count.
  for (std::uint16_t m = 0; m < ledger_.other_model(); ++m) models_.push_back(std::make_unique<Histograms>());
}

VllmMetrics::~VllmMetrics() = default;

void VllmMetrics::OnRequest(const RequestRecord& record) {
  if (record.model >= models_.size() || !Reached(record.admitted)) return;
  Histograms& model = *models_[record.model];
  model.latency.Observe(ToSeconds(record.ended - record.received));
  model.prompt_tokens.Observe(record.prompt_tokens);
  model.generation_tokens.Observe(record.generated_tokens);
  model.queue.Observe(ToSeconds((Reached(record.scheduled) ? record.scheduled : record.ended) - record.admitted));
  if (!Reached(record.first_token)) return;
  model.first_token.Observe(ToSeconds(record.first_token - record.received));
  model.prefill.Observe(ToSeconds(record.first_token - record.scheduled));
  model.decode.Observe(ToSeconds(record.last_token - record.first_token));
}

void VllmMetrics::OnStep(const engine::StepRecord& record) {
  if (std::accumulate(record.inter_token.begin(), record.inter_token.end(), 0U) == 0) return;
  models_[record.model]->inter_token.ObserveMultiple({record.inter_token.begin(), record.inter_token.end()}, record.inter_token_sum);
}

std::vector<prometheus::MetricFamily> VllmMetrics::Collect() const {
  FamilyBuilder running(Metric::kVllmRunning), waiting(Metric::kVllmWaiting), usage(Metric::kVllmKvCacheUsage);
  FamilyBuilder prompt(Metric::kVllmPromptTokens), generation(Metric::kVllmGenerationTokens), success(Metric::kVllmRequestSuccess);
  FamilyBuilder queries(Metric::kVllmPrefixCacheQueries), hits(Metric::kVllmPrefixCacheHits), preemptions(Metric::kVllmPreemptions);
  FamilyBuilder cache(Metric::kVllmCacheConfig);
  FamilyBuilder first_token(Metric::kVllmTimeToFirstToken), inter_token(Metric::kVllmInterTokenLatency),
      latency(Metric::kVllmRequestLatency);
  FamilyBuilder queue(Metric::kVllmQueueTime), prefill(Metric::kVllmPrefillTime), decode(Metric::kVllmDecodeTime);
  FamilyBuilder prompt_tokens(Metric::kVllmRequestPromptTokens), generation_tokens(Metric::kVllmRequestGenerationTokens);
  for (std::uint16_t m = 0; m < models_.size(); ++m) {
    const std::string& model = ledger_.models()[m];
    const std::string engine = std::to_string(m);
    std::array<Ledger::Totals, kEndpoints> totals;
    for (std::size_t e = 0; e < kEndpoints; ++e) totals[e] = ledger_.Read(m, static_cast<Endpoint>(e));
    prompt.Add({model, engine}, Sum(totals, &Ledger::Totals::prompt_tokens));
    generation.Add({model, engine}, Sum(totals, &Ledger::Totals::generated_tokens));
    success.Add({model, engine, "stop"}, Ended(totals, {Outcome::kOk, Outcome::kStop}));
    success.Add({model, engine, "length"}, Ended(totals, {Outcome::kLength}));
    success.Add({model, engine, "abort"}, Ended(totals, {Outcome::kCancelled, Outcome::kExpired}));
    success.Add({model, engine, "error"}, Ended(totals, {Outcome::kFailed}));
    const Histograms& histograms = *models_[m];
    first_token.Add({model, engine}, histograms.first_token);
    inter_token.Add({model, engine}, histograms.inter_token);
    latency.Add({model, engine}, histograms.latency);
    queue.Add({model, engine}, histograms.queue);
    prefill.Add({model, engine}, histograms.prefill);
    decode.Add({model, engine}, histograms.decode);
    prompt_tokens.Add({model, engine}, histograms.prompt_tokens);
    generation_tokens.Add({model, engine}, histograms.generation_tokens);
    const std::optional<ModelNow> look = look_(m);
    if (!look) continue;
    const engine::EngineStatus& status = look->status;
    running.Add({model, engine}, status.running);
    waiting.Add({model, engine}, std::accumulate(status.queued.begin(), status.queued.end(), 0.0));
    usage.Add({model, engine}, status.kv_blocks == 0 ? 0 : static_cast<double>(status.kv_blocks_used) / status.kv_blocks);
    queries.Add({model, engine}, static_cast<double>(status.prefix_query_tokens));
    hits.Add({model, engine}, static_cast<double>(status.prefix_hit_tokens));
    preemptions.Add({model, engine}, static_cast<double>(status.preemptions));
    cache.Add({model, engine, std::to_string(status.kv_block_tokens), std::to_string(status.kv_blocks)}, 1);
  }
  std::vector<prometheus::MetricFamily> families;
  for (FamilyBuilder* builder : {&running, &waiting, &usage, &prompt, &generation, &success, &queries, &hits, &preemptions, &cache,
                                 &first_token, &inter_token, &latency, &queue, &prefill, &decode, &prompt_tokens, &generation_tokens}) {
    families.push_back(builder->Take());
  }
  return families;
}

namespace {

// Values of error_type in the catalogue's order; complete answers have none.
constexpr std::array<std::string_view, 4> kErrors{"", "expired", "cancelled", "failed"};
constexpr std::array<std::string_view, kEndpoints> kOperations{"chat", "text_completion"};
constexpr std::string_view kProvider = "inferd";

std::size_t ErrorOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kExpired: return 1;
    case Outcome::kCancelled: return 2;
    case Outcome::kFailed: return 3;
    default: return 0;
  }
}

}  // namespace

struct OtelMetrics::Histograms {
  std::array<Histogram, kErrors.size()> duration{
      Histogram(BucketsOf(Metric::kOtelRequestDuration)), Histogram(BucketsOf(Metric::kOtelRequestDuration)),
      Histogram(BucketsOf(Metric::kOtelRequestDuration)), Histogram(BucketsOf(Metric::kOtelRequestDuration))};
  Histogram first_token{BucketsOf(Metric::kOtelTimeToFirstToken)};
  Histogram per_token{BucketsOf(Metric::kOtelTimePerOutputToken)};
};

OtelMetrics::OtelMetrics(const std::vector<std::string>& models) : models_(models) {
  for (std::size_t i = 0; i < models_.size() * kEndpoints; ++i) series_.push_back(std::make_unique<Histograms>());
}

OtelMetrics::~OtelMetrics() = default;

void OtelMetrics::OnRequest(const RequestRecord& record) {
  if (!Reached(record.admitted)) return;
  Histograms& series = *series_[record.model * kEndpoints + static_cast<std::size_t>(record.endpoint)];
  series.duration[ErrorOf(record.outcome)].Observe(ToSeconds(record.ended - record.received));
  if (!Successful(record.outcome)) return;
  if (Reached(record.first_token)) series.first_token.Observe(ToSeconds(record.first_token - record.received));
  if (const auto gap = TimePerOutputToken(record)) series.per_token.Observe(*gap);
}

std::vector<prometheus::MetricFamily> OtelMetrics::Collect() const {
  FamilyBuilder duration(Metric::kOtelRequestDuration), first_token(Metric::kOtelTimeToFirstToken),
      per_token(Metric::kOtelTimePerOutputToken);
  // The last name stands for requests that named no model: none of them is admitted.
  for (std::size_t m = 0; m + 1 < models_.size(); ++m) {
    for (std::size_t e = 0; e < kEndpoints; ++e) {
      const Histograms& series = *series_[m * kEndpoints + e];
      for (std::size_t error = 0; error < kErrors.size(); ++error)
        duration.Add({kOperations[e], kProvider, models_[m], kErrors[error]}, series.duration[error]);
      first_token.Add({kOperations[e], kProvider, models_[m]}, series.first_token);
      per_token.Add({kOperations[e], kProvider, models_[m]}, series.per_token);
    }
  }
  std::vector<prometheus::MetricFamily> families;
  for (FamilyBuilder* builder : {&duration, &first_token, &per_token}) families.push_back(builder->Take());
  return families;
}

}  // namespace inferd::metrics
