// What the rest of the daemon (metrics, health, status, the recorder) may look at. Everything is owned by App and outlives whatever is
// given a Views; all of it may be used from any thread while the daemon runs. The rings are the exception: one recorder empties them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alerts/notify/notifiers.h"
#include "alerts/rule_file.h"
#include "config/config.h"
#include "daemon/api/api.h"
#include "daemon/api/open_calls.h"
#include "daemon/http/server.h"
#include "daemon/lifecycle.h"
#include "daemon/served_models.h"
#include "runtime/base/clock.h"
#include "runtime/base/ring.h"
#include "runtime/base/status.h"
#include "runtime/engine/ledger.h"
#include "runtime/engine/records.h"

namespace inferd::daemon {

class Auditor;

struct ReloadOutcome {
  std::atomic<bool> last_successful{true};
  std::atomic<std::int64_t> last_success_ns{0};  // wall time; the start of the daemon before the first reload
};

// Once it has drained.
struct DrainState {
  std::atomic<std::uint64_t> cut{0};  // requests that the drain deadline or a second signal ended
};

struct Views {
  const Clock& clock;
  const config::Config& config;  // as it was at start; what a reload has changed is in `running_config`
  std::function<config::Config()> running_config;
  const engine::Ledger& ledger;
  const ServedModels& models;  // with their engines
  const Lifecycle& lifecycle;
  const ConnectionCounters& api_connections;
  const RouteCounters& api_routes;
  const OpenCalls& open_calls;
  const ReloadOutcome& reload;
  const DrainState& drain;
  const std::atomic<std::uint64_t>& watchdog_feeds;
  const Keys& keys;
  Auditor& audit;  // enters who was refused, and who has read what only an administrator may
  Ring<engine::RequestRecord>& requests;
  Ring<engine::StepRecord>& steps;  // of all engines
};

// The seam for the observability plane, and for the recorder behind it: App makes it before models are loaded and stops it last.
class ObservabilityPlane {
 public:
  virtual ~ObservabilityPlane() = default;
  // Binds and begins to answer; the port that was taken. kIo names the address.
  virtual Result<std::uint16_t> Start(const std::string& listen) = 0;
  // Judges these alert rules from the next round on.
  virtual void SetRules(std::vector<alerts::RuleGroup> rules) = 0;
  // The last steps and requests, one a line, as comments of Prometheus's text format.
  virtual std::string LastRecords() = 0;
  // A completed request that the recorder will not see, because its ring was full. Any thread; quick.
  virtual void OnLostRecord(const engine::RequestRecord& record) = 0;
  // What a scrape would give now, in Prometheus's text format.
  virtual std::string Exposition() = 0;
  // Tells these of alerts from now on.
  virtual void SetNotifiers(const std::vector<alerts::NotifierOptions>& notifiers) = 0;
  virtual void Stop() = 0;
};
using ObservabilityFactory = std::function<std::unique_ptr<ObservabilityPlane>(const Views& views)>;

}  // namespace inferd::daemon
