// Judges a group of rules at one moment after the other, with the semantics of Prometheus: what is true becomes pending, what is true long
// enough fires, what is no longer true is resolved and remembered for a while. Pure: time and samples come in, series and transitions come
// out. For one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notification.h"
#include "alerts/rule_file.h"
#include "metrics/query.h"
#include "runtime/base/status.h"

namespace inferd::alerts {

enum class AlertState : std::uint8_t { kInactive, kPending, kFiring };
constexpr std::string_view AlertStateName(AlertState state) {
  return state == AlertState::kFiring ? "firing" : state == AlertState::kPending ? "pending" : "inactive";
}

// One alert of one rule: an element of its expression's result, by its labels. Times are absent until what they name has happened.
struct Alert {
  metrics::Labels labels;  // with alertname; what makes the alert that alert
  std::map<std::string, std::string> annotations;
  double value = 0;
  AlertState state = AlertState::kPending;
  Millis active_at = 0;
  std::optional<Millis> fired_at = {};
  std::optional<Millis> resolved_at = {};
  std::optional<Millis> missing_since = {};  // firing on for keep_firing_for
  std::optional<Millis> last_sent_at = {};
};

struct Transition {
  std::string group;
  std::string rule;
  metrics::Labels labels;
  AlertState from = AlertState::kInactive;
  AlertState to = AlertState::kInactive;
  Millis at = 0;
  std::map<std::string, std::string> annotations;
};

struct EvaluatorOptions {
  metrics::Labels external_labels;  // for templates, and for what receivers are told
  std::string external_url;         // where people reach the daemon's observability plane
  metrics::promql::EngineOptions engine;
};

// How long a resolved alert is remembered and sent again.
inline constexpr Millis kResolvedRetention = 15LL * 60 * 1000;

struct Evaluation {
  struct Problem {
    std::size_t rule = 0;  // its place in the group
    std::string message;
  };
  Millis at = 0;  // the moment that was looked at: before that of the evaluation by the group's query_offset
  // What the rules record, ALERTS and ALERTS_FOR_STATE, as of `at`; a stale marker for each series that ended. Of two samples of one series
  // the first holds. A rule that could not be judged ends nothing.
  std::vector<metrics::QuerySample> series;
  std::vector<Transition> transitions;
  std::vector<Problem> problems;  // rules that could not be judged: their alerts stay as they were
  std::vector<Duration> took;     // each rule, by the engine options' clock; zero without one
};

class GroupEvaluator {
 public:
  GroupEvaluator(RuleGroup group, EvaluatorOptions options);

  // Judges every rule in the group's order. A rule sees what rules before it recorded at the same moment, and what they no longer record
  // as ended. Requires `now` not before the last.
  Evaluation Evaluate(Millis now, const metrics::Querier& querier);

  // What is to be sent now: what fires and was last sent longer ago than `resend_delay`, and what was resolved since. `interval`: the time
  // between two evaluations. Marks it as sent.
  std::vector<Notification> TakeNotifications(Millis now, Millis interval, Millis resend_delay);

  const std::shared_ptr<const RuleGroup>& group() const { return group_; }
  // Of the rule at that place in the group: every alert, resolved ones too, in order of their labels.
  std::vector<Alert> Alerts(std::size_t rule) const;

  // What is to be told when this group is given up: every alert that fires and of which `goes_on` knows nothing is resolved.
  std::vector<Notification> TakeFarewells(Millis now, const std::function<bool(const metrics::Labels&)>& goes_on);

  // Goes on where another evaluator stands, as after a reload: with the alerts and series of rules that have the same name and labels,
  // whatever became of their expressions. Series of the others end with the next evaluation; their alerts stay there.
  void Continue(GroupEvaluator& before);
  // The series that go on until somebody ends them, which this one will not do any more.
  std::set<metrics::Labels> TakeSeries();

  // Alerts that outlive a restart, for rules with the same name and labels.
  struct Saved {
    std::string rule;
    std::map<std::string, std::string> labels;  // as the rule has them
    std::vector<Alert> alerts;
  };
  std::vector<Saved> Save() const;
  void Restore(std::span<const Saved> saved);

 private:
  using ActiveAlerts = std::map<metrics::Labels, Alert>;

  MonotonicTime Now() const;
  Notification Told(std::size_t rule, const Alert& alert, Millis ends_at) const;
  Result<> EvaluateRecording(const Rule& rule, Millis now, const metrics::Querier& querier, Evaluation& out);
  Result<> EvaluateAlert(const Rule& rule, ActiveAlerts& active, Millis now, const metrics::Querier& querier, Evaluation& out);
  Result<ActiveAlerts> Found(const Rule& rule, Millis now, const metrics::Querier& querier) const;

  std::shared_ptr<const RuleGroup> group_;
  EvaluatorOptions options_;
  std::vector<ActiveAlerts> active_;                 // of each rule
  std::vector<std::set<metrics::Labels>> recorded_;  // by each rule when it was judged last
  std::set<metrics::Labels> left_over_;              // of rules that are no more; to be ended
};

}  // namespace inferd::alerts
