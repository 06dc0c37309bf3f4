// What an answer of the observability plane costs in processor time: /metrics in each format, packed, and its parts; /load.
#include <benchmark/benchmark.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "daemon/lifecycle.h"
#include "daemon/observability/gzip.h"
#include "daemon/observability/handlers.h"
#include "metrics/collectors/process.h"
#include "metrics/compat_metrics.h"
#include "metrics/engine_metrics.h"
#include "metrics/record_metrics.h"
#include "metrics/registry.h"
#include "metrics/slo.h"

namespace {

using namespace inferd;
using std::chrono::milliseconds;

// The sources that give nearly all series of a daemon with every compatibility export, after some load.
class LoadedDaemon {
 public:
  LoadedDaemon() {
    for (metrics::RecordView* view : std::initializer_list<metrics::RecordView*>{&records_, &slo_, &vllm_, &otel_, &rates_})
      views_.push_back(view);
    registry_.Add("records", records_);
    registry_.Add("slo", slo_);
    registry_.Add("vllm", vllm_);
    registry_.Add("otel", otel_);
    registry_.Add("engines", engines_);
    registry_.Add("process", process_);
    lifecycle_.MoveTo(daemon::State::kReady, "");
    for (int n = 1; n <= 2000; ++n) Live(n);
    now_.facts = {.architecture = "llama",
                  .quantization = "Q8_0",
                  .parameters = 7'000'000,
                  .context = 2048,
                  .sha256 = std::string(64, 'a'),
                  .load_seconds = 0.25,
                  .weights_bytes = 7'500'000,
                  .max_running = 32,
                  .peak_bytes_per_second = 2e10,
                  .peak_flops_per_second = 1e12};
    now_.status.queued = {0, 2, 1};
    now_.status.queue_capacity = 256;
    now_.status.running = 4;
    now_.status.oldest_queued = clock_.Now();
    now_.status.last_progress = clock_.Now();
    now_.status.kv_blocks = 64;
    now_.status.kv_blocks_used = 17;
  }

  metrics::Registry& registry() { return registry_; }
  metrics::Scraper& scraper() { return scraper_; }
  const metrics::ExemplarTable& exemplars() const { return records_.exemplars(); }
  daemon::ObservabilityHandlers& handlers() { return handlers_; }

 private:
  void Live(int n) {
    engine::RequestRecord record;
    record.id = std::string_view("req-" + std::to_string(n));
    record.trace_id = std::string_view(std::string(32 - std::to_string(n).size(), '0') + std::to_string(n));
    record.sampled = true;
    record.model = static_cast<std::uint16_t>(n % kModels);
    record.endpoint = n % 3 == 0 ? engine::Endpoint::kCompletions : engine::Endpoint::kChatCompletions;
    record.received = record.admitted = clock_.Now();
    record.received_wall = clock_.WallNow();
    record.prompt_tokens = static_cast<std::uint32_t>(n);
    record.outcome = engine::Outcome::kOk;
    record.choices = 1;
    ledger_.Received(record);
    record.scheduled = record.received + milliseconds(n % 97);
    record.first_token = record.scheduled + milliseconds(n % 313);
    record.last_token = record.ended = record.first_token + milliseconds(n);
    record.generated_tokens = static_cast<std::uint32_t>(1 + n % 200);
    ledger_.Ended(record);
    engine::StepRecord step;
    step.model = record.model;
    step.start = clock_.Now();
    step.forward = std::chrono::microseconds(100 + n * 37);
    step.decode_sequences = 3;
    step.inter_token[static_cast<std::size_t>(n) % 16] = 3;
    step.inter_token_sum = 0.0417 * n;
    step.weight_bytes_read = 7'500'000;
    step.flops = 5e9;
    for (metrics::RecordView* view : views_) {
      view->OnRequest(record);
      view->OnStep(step);
    }
  }

  static constexpr std::uint16_t kModels = 3;
  SystemClock clock_;
  Ring<engine::RequestRecord> ring_{64};
  engine::Ledger ledger_{{"demo", "big/model-2", "another-model"}, ring_};
  metrics::RecordMetrics records_{ledger_.models()};
  metrics::RecentRates rates_{ledger_.models().size()};
  metrics::ModelNow now_;
  metrics::EngineMetrics::Look look_ = [this](std::uint16_t) { return std::optional(now_); };
  metrics::EngineMetrics engines_{ledger_, clock_, look_, &rates_};
  metrics::SloMetrics slo_{ledger_.models(), {.ttft = milliseconds(50), .inter_token = milliseconds(100), .duration = {}}};
  metrics::VllmMetrics vllm_{ledger_, look_};
  metrics::OtelMetrics otel_{ledger_.models()};
  metrics::ProcessCollector process_;
  std::vector<metrics::RecordView*> views_;
  metrics::Registry registry_;
  metrics::Scraper scraper_{registry_, clock_, &records_.exemplars()};
  daemon::Lifecycle lifecycle_{clock_};
  daemon::ObservabilityHandlers handlers_{clock_,
                                          lifecycle_,
                                          scraper_,
                                          kModels,
                                          look_,
                                          [](const metrics::Health&) { return std::string(); },
                                          [](const daemon::RequestHead&) { return daemon::HttpResponse(); },
                                          [](const daemon::RequestHead&, const daemon::BodyReader&) { return daemon::HttpResponse(); }};
};

LoadedDaemon& Loaded() {
  static LoadedDaemon daemon;
  return daemon;
}

std::string Answer(const std::string& path, const std::string& accept) {
  daemon::RequestHead head;
  head.method = "GET";
  head.path = path;
  if (!accept.empty()) head.headers.push_back({"accept", accept});
  return Loaded().handlers().Handle(head, {}).body;
}

void CollectFamilies(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Loaded().registry().Collect());
  state.counters["series"] = static_cast<double>(metrics::CountSeries(Loaded().registry().Collect()));
}

void ScrapeText(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Answer("/metrics", ""));
  state.counters["bytes"] = static_cast<double>(Answer("/metrics", "").size());
}

void ScrapeOpenMetrics(benchmark::State& state) {
  constexpr const char* kAccept = "application/openmetrics-text;version=1.0.0";
  for (auto _ : state) benchmark::DoNotOptimize(Answer("/metrics", kAccept));
  state.counters["bytes"] = static_cast<double>(Answer("/metrics", kAccept).size());
}

void PackScrape(benchmark::State& state) {
  const std::string text = Answer("/metrics", "");
  for (auto _ : state) benchmark::DoNotOptimize(daemon::Gzip(text));
  state.counters["bytes"] = static_cast<double>(daemon::Gzip(text)->size());
}

void Load(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Answer("/load", ""));
  state.counters["bytes"] = static_cast<double>(Answer("/load", "").size());
}

BENCHMARK(CollectFamilies)->Unit(benchmark::kMicrosecond);
BENCHMARK(ScrapeText)->Unit(benchmark::kMicrosecond);
BENCHMARK(ScrapeOpenMetrics)->Unit(benchmark::kMicrosecond);
BENCHMARK(PackScrape)->Unit(benchmark::kMicrosecond);
BENCHMARK(Load)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
