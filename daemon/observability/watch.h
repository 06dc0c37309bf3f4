// What makes the daemon its own monitoring: in each round it takes every series as a scrape would show it into the history, judges the
// rules that are due over it, and tells those who want to hear of alerts. Keeps both in the state directory. As a collectable it shows how
// that goes.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/histogram.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "alerts/manager.h"
#include "alerts/notification.h"
#include "daemon/observability/errand.h"
#include "daemon/observability/ticker.h"
#include "metrics/registry.h"
#include "metrics/samples.h"
#include "metrics/store/history.h"
#include "runtime/base/clock.h"

namespace inferd::daemon {

struct WatchOptions {
  Duration interval = std::chrono::seconds(5);
  metrics::HistoryOptions history;
  alerts::ManagerOptions rules;  // its tick is the interval, its clock this object's
  // Keeps history and alerts over a restart; empty: nothing is kept.
  std::filesystem::path folder;
  Duration save_every = std::chrono::minutes(5);  // the history; alerts are kept with every round
};

class Watch final : public prometheus::Collectable {
 public:
  // Reads what was kept. `clock` and `registry` must outlive this.
  Watch(WatchOptions options, const Clock& clock, const metrics::Registry& registry, std::vector<alerts::RuleGroup> rules);
  ~Watch() override;

  // Before Start. `sink` must outlive this.
  void Add(alerts::NotificationSink& sink) { sinks_.push_back(&sink); }

  // Stop lets a round end, and keeps history and alerts; it may be called twice.
  void Start();
  void Stop();

  // One round, as the ticker's thread runs it; for tests, which do not start that.
  void Round(MonotonicTime due);

  // Any thread from here on.
  void Replace(std::vector<alerts::RuleGroup> rules) { manager_.Replace(std::move(rules)); }
  const metrics::History& history() const { return history_; }
  std::shared_ptr<const alerts::RulesState> rules() const { return manager_.state(); }
  // The time of the history: the wall clock, or the last round's where that clock was set back.
  metrics::Millis Now() const;
  Duration interval() const { return options_.interval; }
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  metrics::Millis TimeOf(MonotonicTime due);
  void Judge(metrics::Millis now);
  void KeepAlerts();
  void KeepHistory();
  void Reports(std::atomic<bool>& failing, const Result<>& result);
  std::filesystem::path HistoryFile() const { return options_.folder / "history"; }
  std::filesystem::path AlertsFile() const { return options_.folder / "alerts.json"; }
  prometheus::MetricFamily AlertsFamily() const;

  const WatchOptions options_;
  const Clock& clock_;
  const metrics::Registry& registry_;
  metrics::History history_;
  alerts::Manager manager_;
  std::vector<alerts::NotificationSink*> sinks_;

  // The ticker's thread.
  metrics::SampleMaker samples_;
  MonotonicTime last_due_{};
  MonotonicTime next_save_;
  std::string kept_alerts_;

  std::atomic<metrics::Millis> last_time_{0};  // of the last round
  std::atomic<std::uint64_t> rule_failures_{0};
  std::atomic<std::int64_t> saved_ns_{0};  // wall time
  std::atomic<bool> history_failing_{false};
  std::atomic<bool> alerts_failing_{false};
  prometheus::Histogram round_time_;
  prometheus::Histogram evaluation_time_;

  // A disk that hangs holds up neither the rounds nor each other.
  Errand keep_alerts_;
  Errand keep_history_;
  Ticker ticker_;
};

}  // namespace inferd::daemon
