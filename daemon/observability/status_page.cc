#include "daemon/observability/status_page.h"

#include <array>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/observability/json_writer.h"
#include "daemon/version.h"
#include "metrics/catalogue.h"
#include "runtime/engine/ledger.h"

namespace inferd::daemon {
namespace {

using metrics::Metric;

double Age(MonotonicTime since, MonotonicTime now) { return since == MonotonicTime{} || since > now ? 0 : ToSeconds(now - since); }

void WriteModels(JsonWriter& json, const Views& views, const metrics::EngineMetrics::Look& look, const metrics::RecentRates& rates,
                 MonotonicTime now) {
  json.Key("models").BeginArray();
  for (std::uint16_t m = 0; m < views.models.size(); ++m) {
    json.BeginObject().Member("model", views.models.names()[m]);
    const std::optional<metrics::ModelNow> model = look(m);
    if (!model) {
      json.Member("state", "loading").EndObject();
      continue;
    }
    const engine::EngineStatus& status = model->status;
    const metrics::RecentRates::PerSecond rate = rates.Read(m, now, status);
    json.Member("state", metrics::VerdictName(model->health.verdict))
        .Member("architecture", model->facts.architecture)
        .Member("quantization", model->facts.quantization)
        .Member("parameters", model->facts.parameters)
        .Member("context", model->facts.context)
        .Member("running", status.running)
        .Member("max_running", model->facts.max_running)
        .Member("queued", std::accumulate(status.queued.begin(), status.queued.end(), 0U))
        .Member("queue_capacity", status.queue_capacity)
        .Member("oldest_queued_seconds", Age(status.oldest_queued, now))
        .Member("oldest_without_token_seconds", Age(status.oldest_without_token, now))
        .Member("kv_usage", status.kv_blocks == 0 ? 0 : static_cast<double>(status.kv_blocks_used) / status.kv_blocks)
        .Member("requests_per_second", rate.requests)
        .Member("prompt_tokens_per_second", rate.prompt_tokens)
        .Member("generated_tokens_per_second", rate.generated_tokens)
        .Member("steps", status.steps)
        .Member("last_step_age_seconds", Age(status.last_step, now))
        .Member("preemptions", status.preemptions)
        .Member("locked_bytes", views.models.at(m)->facts.locked_bytes)
        .Member("cpus", views.models.at(m)->facts.cpus)
        .EndObject();
  }
  json.EndArray();
}

void WriteRequests(JsonWriter& json, const engine::Ledger& ledger) {
  json.Key("requests").BeginArray();
  for (std::uint16_t m = 0; m < ledger.models().size(); ++m) {
    for (std::size_t e = 0; e < engine::kEndpoints; ++e) {
      const auto endpoint = static_cast<engine::Endpoint>(e);
      const engine::Ledger::Totals totals = ledger.Read(m, endpoint);
      if (totals.received == 0 && m == ledger.other_model()) continue;
      json.BeginObject().Member("model", ledger.models()[m]).Member("endpoint", EndpointName(endpoint)).Member("received", totals.received);
      for (std::size_t s = 0; s < engine::kStages; ++s) json.Member(engine::kStageNames[s], totals.in_flight[s]);
      for (std::size_t o = 0; o < engine::kOutcomes; ++o) json.Member(OutcomeName(static_cast<engine::Outcome>(o)), totals.ended[o]);
      json.EndObject();
    }
  }
  json.EndArray();
}

// Of each GPU the figures that one looks at first; the rest is in /metrics.
void WriteGpus(JsonWriter& json, const metrics::Families& families) {
  struct Column {
    Metric metric;
    std::string_view label;  // value of the label after gpu, uuid and name; empty for the only series
    std::string_view name;
  };
  constexpr std::array kColumns{
      Column{Metric::kGpuUp, "", "up"},
      Column{Metric::kGpuUtilization, "", "utilization"},
      Column{Metric::kGpuMemory, "used", "memory_used_bytes"},
      Column{Metric::kGpuMemoryTotal, "", "memory_total_bytes"},
      Column{Metric::kGpuTemperature, "core", "temperature_celsius"},
      Column{Metric::kGpuPower, "", "power_watts"},
  };
  constexpr std::size_t kIdentity = 3;
  struct Gpu {
    std::string uuid, name;
    std::array<std::optional<double>, kColumns.size()> values;
  };
  std::map<std::string, Gpu> gpus;
  for (const prometheus::MetricFamily& family : families) {
    for (std::size_t c = 0; c < kColumns.size(); ++c) {
      if (family.name != NameOf(kColumns[c].metric)) continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        if (metric.label.size() > kIdentity && metric.label[kIdentity].value != kColumns[c].label) continue;
        Gpu& gpu = gpus[metric.label[0].value];
        gpu.uuid = metric.label[1].value;
        gpu.name = metric.label[2].value;
        gpu.values[c] = metric.gauge.value;
      }
    }
  }
  json.Key("gpus").BeginArray();
  for (const auto& [index, gpu] : gpus) {
    json.BeginObject().Member("gpu", index).Member("uuid", gpu.uuid).Member("name", gpu.name);
    for (std::size_t c = 0; c < kColumns.size(); ++c) {
      if (gpu.values[c]) json.Member(kColumns[c].name, *gpu.values[c]);
    }
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace

std::string StatusPage::Render(const metrics::Health& health) const {
  const MonotonicTime now = views_.clock.Now();
  const Lifecycle::Snapshot life = views_.lifecycle.snapshot();
  JsonWriter json;
  json.BeginObject()
      .Member("version", Version())
      .Member("revision", Revision())
      .Member("up_seconds", ToSeconds(now - begin_))
      .Member("state", StateName(life.state))
      .Member("state_reason", life.reason)
      .Member("state_seconds", Age(life.since, now));
  json.Key("health").BeginObject().Member("status", VerdictName(health.verdict)).Key("reasons").BeginArray();
  for (const std::string& reason : health.reasons) json.Value(reason);
  json.EndArray().EndObject();
  WriteModels(json, views_, look_, rates_, now);
  WriteRequests(json, views_.ledger);
  WriteGpus(json, collectors_.runner().Collect());
  json.Key("hidden_gpu_series").BeginArray();
  for (const metrics::HiddenSeries& hidden : collectors_.hidden_gpu_series())
    json.BeginObject().Member("gpu", hidden.gpu).Member("series", hidden.series).Member("reason", hidden.reason).EndObject();
  json.EndArray();
  json.Key("collectors").BeginArray();
  for (const metrics::CollectorState& state : collectors_.runner().States()) {
    json.BeginObject()
        .Member("collector", state.name)
        .Member("up", state.fault.empty())
        .Member("seconds", ToSeconds(state.duration))
        .Member("fault", state.fault)
        .EndObject();
  }
  json.EndArray();
  json.Key("daemon")
      .BeginObject()
      .Member("api_connections", views_.api_connections.open.load())
      .Member("last_reload_successful", views_.reload.last_successful.load())
      .Member("last_reload_timestamp_seconds", ToSeconds(Duration(views_.reload.last_success_ns.load())))
      .Member("dropped_request_records", views_.requests.dropped())
      .Member("dropped_step_records", views_.steps.dropped())
      .Member("drain_cut", views_.drain.cut.load())
      .EndObject();
  json.EndObject();
  return json.Take() + "\n";
}

}  // namespace inferd::daemon
