#include "metrics/record_metrics.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <initializer_list>
#include <numeric>

#include "metrics/family.h"
#include "metrics/request_times.h"

namespace inferd::metrics {
namespace {

using engine::Endpoint;
using engine::kEndpoints;
using engine::kPriorities;
using engine::kStepPhases;
using engine::Outcome;
using engine::Priority;
using engine::RequestRecord;
using engine::StepPhase;
using prometheus::Histogram;

// Who was observed, for exemplars; empty labels when nobody can look it up.
struct Witness {
  std::string labels;
  WallTime at{};
};

// A histogram with the catalogue's buckets.
struct Series {
  explicit Series(Metric metric) : histogram(BucketsOf(metric)) {}
  Histogram histogram;
};

// The same, with a witness for each bucket.
struct WitnessedSeries {
  WitnessedSeries(ExemplarTable& table, Metric metric, std::initializer_list<std::string_view> labels)
      : histogram(BucketsOf(metric)), exemplars(table.Add(metric, labels)) {}
  void Observe(double value, const Witness& witness) {
    histogram.Observe(value);
    exemplars.Note(value, witness.labels, witness.at);
  }
  Histogram histogram;
  ExemplarTable::Series& exemplars;
};

Witness WitnessOf(const RequestRecord& record) {
  // A trace that is not kept would lead nowhere.
  if (!record.sampled) return {};
  return {ExemplarLabels({{"trace_id", record.trace_id.view()}, {"request_id", record.id.view()}}),
          record.received_wall + (record.ended - record.received)};
}

}  // namespace

struct RecordMetrics::RequestSeries {
  RequestSeries(ExemplarTable& table, std::string_view model, std::string_view endpoint)
      : duration(table, Metric::kRequestDuration, {model, endpoint}),
        prefill(table, Metric::kRequestPrefillTime, {model, endpoint}),
        decode(table, Metric::kRequestDecodeTime, {model, endpoint}),
        first_token(table, Metric::kTimeToFirstToken, {model, endpoint}),
        per_token(table, Metric::kTimePerOutputToken, {model, endpoint}),
        prompt_tokens(table, Metric::kRequestPromptTokens, {model, endpoint}),
        generated_tokens(table, Metric::kRequestGeneratedTokens, {model, endpoint}) {
    for (std::size_t p = 0; p < kPriorities; ++p)
      queue.emplace_back(table, Metric::kRequestQueueTime,
                         std::initializer_list<std::string_view>{model, endpoint, PriorityName(static_cast<Priority>(p))});
    for (std::size_t o = 0; o < engine::kOutcomes; ++o)
      ended.push_back(&table.Add(Metric::kRequestsEnded, {model, endpoint, OutcomeName(static_cast<Outcome>(o))}));
    for (std::size_t r = 1; r < engine::kRefusalReasons; ++r)
      rejected.push_back(
          &table.Add(Metric::kRequestsRejected, {model, endpoint, RefusalReasonName(static_cast<engine::RefusalReason>(r))}));
  }

  WitnessedSeries duration, prefill, decode, first_token, per_token, prompt_tokens, generated_tokens;
  std::deque<WitnessedSeries> queue;  // by priority
  // Counters that the ledger holds: by outcome, and by reason without kNone.
  std::vector<ExemplarTable::Series*> ended, rejected;
};

struct RecordMetrics::StepSeries {
  std::array<Series, kStepPhases> time{Series(Metric::kEngineStepTime), Series(Metric::kEngineStepTime), Series(Metric::kEngineStepTime)};
  Series tokens{Metric::kEngineStepTokens};
  Series sequences{Metric::kEngineStepSequences};
  Series inter_token{Metric::kInterToken};
  std::array<std::atomic<std::uint64_t>, kStepPhases> steps{};
  std::atomic<std::int64_t> busy_nanoseconds{0};
  std::atomic<std::uint64_t> weight_bytes{0};
  std::atomic<double> flops{0};
};

RecordMetrics::RecordMetrics(const std::vector<std::string>& models) : models_(models) {
  for (const std::string& model : models_) {
    for (std::size_t e = 0; e < kEndpoints; ++e)
      requests_.push_back(std::make_unique<RequestSeries>(exemplars_, model, EndpointName(static_cast<Endpoint>(e))));
  }
  // The last name stands for requests that named no model; no engine steps under it.
  for (std::size_t i = 0; i + 1 < models_.size(); ++i) steps_.push_back(std::make_unique<StepSeries>());
}

RecordMetrics::~RecordMetrics() = default;

void RecordMetrics::OnRequest(const RequestRecord& record) {
  RequestSeries& series = *requests_[record.model * kEndpoints + static_cast<std::size_t>(record.endpoint)];
  const Witness witness = WitnessOf(record);
  series.ended[static_cast<std::size_t>(record.outcome)]->Note(1, witness.labels, witness.at);
  if (record.refusal != engine::RefusalReason::kNone)
    series.rejected[static_cast<std::size_t>(record.refusal) - 1]->Note(1, witness.labels, witness.at);
  // What was never admitted would make latencies look better, the more the busier the server is; rejections have counters of their own.
  if (!Reached(record.admitted)) return;
  series.duration.Observe(ToSeconds(record.ended - record.received), witness);
  series.prompt_tokens.Observe(record.prompt_tokens, witness);
  series.generated_tokens.Observe(record.generated_tokens, witness);
  // A request that ended in the queue waited until its end.
  const MonotonicTime left_queue = Reached(record.scheduled) ? record.scheduled : record.ended;
  series.queue[static_cast<std::size_t>(record.priority)].Observe(ToSeconds(left_queue - record.admitted), witness);
  if (!Reached(record.first_token)) return;
  series.first_token.Observe(ToSeconds(record.first_token - record.received), witness);
  series.prefill.Observe(ToSeconds(record.first_token - record.scheduled), witness);
  series.decode.Observe(ToSeconds(record.last_token - record.first_token), witness);
  if (const auto gap = TimePerOutputToken(record)) series.per_token.Observe(*gap, witness);
}

void RecordMetrics::OnStep(const engine::StepRecord& record) {
  StepSeries& series = *steps_[record.model];
  const auto phase = static_cast<std::size_t>(record.phase);
  series.steps[phase].fetch_add(1, std::memory_order_relaxed);
  series.time[phase].histogram.Observe(ToSeconds(record.total()));
  series.tokens.histogram.Observe(record.prefill_tokens + record.decode_sequences);
  series.sequences.histogram.Observe(record.prefill_sequences + record.decode_sequences);
  if (std::accumulate(record.inter_token.begin(), record.inter_token.end(), 0U) > 0) {
    series.inter_token.histogram.ObserveMultiple({record.inter_token.begin(), record.inter_token.end()}, record.inter_token_sum);
  }
  series.busy_nanoseconds.fetch_add(record.total().count(), std::memory_order_relaxed);
  series.weight_bytes.fetch_add(record.weight_bytes_read, std::memory_order_relaxed);
  series.flops.store(series.flops.load(std::memory_order_relaxed) + record.flops, std::memory_order_relaxed);
}

std::vector<prometheus::MetricFamily> RecordMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  const auto per_request = [&](Metric metric, WitnessedSeries RequestSeries::*member) {
    FamilyBuilder builder(metric);
    for (std::size_t m = 0; m < models_.size(); ++m) {
      for (std::size_t e = 0; e < kEndpoints; ++e) {
        builder.Add({models_[m], EndpointName(static_cast<Endpoint>(e))}, (requests_[m * kEndpoints + e].get()->*member).histogram);
      }
    }
    families.push_back(builder.Take());
  };
  per_request(Metric::kRequestDuration, &RequestSeries::duration);
  per_request(Metric::kRequestPrefillTime, &RequestSeries::prefill);
  per_request(Metric::kRequestDecodeTime, &RequestSeries::decode);
  per_request(Metric::kTimeToFirstToken, &RequestSeries::first_token);
  per_request(Metric::kTimePerOutputToken, &RequestSeries::per_token);
  per_request(Metric::kRequestPromptTokens, &RequestSeries::prompt_tokens);
  per_request(Metric::kRequestGeneratedTokens, &RequestSeries::generated_tokens);

  FamilyBuilder queue(Metric::kRequestQueueTime);
  for (std::size_t m = 0; m < models_.size(); ++m) {
    for (std::size_t e = 0; e < kEndpoints; ++e) {
      for (std::size_t p = 0; p < kPriorities; ++p) {
        queue.Add({models_[m], EndpointName(static_cast<Endpoint>(e)), PriorityName(static_cast<Priority>(p))},
                  requests_[m * kEndpoints + e]->queue[p].histogram);
      }
    }
  }
  families.push_back(queue.Take());

  FamilyBuilder steps(Metric::kEngineSteps), time(Metric::kEngineStepTime), tokens(Metric::kEngineStepTokens);
  FamilyBuilder sequences(Metric::kEngineStepSequences), inter_token(Metric::kInterToken), busy(Metric::kEngineBusyTime);
  FamilyBuilder bytes(Metric::kModelBytesRead), flops(Metric::kModelFlops);
  for (std::size_t m = 0; m < steps_.size(); ++m) {
    const StepSeries& series = *steps_[m];
    const std::string& model = models_[m];
    for (std::size_t p = 0; p < kStepPhases; ++p) {
      steps.Add({model, StepPhaseName(static_cast<StepPhase>(p))}, static_cast<double>(series.steps[p].load()));
      time.Add({model, StepPhaseName(static_cast<StepPhase>(p))}, series.time[p].histogram);
    }
    tokens.Add({model}, series.tokens.histogram);
    sequences.Add({model}, series.sequences.histogram);
    inter_token.Add({model}, series.inter_token.histogram);
    busy.Add({model}, static_cast<double>(series.busy_nanoseconds.load()) * 1e-9);
    bytes.Add({model}, static_cast<double>(series.weight_bytes.load()));
    flops.Add({model}, series.flops.load());
  }
  for (FamilyBuilder* builder : {&steps, &time, &tokens, &sequences, &inter_token, &busy, &bytes, &flops})
    families.push_back(builder->Take());
  return families;
}

}  // namespace inferd::metrics
