#include "daemon/observability/watch.h"

#include <algorithm>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "alerts/saved_alerts.h"
#include "daemon/log.h"
#include "metrics/family.h"
#include "metrics/store/history_file.h"
#include "runtime/base/replace_file.h"

namespace inferd::daemon {
namespace {

using metrics::FamilyBuilder;
using metrics::Metric;
using metrics::Millis;

Millis MillisOf(WallTime time) { return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count(); }

alerts::ManagerOptions RuleOptions(const WatchOptions& options, const Clock& clock) {
  alerts::ManagerOptions rules = options.rules;
  rules.tick = std::chrono::duration_cast<std::chrono::milliseconds>(options.interval).count();
  rules.evaluator.engine.clock = &clock;
  return rules;
}

std::optional<std::string_view> Optional(std::string_view text) { return text.empty() ? std::nullopt : std::optional(text); }

void LogTransition(const alerts::Transition& change) {
  const std::string labels = change.labels.ToString();
  const auto severity = Optional(change.labels.Get("severity"));
  if (change.to == alerts::AlertState::kFiring) {
    const auto summary = change.annotations.find("summary");
    const Level level = severity == "critical" ? Level::kError : severity == "info" ? Level::kInfo : Level::kWarn;
    ProcessLog().Write(logging::AlertFires{.alertname = change.rule,
                                           .severity = severity,
                                           .summary = Optional(summary == change.annotations.end() ? labels : summary->second),
                                           .labels = labels},
                       level);
  } else if (change.from == alerts::AlertState::kFiring) {
    Log(logging::AlertResolved{.alertname = change.rule, .severity = severity, .labels = labels});
  }
}

}  // namespace

Watch::Watch(WatchOptions options, const Clock& clock, const metrics::Registry& registry, std::vector<alerts::RuleGroup> rules)
    : options_(std::move(options)),
      clock_(clock),
      registry_(registry),
      history_(options_.history),
      manager_(RuleOptions(options_, clock), std::move(rules)),
      next_save_(clock.Now() + options_.save_every),
      round_time_(metrics::BucketsOf(Metric::kTickerRoundTime)),
      evaluation_time_(metrics::BucketsOf(Metric::kRuleEvaluation)),
      ticker_(clock, options_.interval, [this](MonotonicTime due) { Round(due); }) {
  if (options_.folder.empty()) return;
  const Millis now = MillisOf(clock.WallNow());
  if (const auto restored = metrics::RestoreHistory(history_, HistoryFile(), now); !restored) {
    Log(Level::kError, "the history begins anew: " + restored.error().message);
  } else if (!restored->set_aside.empty()) {
    Log(Level::kWarn, "the history begins anew: " + restored->set_aside);
  } else if (restored->series > 0) {
    Log(Level::kInfo,
        "history restored: " + std::to_string(restored->series) + " series, " + std::to_string(restored->samples) + " samples");
  }
  std::ifstream file(AlertsFile(), std::ios::binary);
  if (!file) return;
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (auto saved = alerts::ReadSavedAlerts(text)) {
    manager_.Restore(std::move(*saved), now);
    kept_alerts_ = text;
    return;
  } else {
    const std::filesystem::path aside = AlertsFile().string() + ".unreadable";
    std::error_code error;
    std::filesystem::rename(AlertsFile(), aside, error);
    Log(Level::kWarn,
        "alerts begin anew: " + AlertsFile().string() + " is not used, because " + saved.error().message + "; it is now " + aside.string());
  }
}

Watch::~Watch() { Stop(); }

void Watch::Start() { ticker_.Start(); }

void Watch::Stop() {
  ticker_.Stop();
  keep_alerts_.Finish();
  keep_history_.Finish();
  if (options_.folder.empty() || ticker_.rounds() == 0) return;
  KeepHistory();
}

Millis Watch::Now() const { return std::max(MillisOf(clock_.WallNow()), last_time_.load()); }

// A round that is hardly late counts as on time, so that the distances of samples are equal (Prometheus does the same), and time never
// goes back, whatever is done to the wall clock.
Millis Watch::TimeOf(MonotonicTime due) {
  const Duration late = clock_.Now() - due;
  const WallTime wall = clock_.WallNow();
  Millis time = MillisOf(late <= options_.interval / 100 ? wall - late : wall);
  const Millis last = last_time_;
  if (time <= last) time = last + std::max<Millis>(std::chrono::duration_cast<std::chrono::milliseconds>(due - last_due_).count(), 1);
  last_due_ = due;
  last_time_ = time;
  return time;
}

void Watch::Round(MonotonicTime due) {
  const MonotonicTime start = clock_.Now();
  try {
    const Millis now = TimeOf(due);
    history_.Append(now, samples_.Make(registry_.Collect()));
    Judge(now);
    if (!options_.folder.empty()) {
      KeepAlerts();
      if (start >= next_save_) {
        next_save_ = start + options_.save_every;
        keep_history_.Ask([this] { KeepHistory(); });
      }
    }
  } catch (const std::exception& error) {
    // No memory, most likely: the next round may have it again.
    Log(Level::kError, std::string("a round of history and alerts broke off: ") + error.what());
  }
  round_time_.Observe(ToSeconds(clock_.Now() - start));
}

void Watch::Judge(Millis now) {
  const auto record = [&](Millis at, std::span<const metrics::QuerySample> series) {
    std::vector<metrics::SeriesValue> values;
    values.reserve(series.size());
    for (const metrics::QuerySample& sample : series) values.push_back({sample.labels, sample.value});
    history_.Add(at, values);
  };
  const alerts::Manager::Outcome outcome = manager_.Evaluate(now, history_, record);
  for (const Duration took : outcome.took) evaluation_time_.Observe(ToSeconds(took));
  rule_failures_ += outcome.problems.size();
  for (const auto& problem : outcome.problems) {
    if (problem.is_new) Log(logging::RuleFails{.rule = problem.rule, .group = problem.group, .trouble = problem.message});
  }
  for (const alerts::Transition& change : outcome.transitions) LogTransition(change);
  if (outcome.notifications.empty()) return;
  for (alerts::NotificationSink* sink : sinks_) sink->Notify(outcome.notifications);
}

void Watch::KeepAlerts() {
  const alerts::SavedAlerts saved = manager_.Save();
  const bool nothing = saved.groups.empty();
  if (nothing && kept_alerts_.empty()) return;
  kept_alerts_ = nothing ? "" : alerts::WriteSavedAlerts(saved);
  std::string text = nothing ? alerts::WriteSavedAlerts(saved) : kept_alerts_;
  keep_alerts_.Ask([this, text = std::move(text)] { Reports(alerts_failing_, ReplaceFile(AlertsFile(), text)); });
}

void Watch::KeepHistory() {
  const Result<> saved = metrics::SaveHistory(history_, HistoryFile());
  if (saved) saved_ns_ = clock_.WallNow().time_since_epoch().count();
  Reports(history_failing_, saved);
}

// Says once that it fails, and once that it works again.
void Watch::Reports(std::atomic<bool>& failing, const Result<>& result) {
  const bool was_failing = failing.exchange(!result);
  if (!result && !was_failing) Log(Level::kWarn, "not kept over a restart: " + result.error().message);
  if (result && was_failing) Log(Level::kInfo, "history and alerts are kept again");
}

prometheus::MetricFamily Watch::AlertsFamily() const {
  // By name and severity: how many are pending, how many fire. Rules at rest show zeros.
  std::map<std::pair<std::string, std::string>, std::pair<int, int>> counts;
  const auto state = manager_.state();
  for (const alerts::GroupState& group : *state) {
    for (std::size_t i = 0; i < group.rules.size(); ++i) {
      const alerts::Rule& rule = group.group->rules[i];
      if (!rule.is_alert) continue;
      const auto severity = rule.labels.find("severity");
      const std::string fixed = severity == rule.labels.end() ? "" : severity->second;
      if (fixed.find("{{") == std::string::npos) counts[{rule.name, fixed}];
      for (const alerts::Alert& alert : group.rules[i].alerts) {
        auto& [pending, firing] = counts[{rule.name, std::string(alert.labels.Get("severity"))}];
        pending += alert.state == alerts::AlertState::kPending ? 1 : 0;
        firing += alert.state == alerts::AlertState::kFiring ? 1 : 0;
      }
    }
  }
  FamilyBuilder family(Metric::kAlerts);
  for (const auto& [name, count] : counts) {
    family.Add({name.first, name.second, "pending"}, count.first);
    family.Add({name.first, name.second, "firing"}, count.second);
  }
  return family.Take();
}

std::vector<prometheus::MetricFamily> Watch::Collect() const {
  const metrics::HistoryStatus history = history_.status();
  int alerting = 0, recording = 0;
  const auto state = manager_.state();
  for (const alerts::GroupState& group : *state) {
    for (const alerts::Rule& rule : group.group->rules) ++(rule.is_alert ? alerting : recording);
  }
  FamilyBuilder rules(Metric::kRules);
  rules.Add({"alerting"}, alerting);
  rules.Add({"recording"}, recording);
  FamilyBuilder round_time(Metric::kTickerRoundTime), evaluation_time(Metric::kRuleEvaluation);
  round_time.Add({}, round_time_);
  evaluation_time.Add({}, evaluation_time_);
  const auto one = [](Metric metric, auto value) { return metrics::OneSeries(metric, static_cast<double>(value)); };
  return {one(Metric::kTickerRounds, ticker_.rounds()),
          one(Metric::kTickerOverruns, ticker_.overruns()),
          round_time.Take(),
          one(Metric::kTickerInterval, ToSeconds(options_.interval)),
          one(Metric::kSnapshotAge, ToSeconds(ticker_.age())),
          one(Metric::kHistorySeries, history.series),
          one(Metric::kHistorySamples, history.samples),
          one(Metric::kHistoryBytes, history.bytes),
          one(Metric::kHistoryRefused, history.refused_series),
          one(Metric::kHistoryLate, history.late_samples),
          one(Metric::kHistorySaved, ToSeconds(Duration(saved_ns_.load()))),
          rules.Take(),
          evaluation_time.Take(),
          one(Metric::kRuleFailures, rule_failures_.load()),
          AlertsFamily()};
}

}  // namespace inferd::daemon
