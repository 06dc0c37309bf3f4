#include "daemon/app.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "config/reload_report.h"
#include "config/value.h"
#include "daemon/access_log.h"
#include "daemon/admission.h"
#include "daemon/attendant.h"
#include "daemon/audit.h"
#include "daemon/flight_data.h"
#include "daemon/last_resort.h"
#include "daemon/log.h"
#include "daemon/model_loader.h"
#include "daemon/prompts.h"
#include "daemon/reload.h"
#include "daemon/version.h"
#include "runtime/base/errno_text.h"
#include "runtime/base/thread.h"
#include "runtime/engine/fault_injection.h"

namespace inferd::daemon {
namespace {

// What the log gets before the process ends without cleaning up.
constexpr Duration kLastWords = std::chrono::milliseconds(500);
constexpr std::size_t kRequestRing = 8192;
constexpr std::size_t kStepRing = 16384;
// What a cut request gets to tell its client so.
constexpr Duration kCutGrace = std::chrono::seconds(2);
// A connection that was taken just before a drain gets this long to send its first request.
constexpr Duration kLateRequest = std::chrono::milliseconds(250);

// Whether a model that could not be loaded may be loadable at the next start with the same configuration and the same files.
bool HealsByItself(Code code) {
  switch (code) {
    case Code::kNotFound:
    case Code::kInvalidArgument:
    case Code::kUnsupported:
    case Code::kCorrupt:
    case Code::kResourceExhausted: return false;
    default: return true;
  }
}

std::vector<std::string> NamesOf(const config::Config& config) {
  std::vector<std::string> names;
  for (const config::Model& model : config.models) names.push_back(model.name);
  return names;
}

HttpOptions HttpOptionsOf(const config::Config& config, const ServiceManager& service) {
  HttpOptions options{.listen = {},
                      .sockets = {},
                      .threads = config.api.threads,
                      .workers = 1,
                      .max_connections = config.api.max_connections,
                      .max_body = static_cast<std::size_t>(config.api.max_body),
                      .max_header = static_cast<std::size_t>(config.api.max_header),
                      .header_timeout = config.api.header_timeout,
                      .idle_timeout = config.api.idle_timeout,
                      .write_timeout = config.api.write_timeout};
  for (const ServiceManager::Socket& socket : service.sockets()) options.sockets.push_back(socket.fd);
  for (const std::string& listen : config.api.listen) {
    if (auto address = config::ParseListenAddress(listen)) options.listen.push_back(std::move(*address));
  }
  return options;
}

// A file descriptor that another thread makes readable once.
class Bell {
 public:
  Bell() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;
  ~Bell() { ::close(fd_); }
  int fd() const { return fd_; }
  void Ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(fd_, &one, sizeof(one));
  }
  void Silence() const {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(fd_, &count, sizeof(count));
  }

 private:
  const int fd_;
};

class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
    fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() { ::close(fd_); }
  int fd() const { return fd_; }
  // 0 when none waits.
  int Take() const {
    signalfd_siginfo info{};
    return ::read(fd_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info)) ? static_cast<int>(info.ssi_signo) : 0;
  }
  // Nobody asks any more: from now on SIGTERM and SIGINT end the process, should stopping hang.
  void LetThemKill() const {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }

 private:
  int fd_ = -1;
};

}  // namespace

struct App::Impl {
  Impl(config::Config c, AppOptions o)
      : start_config(std::move(c)),
        running(start_config),
        options(std::move(o)),
        requests(kRequestRing),
        steps(kStepRing),
        ledger(NamesOf(start_config), requests),
        lifecycle(clock),
        models(NamesOf(start_config)),
        keys(nullptr),
        settings(SettingsOf(start_config)),
        names(start_config.api.listen, HostName()),
        admission(MakeAdmission(lifecycle, keys, names, models)),
        api({.clock = clock,
             .ledger = ledger,
             .lifecycle = lifecycle,
             .admission = admission,
             .models = models,
             .settings = settings,
             .counters = routes,
             .open_calls = &open_calls,
             .on_end = [this](const CallEnd& end) { LogCall(end); }}),
        http(api, clock, HttpOptionsOf(start_config, options.service)),
        access(start_config.logs.access),
        prompts(PromptLoggingOf(start_config.logs.prompts)),
        audit(clock),
        views{.clock = clock,
              .config = start_config,
              .running_config = [this] { return Running(); },
              .ledger = ledger,
              .models = models,
              .lifecycle = lifecycle,
              .api_connections = http.counters(),
              .api_routes = routes,
              .open_calls = open_calls,
              .reload = reload,
              .drain = drain,
              .watchdog_feeds = attendant.feeds(),
              .keys = keys,
              .audit = audit,
              .requests = requests,
              .steps = steps},
        attendant(
            options.service, [this] { return LookAround(views, loaded_percent); }, [this](const std::string& why) { SaveEvidence(why); }) {
    lifecycle.OnChange([this](const Lifecycle::Snapshot& now) {
      Log(logging::StateChanged{.state = StateName(now.state),
                                .reason = now.reason.empty() ? std::nullopt : std::optional<std::string_view>(now.reason)});
      news_bell.Ring();
    });
    reload.last_success_ns = clock.WallNow().time_since_epoch().count();
  }

  int Run();
  Result<> Open();
  Result<> WritePorts() const;
  void LoadModels();
  int Serve();
  // What is wrong with the new configuration; then the running one stays.
  std::vector<std::string> Reload();
  void AnswerReload();
  void Drain();
  void SaveEvidence(const std::string& why);
  void Cut(std::string_view why);
  void LogCall(CallEnd end);
  config::Config Running() const {
    const std::lock_guard lock(running_mutex);
    return running;
  }
  std::size_t Inside() const;
  bool Settled() const { return Inside() == 0 && http.counters().working.load() == 0; }

  // In the order in which things depend on each other.
  const config::Config start_config;
  mutable std::mutex running_mutex;
  config::Config running;
  const AppOptions options;
  const SystemClock clock{};
  Ring<engine::RequestRecord> requests;
  Ring<engine::StepRecord> steps;
  engine::Ledger ledger;
  Lifecycle lifecycle;
  ServedModels models;
  Keys keys;
  SharedValue<ApiSettings> settings;
  const LocalNames names;
  Admission admission;
  RouteCounters routes;
  OpenCalls open_calls;
  Api api;
  std::vector<LoadedModel> loaded;  // written by the loader thread, read after it has ended
  HttpServer http;
  std::atomic<bool> access;
  std::atomic<PromptLogging> prompts;
  Auditor audit;
  ReloadOutcome reload;
  DrainState drain;
  Views views;
  std::unique_ptr<ObservabilityPlane> observability;
  std::uint16_t observability_port = 0;

  Attendant attendant;
  std::atomic<int> loaded_percent{0};

  Signals signals;
  Bell news_bell;    // the life cycle has moved on
  Bell loader_bell;  // the loader has failed
  std::atomic<bool> stop_loading{false};
  std::optional<Status> load_error;  // read after the bell
  std::thread loader;
};

void App::Impl::LogCall(CallEnd end) {
  try {
    audit.EnterRefused(end);
    const Level level = end.record != nullptr && access ? Level::kInfo : Level::kDebug;
    const Level loud = end.status == 500 ? Level::kError : level;
    if (!LogEnabled(loud, Component::kAccess)) return;
    const std::string prompt = Logged(prompts, end.prompt);
    const std::string answer = Logged(prompts, end.answer);
    end.prompt = prompt;
    end.answer = answer;
    ProcessLog().Write(AccessEvent(end), loud, AboutCall(end, ledger));
  } catch (const std::exception&) {
    // No memory for a log line: the request itself went well.
  }
}

std::size_t App::Impl::Inside() const {
  std::size_t inside = 0;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (const ServedModel* model = models.at(i)) inside += model->engine->inside();
  }
  return inside;
}

Result<> App::Impl::Open() {
  INFERD_RETURN_IF_ERROR(audit.Open(start_config.logs.audit));
  audit.Enter("start", "daemon", "inferd", "ok", Version());
  INFERD_ASSIGN_OR_RETURN(auto store, LoadKeys(start_config));
  keys.Set(std::move(store));
  INFERD_RETURN_IF_ERROR(http.Listen());
  if (observability) {
    INFERD_ASSIGN_OR_RETURN(observability_port, observability->Start(start_config.observability.listen));
  }
  return WritePorts();
}

Result<> App::Impl::WritePorts() const {
  const auto ports = http.ports();
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const auto address = config::ParseListenAddress(start_config.api.listen[i]);
    const std::string host = address->host.find(':') == std::string::npos ? address->host : "[" + address->host + "]";
    Log(Level::kInfo, "API on http://" + host + ":" + std::to_string(ports[i]) +
                          (keys.Get()->get() == nullptr ? ", open to everybody on this machine" : ""));
  }
  if (options.ports_file.empty()) return {};
  // Written aside and renamed: whoever waits for the file never reads half of it.
  const std::string aside = options.ports_file + ".new";
  std::ofstream file(aside, std::ios::trunc);
  file << "{\"api\":" << ports.at(0) << ",\"observability\":" << observability_port << "}\n";
  file.close();
  if (!file || ::rename(aside.c_str(), options.ports_file.c_str()) != 0) {
    return Error(Code::kIo, options.ports_file + ": cannot be written: " + ErrnoText(errno));
  }
  return {};
}

void App::Impl::LoadModels() {
  const ThreadSetup thread("loader");
  const auto fail = [this](Status status) {
    load_error = std::move(status);
    loader_bell.Ring();
  };
  try {
    if (auto found = FindModelFiles(start_config.models); !found) return fail(std::move(found).error());
    loaded.reserve(start_config.models.size());
    std::size_t bound_threads = 0;
    for (std::size_t i = 0; i < start_config.models.size() && !stop_loading; ++i) {
      const config::Model& wanted = start_config.models[i];
      lifecycle.MoveTo(State::kLoading, "loading the model " + wanted.name);
      auto model = LoadModel(wanted, start_config.queue, static_cast<std::uint16_t>(i), bound_threads, clock, ledger, steps, stop_loading,
                             loaded_percent);
      if (!model) return fail(std::move(model).error());
      if (auto started = model->engine->Start(); !started) return fail(std::move(started).error());
      const ModelFacts& facts = model->served.facts;
      if (wanted.pin_threads) bound_threads += static_cast<std::size_t>(model->engine->options().threads);
      Log(logging::ModelLoaded{.architecture = facts.architecture,
                               .quantization = facts.quantization,
                               .parameters = facts.parameters,
                               .context = model->served.context,
                               .kv_cache_bytes = model->engine->options().kv_cache_bytes,
                               .threads = model->engine->options().threads,
                               .kernels = facts.kernels,
                               .cpus = facts.cpus.empty() ? std::nullopt : std::optional<std::string_view>(facts.cpus),
                               .locked_bytes = facts.locked_bytes == 0 ? std::nullopt : std::optional(facts.locked_bytes),
                               .no_chat = model->served.chat ? std::nullopt : std::optional<std::string_view>(model->served.why_no_chat)},
          {.model = wanted.name});
      audit.Enter("model_load", "daemon", wanted.name, "ok", "sha256 " + facts.sha256);
      models.Publish(model->served);
      loaded.push_back(std::move(*model));
    }
    for (std::size_t i = 0; i < loaded.size() && !stop_loading; ++i) {
      lifecycle.MoveTo(State::kWarming, "warming up the model " + loaded[i].served.name);
      if (auto warm = WarmUp(*loaded[i].engine, start_config.models[i].warmup, clock, stop_loading); !warm)
        return fail(std::move(warm).error());
    }
    if (!stop_loading) lifecycle.MoveTo(State::kReady, "");
  } catch (const std::exception& e) {
    fail({Code::kInternal, std::string("loading failed: ") + e.what()});
  }
}

std::vector<std::string> App::Impl::Reload() {
  ReopenLog();
  Log(Level::kInfo, "reloading the configuration");
  auto plan = PlanReload(options.sources, Running());
  if (!plan) {
    audit.Enter("config_reload", "SIGHUP", options.sources.file, "refused", plan.error().message);
    std::vector<std::string> faults;
    std::istringstream lines(plan.error().message);
    for (std::string line; std::getline(lines, line);) faults.push_back(line);
    return faults;
  }
  keys.Set(plan->keys);
  if (observability) observability->SetRules(std::move(plan->rules));
  settings.Set(SettingsOf(plan->config));
  access = plan->config.logs.access;
  prompts = PromptLoggingOf(plan->config.logs.prompts);
  if (observability) observability->SetNotifiers(plan->notifiers);
  for (const config::Change& change : plan->applied) Log(logging::SettingChanged{.key = change.key, .to = change.to, .from = change.from});
  for (const config::Change& change : plan->waiting) {
    Log(logging::SettingWaits{.key = change.key, .running = change.from, .file = change.to});
  }
  SetLogLevels(plan->config.logs);
  std::string changed;
  for (const config::Change& change : plan->applied) changed += (changed.empty() ? "" : ", ") + change.key;
  audit.Enter("config_reload", "SIGHUP", options.sources.file, "ok", changed);
  {
    const std::lock_guard lock(running_mutex);
    running = std::move(plan->config);
  }
  reload.last_success_ns = clock.WallNow().time_since_epoch().count();
  Log(Level::kInfo, "reloaded the configuration");
  return {};
}

// Reloads, and tells whoever waits for it what came of it.
void App::Impl::AnswerReload() {
  config::ReloadReport report{.begun = clock.Now(), .faults = {}};
  try {
    report.faults = Reload();
  } catch (const std::exception& e) {
    report.faults = {e.what()};
  }
  reload.last_successful = report.faults.empty();
  for (const std::string& fault : report.faults) Log(logging::ReloadRefused{.fault = fault});
  if (const std::string path = config::ReloadReportPath(); !path.empty()) {
    if (const auto written = config::WriteReloadReport(path, report); !written) Log(Level::kError, written.error().message);
  }
}

void App::Impl::Cut(std::string_view why) {
  std::size_t cut = 0;
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (const ServedModel* model = models.at(i)) cut += model->engine->CutAll();
  }
  drain.cut += cut;
  if (cut > 0) Log(Level::kWarn, std::string(why) + ": cut " + std::to_string(cut) + " requests");
}

void App::Impl::SaveEvidence(const std::string& why) {
  ProcessLog().Write(logging::StateChanged{.state = "stalled", .reason = why}, Level::kCritical);
  const std::string folder = StateFolder();
  if (folder.empty()) {
    ProcessLog().Drain(kLastWords);
    return;
  }
  const std::string report =
      EnginesAsComments(views, "was stalled: " + why) + (observability ? observability->LastRecords() + observability->Exposition() : "");
  if (const auto saved = SaveFlightData(folder + "/flight", report, clock.WallNow()); saved) {
    Log(Level::kCritical, "flight data saved to " + *saved);
  } else {
    Log(Level::kError, "flight data not saved: " + saved.error().message);
  }
  ProcessLog().Drain(kLastWords);  // the service manager is about to end this process
}

// Refuses what comes, lets what is inside finish, within a deadline; a second signal ends the waiting.
void App::Impl::Drain() {
  const Duration timeout = Running().lifecycle.drain_timeout;
  const MonotonicTime begin = clock.Now();
  stop_loading = true;
  const auto pause = [this] {
    pollfd fd{.fd = signals.fd(), .events = POLLIN, .revents = 0};
    ::poll(&fd, 1, 10);
    attendant.Attend(clock.Now());
  };
  if (!options.service.sockets().empty()) {
    // What comes from now on waits in the sockets for the next process. What was taken already is heard before the door is closed.
    http.StopAccepting();
    while (http.counters().unheard.load() > 0 && clock.Now() < begin + kLateRequest) pause();
  }
  lifecycle.MoveTo(State::kDraining, "draining, at most " + config::FormatDuration(timeout));
  http.StartDrain();
  const std::size_t inside = Inside();
  const std::uint64_t cut_before = drain.cut;
  const auto wait = [&](MonotonicTime until) {
    while (!Settled() && clock.Now() < until) {
      pause();
      const int number = signals.Take();
      if (number == SIGTERM || number == SIGINT) return false;
    }
    return true;
  };
  const bool patient = wait(begin + timeout);
  if (!Settled()) {
    Cut(patient ? "the drain deadline has passed" : "a second signal came");
    if (patient) wait(clock.Now() + kCutGrace);
  }
  const std::uint64_t cut = drain.cut - cut_before;
  Log(Level::kInfo, "drained in " + config::FormatDuration(std::chrono::duration_cast<std::chrono::milliseconds>(clock.Now() - begin)) +
                        ": " + std::to_string(inside - std::min<std::size_t>(inside, cut)) + " requests finished, " + std::to_string(cut) +
                        " cut");
}

int App::Impl::Serve() {
  // Sockets that were handed over let clients wait for the model; our own ones tell them at once to come back later.
  const MonotonicTime patient_until =
      clock.Now() + (options.service.sockets().empty() ? Duration{} : start_config.lifecycle.start_patience);
  bool accepting = false;
  for (;;) {
    if (!accepting && (lifecycle.ready() || clock.Now() >= patient_until)) {
      http.Accept();
      accepting = true;
    }
    int timeout = -1;
    if (options.service.present()) {
      attendant.Attend(clock.Now());
      timeout = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(std::max(attendant.due() - clock.Now(), Duration{})).count());
    }
    std::array<pollfd, 3> fds{{{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                               {.fd = loader_bell.fd(), .events = POLLIN, .revents = 0},
                               {.fd = news_bell.fd(), .events = POLLIN, .revents = 0}}};
    if (::poll(fds.data(), fds.size(), timeout) < 0 && errno != EINTR) {
      Log(Level::kCritical, "poll: " + ErrnoText(errno));
      return kExitFailure;
    }
    if (fds[1].revents != 0) {
      loader_bell.Silence();
      Log(Level::kCritical, "a model cannot be served: " + load_error->message);
      return HealsByItself(load_error->code) ? kExitFailure : kExitUsage;
    }
    if (fds[2].revents != 0) news_bell.Silence();
    const int number = signals.Take();
    if (number == SIGHUP) {
      // Before it is ready the service manager waits for that word already.
      const bool ready = lifecycle.ready();
      if (ready) options.service.Reloading(clock.Now());
      AnswerReload();
      ProcessLog().Drain(kLastWords);  // whoever waits for the reload finds what became of it in the log
      if (ready) options.service.Ready();
    }
    if (number == SIGTERM || number == SIGINT) {
      Log(Level::kInfo,
          std::string(number == SIGTERM ? "SIGTERM" : "SIGINT") + ": draining, then stopping; the same signal again stops at once");
      Drain();
      return kExitOk;
    }
  }
}

int App::Impl::Run() {
  Log(logging::DaemonStarted{.version = Version(), .revision = Revision(), .pid = ::getpid()});
#if INFERD_FAULT_INJECTION
  if (!engine::FaultFile().empty()) Log(Level::kWarn, "this build lets engines fail on demand: " + engine::FaultFile() + " says how");
#endif
  if (const auto open = Open(); !open) {
    Log(Level::kCritical, open.error().message);
    if (observability) observability->Stop();
    audit.Enter("stop", "daemon", "inferd", "failed", open.error().message);
    audit.Close();
    return kExitFailure;
  }
  http.Start();
  loader = std::thread([this] { LoadModels(); });
  const int code = Serve();

  stop_loading = true;
  signals.LetThemKill();
  const LastResort last_resort(Running().lifecycle.stop_timeout, [this] {
    Log(Level::kCritical, "an engine does not stop: ending without it");
    ProcessLog().Drain(kLastWords);
    ::_exit(kExitFailure);
  });
  // A warm-up pass that runs is ended too; the engines stay until every call has let go of them.
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (const ServedModel* model = models.at(i)) model->engine->CutAll();
  }
  loader.join();
  for (LoadedModel& model : loaded) model.engine->Stop();
  http.Stop();
  lifecycle.MoveTo(State::kStopped, code == kExitOk ? "" : "after a failure");
  if (observability) observability->Stop();
  audit.Enter("stop", "daemon", "inferd", code == kExitOk ? "ok" : "failed");
  audit.Close();
  return code;
}

App::App(config::Config config, AppOptions options, const ObservabilityFactory& observability)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(options))) {
  if (!observability) return;
  impl_->observability = observability(impl_->views);
  impl_->ledger.OnLost([plane = impl_->observability.get()](const engine::RequestRecord& record) { plane->OnLostRecord(record); });
}

App::~App() = default;

int App::Run() { return impl_->Run(); }

}  // namespace inferd::daemon
