#include "daemon/observability/plane.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "daemon/admission.h"
#include "daemon/api/keys.h"
#include "daemon/audit.h"
#include "daemon/crash.h"
#include "daemon/flight_data.h"
#include "daemon/local_names.h"
#include "daemon/log.h"
#include "daemon/notifier_options.h"
#include "daemon/observability/alert_evidence.h"
#include "daemon/observability/client_threads.h"
#include "daemon/observability/collectors.h"
#include "daemon/observability/daemon_metrics.h"
#include "daemon/observability/debug_pages.h"
#include "daemon/observability/handlers.h"
#include "daemon/observability/notifications.h"
#include "daemon/observability/query_api.h"
#include "daemon/observability/server.h"
#include "daemon/observability/status_page.h"
#include "daemon/observability/watch.h"
#include "daemon/rules.h"
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
#include "metrics/store/history_file.h"
#include "runtime/base/thread.h"

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

// The first of the service manager's (systemd.exec(5), StateDirectory=); empty without one.
std::string StateFolder() {
  const char* folders = std::getenv("STATE_DIRECTORY");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  const std::string_view text = folders == nullptr ? "" : folders;
  return std::string(text.substr(0, text.find(':')));
}

// The path as a label.
std::string_view RouteOf(std::string_view path) {
  const std::string_view alerting = AlertingPages::RouteOf(path);
  return alerting.empty() ? ObservabilityHandlers::RouteOf(path) : alerting;
}

// A target of 0 is not kept.
metrics::SloTargets TargetsOf(const config::Slo& slo) {
  const auto target = [](Duration duration) { return duration > Duration::zero() ? std::optional(duration) : std::nullopt; };
  return {.ttft = target(slo.ttft), .inter_token = target(slo.inter_token), .duration = target(slo.duration)};
}

WatchOptions WatchOptionsOf(const config::Config& config, std::uint16_t port) {
  const auto millis = [](Duration duration) { return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count(); };
  WatchOptions options;
  options.interval = config.observability.interval;
  options.history = {.retention = millis(config.observability.retention),
                     .max_bytes = config.observability.history_bytes,
                     .max_series = 2 * static_cast<std::size_t>(config.observability.max_series)};
  const std::string instance = config.alerts.instance.value_or(HostName() + ":" + std::to_string(port));
  options.rules.interval = millis(config.alerts.interval);
  options.rules.evaluator.external_labels = {{"instance", instance}};
  options.rules.evaluator.external_url = config.alerts.external_url.value_or("http://" + instance);
  options.folder = StateFolder();
  return options;
}

// A bundle is made in memory. Six hours of 2000 series take less than half of it.
constexpr std::size_t kMostHistoryInBundle = 32U << 20U;

class Plane final : public ObservabilityPlane {
 public:
  explicit Plane(const Views& views)
      : views_(views),
        names_({views.config.observability.listen}, HostName()),
        recorder_(views.requests, views.steps),
        notifications_(views.clock, views.audit, StateFolder()),
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
            [this](const RequestHead& head) { return debug_.Handle(head); },
            [this](const RequestHead& head, const BodyReader& body) { return query_api_->Handle(head, body); }),
        debug_(views, flight_recorder_,
               {{"metrics.txt", [this] { return scraper_.Scrape(metrics::Format::kText, {}); }},
                {"status.json", [this] { return status_.Render(handlers_.Judge()); }},
                {"history", [this] { return metrics::HistoryBytes(watch_->history(), kMostHistoryInBundle); }}}) {
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
    registry_.Add("notifiers", notifications_);
  }
  ~Plane() override {
    Stop();
    SetCrashRecorder(nullptr);
  }

  Result<std::uint16_t> Start(const std::string& listen) override {
    server_.emplace(
        ObservabilityServerOptions{.listen = listen, .threads = ClientThreads()}, views_.clock,
        [this](const RequestHead& head, const BodyReader& body) { return Guarded(head, body); }, RouteOf);
    daemon_metrics_.emplace(views_, *server_, traces_ ? &traces_->counters() : nullptr);
    registry_.Add("daemon", *daemon_metrics_);
    INFERD_ASSIGN_OR_RETURN(const auto notifiers, NotifierOptionsOf(views_.config.alerts));
    notifications_.Configure(notifiers);
    INFERD_ASSIGN_OR_RETURN(auto rules, LoadRules(views_.config.alerts));
    INFERD_RETURN_IF_ERROR(server_->Start());
    // Only now the port is known, by which receivers of alerts tell daemons apart.
    watch_.emplace(WatchOptionsOf(views_.config, server_->port()), views_.clock, registry_, std::move(rules));
    registry_.Add("alerts", *watch_);
    watch_->Add(notifications_);
    if (!StateFolder().empty()) watch_->Add(evidence_);
    query_api_.emplace(*watch_, views_.clock,
                       QueryLimits{.timeout = views_.config.observability.query_timeout,
                                   .samples = static_cast<std::uint64_t>(views_.config.observability.query_samples)});
    registry_.Add("queries", *query_api_);
    open_ = true;
    recorder_.Start();
    collectors_.Start();
    watch_->Start();
    registry_.Collect();
    if (const std::uint64_t n = registry_.overflowed(); n > 0) {
      Log(Level::kWarn, fmt::format("the metrics have more than observability.max_series = {} series: {} label values are shown as other",
                                    views_.config.observability.max_series, n));
    }
    return server_->port();
  }

  // Of the views, objectives alone must not miss a request: a burst that fills the ring is when the bad ones come.
  void OnLostRecord(const engine::RequestRecord& record) override { slo_metrics_.OnRequest(record); }
  void SetRules(std::vector<alerts::RuleGroup> rules) override { watch_->Replace(std::move(rules)); }
  std::string LastRecords() override { return debug_.AsComments(); }
  std::string Exposition() override { return scraper_.Scrape(metrics::Format::kText, {}); }

  void SetNotifiers(const std::vector<alerts::NotifierOptions>& notifiers) override { notifications_.Configure(notifiers); }

  void Stop() override {
    if (query_api_) query_api_->Stop();
    // What judges the rules tells the notifiers, and a test of a notifier holds a thread of the server until it has its answer.
    if (watch_) watch_->Stop();
    evidence_.Stop();
    notifications_.Stop();
    if (server_) server_->Stop();
    collectors_.Stop();
    recorder_.Stop();
    if (traces_) traces_->Stop();
  }

 private:
  void SaveEvidence(const std::string& why) {
    const auto saved =
        SaveFlightData(StateFolder() + "/flight", EnginesAsComments(views_, why) + LastRecords() + Exposition(), views_.clock.WallNow());
    if (saved) {
      Log(Level::kWarn, "flight data saved to " + *saved + ": " + why);
    } else {
      Log(Level::kError, "flight data not saved: " + saved.error().message);
    }
  }

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

  // Who is on this machine needs no key, unless he calls it by a name that is not its own, as a web page does that had its name lead here,
  // or a proxy on this machine passes him on: then he came from elsewhere. With keys configured, everybody else needs one that may read
  // metrics, and who wants the daemon to do something one with the role admin, wherever he is; probes of health and life need none.
  HttpResponse Guarded(const RequestHead& head, const BodyReader& body) {
    if (!open_) return HttpResponse::Plain(503, "starting");
    const bool alerting = !AlertingPages::RouteOf(head.path).empty();
    const bool acts = alerting && AlertingPages::Acts(head);
    const std::shared_ptr<const KeyStore> keys = *views_.keys.Get();
    const bool passed_on = !head.Find("x-forwarded-for").empty() || !head.Find("forwarded").empty();
    const bool here = (head.peer.starts_with("127.") || head.peer == "::1") && !passed_on && !acts;
    const bool local = (keys == nullptr || here) && names_.Has(head.Find("host"));
    if (head.path == "/livez" || head.path == "/readyz" || head.path == "/healthz") return Answer(head, body, alerting, {});
    const auto key = BearerKey(head.Find("authorization"));
    const auto holder = key && keys != nullptr ? keys->Find(*key) : std::nullopt;
    // What requests did and how the daemon is configured is more than metrics.
    const bool needs_admin = acts || head.path.starts_with("/debug/");
    Auditor::KeyUse use{.holder = holder ? std::string_view(holder->name) : std::string_view(), .client = head.peer, .path = head.path};
    if (holder && holder->role == Role::kAdmin && needs_admin) views_.audit.EnterAdmin(use);
    if (local || (holder && (holder->role == Role::kAdmin || (holder->role == Role::kMetrics && !needs_admin)))) {
      if (use.holder.empty()) use.holder = "local";
      return Answer(head, body, alerting, use);
    }
    const std::string why =
        keys == nullptr ? "the Host header names another machine: without keys only this machine's own names are answered"
                        : fmt::format("{} the role {} is needed: Authorization: Bearer KEY",
                                      holder ? "another API key with" : "an API key with", needs_admin ? "admin" : "metrics or admin");
    use.detail = why;
    views_.audit.EnterRefused(use);
    HttpResponse response = HttpResponse::Plain(holder || keys == nullptr ? 403 : 401, why);
    if (response.status == 401) response.Set("WWW-Authenticate", "Bearer");
    return response;
  }

  HttpResponse Answer(const RequestHead& head, const BodyReader& read_body, bool alerting, const Auditor::KeyUse& who) {
    if (!alerting) return handlers_.Handle(head, read_body);
    Result<std::string> body;
    if (head.method == "POST") body = read_body();
    // JSON and expressions want more stack than the server's threads have.
    return std::async(std::launch::async,
                      [&] {
                        const ThreadSetup thread("alert-pages");
                        return notifications_.pages().Handle(head, body, who);
                      })
        .get();
  }

  const Views& views_;
  const LocalNames names_;
  metrics::Recorder recorder_;
  Notifications notifications_;
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
  AlertEvidence evidence_{views_.clock, [this](const std::string& why) { SaveEvidence(why); }};
  std::optional<ObservabilityServer> server_;
  std::optional<DaemonMetrics> daemon_metrics_;
  std::optional<Watch> watch_;
  std::optional<QueryApi> query_api_;
  std::atomic<bool> open_{false};  // everything that requests look at is there
};

}  // namespace

std::unique_ptr<ObservabilityPlane> MakeObservabilityPlane(const Views& views) { return std::make_unique<Plane>(views); }

}  // namespace inferd::daemon
