#include "metrics/engine_metrics.h"

#include <array>
#include <cstddef>

#include "metrics/family.h"

namespace inferd::metrics {
namespace {

using engine::Endpoint;
using engine::Ledger;

// Age at `now` of something that began at `since`; 0 when it has not.
double Age(MonotonicTime since, MonotonicTime now) { return since == MonotonicTime{} || since > now ? 0 : ToSeconds(now - since); }

}  // namespace

std::vector<prometheus::MetricFamily> EngineMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  CollectRequests(families);
  CollectEngines(families);
  return families;
}

void EngineMetrics::CollectRequests(std::vector<prometheus::MetricFamily>& families) const {
  FamilyBuilder received(Metric::kRequestsReceived), ended(Metric::kRequestsEnded), in_flight(Metric::kRequestsInFlight);
  FamilyBuilder rejected(Metric::kRequestsRejected), prompt(Metric::kPromptTokens), cached(Metric::kCachedPromptTokens);
  FamilyBuilder generated(Metric::kGeneratedTokens);
  for (std::uint16_t m = 0; m < ledger_.models().size(); ++m) {
    const std::string& model = ledger_.models()[m];
    for (std::size_t e = 0; e < engine::kEndpoints; ++e) {
      const auto endpoint = static_cast<Endpoint>(e);
      const std::string_view name = EndpointName(endpoint);
      const Ledger::Totals totals = ledger_.Read(m, endpoint);
      received.Add({model, name}, static_cast<double>(totals.received));
      for (std::size_t o = 0; o < engine::kOutcomes; ++o) {
        const std::string_view outcome = OutcomeName(static_cast<engine::Outcome>(o));
        ended.Add({model, name, outcome}, static_cast<double>(totals.ended[o]));
        prompt.Add({model, name, outcome}, static_cast<double>(totals.prompt_tokens[o]));
        cached.Add({model, name, outcome}, static_cast<double>(totals.cached_prompt_tokens[o]));
        generated.Add({model, name, outcome}, static_cast<double>(totals.generated_tokens[o]));
      }
      for (std::size_t s = 0; s < engine::kStages; ++s)
        in_flight.Add({model, name, engine::kStageNames[s]}, static_cast<double>(totals.in_flight[s]));
      for (std::size_t r = 1; r < engine::kRefusalReasons; ++r) {
        rejected.Add({model, name, RefusalReasonName(static_cast<engine::RefusalReason>(r))}, static_cast<double>(totals.rejected[r]));
      }
    }
  }
  for (FamilyBuilder* builder : {&received, &ended, &in_flight, &rejected, &prompt, &cached, &generated})
    families.push_back(builder->Take());
}

void EngineMetrics::CollectEngines(std::vector<prometheus::MetricFamily>& families) const {
  FamilyBuilder depth(Metric::kQueueDepth), capacity(Metric::kQueueCapacity), oldest(Metric::kQueueOldest);
  FamilyBuilder without_token(Metric::kRequestOldestWithoutToken), drain_rate(Metric::kQueueDrainRate), running(Metric::kRequestsRunning);
  FamilyBuilder step_age(Metric::kEngineLastStepAge), state(Metric::kEngineState);
  FamilyBuilder blocks(Metric::kKvCacheBlocks), used(Metric::kKvCacheBlocksUsed), usage(Metric::kKvCacheUsage),
      bytes(Metric::kKvCacheBytes);
  FamilyBuilder query(Metric::kPrefixCacheQueryTokens), hit(Metric::kPrefixCacheHitTokens), preemptions(Metric::kPreemptions);
  FamilyBuilder info(Metric::kModelInfo), load(Metric::kModelLoadTime), weights(Metric::kModelWeightsBytes);
  FamilyBuilder peak_bytes(Metric::kModelPeakBandwidth), peak_flops(Metric::kModelPeakFlops);
  FamilyBuilder bandwidth(Metric::kEngineBandwidthUtilization), arithmetic(Metric::kEngineArithmeticUtilization);
  const MonotonicTime now = clock_.Now();
  for (std::uint16_t m = 0; m < ledger_.other_model(); ++m) {
    const std::string& model = ledger_.models()[m];
    const std::optional<ModelNow> look = look_(m);
    const Verdict verdict = look ? look->health.verdict : Verdict::kLoading;
    for (std::size_t v = 0; v < kVerdicts; ++v) {
      state.Add({model, VerdictName(static_cast<Verdict>(v))}, static_cast<std::size_t>(verdict) == v ? 1 : 0);
    }
    if (!look) continue;
    const engine::EngineStatus& status = look->status;
    for (std::size_t p = 0; p < engine::kPriorities; ++p)
      depth.Add({model, PriorityName(static_cast<engine::Priority>(p))}, status.queued[p]);
    capacity.Add({model}, status.queue_capacity);
    oldest.Add({model}, Age(status.oldest_queued, now));
    without_token.Add({model}, Age(status.oldest_without_token, now));
    drain_rate.Add({model}, status.drain_rate);
    running.Add({model}, status.running);
    step_age.Add({model}, Age(status.last_step, now));
    blocks.Add({model}, status.kv_blocks);
    used.Add({model}, status.kv_blocks_used);
    usage.Add({model}, status.kv_blocks == 0 ? 0 : static_cast<double>(status.kv_blocks_used) / status.kv_blocks);
    bytes.Add({model}, static_cast<double>(status.kv_cache_bytes));
    query.Add({model}, static_cast<double>(status.prefix_query_tokens));
    hit.Add({model}, static_cast<double>(status.prefix_hit_tokens));
    preemptions.Add({model}, static_cast<double>(status.preemptions));
    const ModelFacts& facts = look->facts;
    info.Add({model, facts.architecture, facts.quantization, std::to_string(facts.parameters), std::to_string(facts.context), facts.sha256},
             1);
    load.Add({model}, facts.load_seconds);
    weights.Add({model}, static_cast<double>(facts.weights_bytes));
    if (rates_ == nullptr || facts.peak_bytes_per_second <= 0 || facts.peak_flops_per_second <= 0) continue;
    const RecentRates::PerSecond rate = rates_->Read(m, now, status);
    peak_bytes.Add({model}, facts.peak_bytes_per_second);
    peak_flops.Add({model}, facts.peak_flops_per_second);
    bandwidth.Add({model}, rate.weight_bytes / facts.peak_bytes_per_second);
    arithmetic.Add({model}, rate.flops / facts.peak_flops_per_second);
  }
  for (FamilyBuilder* builder :
       {&depth, &capacity, &oldest, &without_token, &drain_rate, &running, &step_age, &state,      &blocks,     &used,      &usage,
        &bytes, &query,    &hit,    &preemptions,   &info,       &load,    &weights,  &peak_bytes, &peak_flops, &bandwidth, &arithmetic}) {
    families.push_back(builder->Take());
  }
}

}  // namespace inferd::metrics
