#include "daemon/observability/plane.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "daemon/admission.h"
#include "daemon/api/keys.h"
#include "daemon/crash.h"
#include "daemon/log.h"
#include "daemon/observability/collectors.h"
#include "daemon/observability/daemon_metrics.h"
#include "daemon/observability/debug_pages.h"
#include "daemon/observability/handlers.h"
#include "daemon/observability/server.h"
#include "daemon/observability/status_page.h"
#include "daemon/version.h"
#include "logging/flight_recorder.h"
#include "logging/trace_export.h"
#include "metrics/collectors/process.h"
#include "metrics/compat_metrics.h"
#include "metrics/engine_metrics.h"
#include "metrics/recent_rates.h"
#include "metrics/record_metrics.h"
#include "metrics/recorder.h"
#include "metrics/registry.h"
#include "metrics/slo.h"

namespace inferd::daemon {
namespace {

std::optional<metrics::ModelNow> LookAt(const Views& views, std::uint16_t index) {
  const ServedModel* model = views.models.at(index);
  if (model == nullptr) return std::nullopt;
  metrics::ModelNow now;
  const ModelFacts& facts = model->facts;
  now.facts = {.architecture = facts.architecture,
               .quantization = facts.quantization,
               .parameters = facts.parameters,
               .context = model->context,
               .sha256 = facts.sha256,
               .load_seconds = ToSeconds(facts.load_time),
               .weights_bytes = facts.weight_bytes,
               .max_running = model->engine->options().max_running,
               .peak_bytes_per_second = facts.peak.bytes_per_second,
               .peak_flops_per_second = facts.peak.flops_per_second};
  now.status = model->engine->status();
  now.health = metrics::JudgeEngine(now.status, now.facts.max_running, views.clock.Now());
  const State state = views.lifecycle.state();
  if (state < State::kReady) now.health.verdict = metrics::Verdict::kLoading;
  // One that stands still will not get to the end of a drain: that is what has to be seen.
  if (state > State::kReady && now.health.verdict != metrics::Verdict::kStalled) now.health.verdict = metrics::Verdict::kDraining;
  return now;
}

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

// A target of 0 is not kept.
metrics::SloTargets TargetsOf(const config::Slo& slo) {
  const auto target = [](Duration duration) { return duration > Duration::zero() ? std::optional(duration) : std::nullopt; };
  return {.ttft = target(slo.ttft), .inter_token = target(slo.inter_token), .duration = target(slo.duration)};
}

class Plane final : public ObservabilityPlane {
 public:
  explicit Plane(const Views& views)
      : views_(views),
        recorder_(views.requests, views.steps),
        record_metrics_(views.ledger.models()),
        rates_(views.ledger.models().size()),
        engine_metrics_(
            views.ledger, views.clock, [&views](std::uint16_t m) { return LookAt(views, m); }, &rates_),
        collectors_(views),
        slo_metrics_(views.ledger.models(), TargetsOf(views.config.slo)),
        registry_(static_cast<std::size_t>(views.config.observability.max_series), Collectors::Say),
        status_(
            views, [&views](std::uint16_t m) { return LookAt(views, m); }, rates_, collectors_),
        scraper_(registry_, views.clock, &record_metrics_.exemplars()),
        handlers_(
            views.clock, views.lifecycle, scraper_, static_cast<std::uint16_t>(views.models.size()),
            [&views](std::uint16_t m) { return LookAt(views, m); },
            [this](const metrics::Health& health) { return status_.Render(health); },
            [this](const RequestHead& head) { return debug_.Handle(head); }),
        debug_(views, flight_recorder_,
               {{"metrics.txt", [this] { return scraper_.Scrape(metrics::Format::kText, {}); }},
                {"status.json", [this] { return status_.Render(handlers_.Judge()); }}}) {
    recorder_.Add(flight_recorder_);
    SetCrashRecorder(&flight_recorder_);
    recorder_.Add(rates_);
    Show("records", record_metrics_);
    Show("slo", slo_metrics_);
    for (const std::string& names : views.config.observability.compat) {
      if (names == "vllm") Show("vllm", vllm_metrics_.emplace(views.ledger, [&views](std::uint16_t m) { return LookAt(views, m); }));
      if (names == "otel") Show("otel", otel_metrics_.emplace(views.ledger.models()));
    }
    if (views.config.tracing.otlp) recorder_.Add(StartTraces());
    registry_.Add("engines", engine_metrics_);
    registry_.Add("process", process_);
    registry_.Add("collectors", collectors_.runner());
  }
  ~Plane() override {
    Stop();
    SetCrashRecorder(nullptr);
  }

  Result<std::uint16_t> Start(const std::string& listen) override {
    server_.emplace(
        ObservabilityServerOptions{.listen = listen}, views_.clock, [this](const RequestHead& head) { return Guarded(head); },
        ObservabilityHandlers::RouteOf);
    daemon_metrics_.emplace(views_, *server_, traces_ ? &traces_->counters() : nullptr);
    registry_.Add("daemon", *daemon_metrics_);
    INFERD_RETURN_IF_ERROR(server_->Start());
    recorder_.Start();
    collectors_.Start();
    registry_.Collect();
    if (const std::uint64_t n = registry_.overflowed(); n > 0) {
      Log(Level::kWarn, fmt::format("the metrics have more than observability.max_series = {} series: {} label values are shown as other",
                                    views_.config.observability.max_series, n));
    }
    return server_->port();
  }

  // Of the views, objectives alone must not miss a request: a burst that fills the ring is when the bad ones come.
  void OnLostRecord(const engine::RequestRecord& record) override { slo_metrics_.OnRequest(record); }
  std::string LastRecords() override { return debug_.AsComments(); }
  std::string Exposition() override { return scraper_.Scrape(metrics::Format::kText, {}); }

  void Stop() override {
    if (server_) server_->Stop();
    collectors_.Stop();
    recorder_.Stop();
    if (traces_) traces_->Stop();
  }

 private:
  // A view of the records that /metrics shows.
  template <typename View>
  void Show(std::string_view name, View& view) {
    recorder_.Add(view);
    registry_.Add(name, view);
  }

  logging::TraceExporter& StartTraces() {
    logging::TraceExportOptions options;
    options.url = *views_.config.tracing.otlp;
    options.resource = {.version = std::string(Version()), .instance = HostName() + ":" + std::to_string(::getpid())};
    return traces_.emplace(std::move(options), views_.ledger.models(),
                           [](const std::string& trouble) { Log(logging::TracesNotTaken{.trouble = trouble}); });
  }

  // With keys configured, who is not on this machine needs one that may read metrics; probes of health and life need none. What a proxy on
  // this machine passes on came from elsewhere.
  HttpResponse Guarded(const RequestHead& head) {
    const std::shared_ptr<const KeyStore> keys = *views_.keys.Get();
    const bool passed_on = !head.Find("x-forwarded-for").empty() || !head.Find("forwarded").empty();
    const bool local = (head.peer.starts_with("127.") || head.peer == "::1") && !passed_on;
    if (keys == nullptr || local || head.path == "/livez" || head.path == "/readyz" || head.path == "/healthz")
      return handlers_.Handle(head);
    const auto key = BearerKey(head.Find("authorization"));
    const auto holder = key ? keys->Find(*key) : std::nullopt;
    // What requests did and how the daemon is configured is more than metrics.
    const bool debug = head.path.starts_with("/debug/");
    if (holder && (holder->role == Role::kAdmin || (holder->role == Role::kMetrics && !debug))) return handlers_.Handle(head);
    HttpResponse response;
    response.status = holder ? 403 : 401;
    response.content_type = "text/plain; charset=utf-8";
    response.body =
        holder ? "this API key may not read this\n" : "an API key with the role metrics or admin is needed: Authorization: Bearer KEY\n";
    if (!holder) response.Set("WWW-Authenticate", "Bearer");
    return response;
  }

  const Views& views_;
  metrics::Recorder recorder_;
  metrics::RecordMetrics record_metrics_;
  metrics::RecentRates rates_;
  metrics::EngineMetrics engine_metrics_;
  metrics::ProcessCollector process_;
  Collectors collectors_;
  metrics::SloMetrics slo_metrics_;
  std::optional<metrics::VllmMetrics> vllm_metrics_;
  std::optional<metrics::OtelMetrics> otel_metrics_;
  metrics::Registry registry_;
  StatusPage status_;
  metrics::Scraper scraper_;
  ObservabilityHandlers handlers_;
  logging::FlightRecorder flight_recorder_;
  DebugPages debug_;
  std::optional<logging::TraceExporter> traces_;
  std::optional<ObservabilityServer> server_;
  std::optional<DaemonMetrics> daemon_metrics_;
};

}  // namespace

std::unique_ptr<ObservabilityPlane> MakeObservabilityPlane(const Views& views) { return std::make_unique<Plane>(views); }

}  // namespace inferd::daemon
