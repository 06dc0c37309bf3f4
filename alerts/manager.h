// All groups of rules that a daemon judges: which of them is due, what they found, and what is to be told. One thread calls Evaluate, any
// may hand over other rules or look at the state. Time and samples come in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "alerts/evaluator.h"
#include "alerts/notification.h"
#include "alerts/rule_file.h"

namespace inferd::alerts {

enum class RuleHealth : std::uint8_t { kUnknown, kGood, kFailed };

struct RuleState {
  RuleHealth health = RuleHealth::kUnknown;
  std::string last_error;
  Duration took{};
  std::vector<Alert> alerts;  // resolved ones too
};

// A group as it stood after its last evaluation.
struct GroupState {
  std::shared_ptr<const RuleGroup> group;
  Millis interval = 0;
  Millis last_evaluation = 0;  // 0: none yet
  Duration took{};
  std::vector<RuleState> rules;  // as in the group
};
using RulesState = std::vector<GroupState>;

// What outlives a restart: the alerts of each group's rules.
struct SavedGroup {
  std::string file;
  std::string name;
  std::vector<GroupEvaluator::Saved> rules;
};
struct SavedAlerts {
  Millis at = 0;  // when they were judged last
  std::vector<SavedGroup> groups;
};
// Alerts that were saved longer ago are forgotten at a restart: too much may have happened since.
inline constexpr Millis kOutageTolerance = 60LL * 60 * 1000;

struct ManagerOptions {
  Millis interval = 5000;        // of groups that have none of their own
  Millis tick = 5000;            // time between two calls of Evaluate: a group is due when its time is nearer to this call than to the next
  Millis resend_delay = 60'000;  // a firing alert is told again after this time
  EvaluatorOptions evaluator;
};

class Manager {
 public:
  Manager(ManagerOptions options, std::vector<RuleGroup> groups);
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // These rules from the next evaluation on. A group that has not changed goes on as if nothing had happened; in one that has, the alerts
  // of rules with the same name and labels do. What fires and is no more is told as resolved. Any thread.
  void Replace(std::vector<RuleGroup> groups);

  struct Problem {
    std::string group;
    std::string rule;
    std::string message;
    bool is_new = false;  // the rule's last evaluation did not fail like this
  };
  struct Outcome {
    std::vector<Transition> transitions;
    std::vector<Problem> problems;
    std::vector<Notification> notifications;
    std::vector<Duration> took;  // each group that was evaluated
  };
  // `record` gets what one group made, stale markers for what ended included; `at` is the samples' time. It is called before the next group
  // is evaluated, and at the end for what groups that are gone have left. Of two samples of one series and time the first holds.
  using Record = std::function<void(Millis at, std::span<const metrics::QuerySample> series)>;
  // Judges the groups that are due. Requires `now` not before the last.
  Outcome Evaluate(Millis now, const metrics::Querier& querier, const Record& record);

  // As of the last evaluation. Any thread.
  std::shared_ptr<const RulesState> state() const;

  // Between evaluations. Restore is for before the first: what was pending has held for as long as it had then, the pause does not count.
  SavedAlerts Save() const;
  void Restore(SavedAlerts saved, Millis now);

 private:
  struct Entry;

  // Gives back the series of groups that are gone.
  std::set<metrics::Labels> Take(std::vector<RuleGroup> groups, Millis now, Outcome& outcome);
  void EvaluateGroup(Entry& entry, Millis now, const metrics::Querier& querier, const Record& record, Outcome& outcome);
  void Publish();

  const ManagerOptions options_;
  std::vector<std::unique_ptr<Entry>> entries_;
  Millis last_ = 0;  // evaluation
  mutable std::mutex mutex_;
  std::optional<std::vector<RuleGroup>> waiting_;  // under mutex_
  std::shared_ptr<const RulesState> state_;        // under mutex_
};

}  // namespace inferd::alerts
