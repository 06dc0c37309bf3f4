#include "alerts/manager.h"

#include <algorithm>
#include <set>
#include <utility>

namespace inferd::alerts {

struct Manager::Entry {
  Entry(RuleGroup rules, const ManagerOptions& options) : evaluator(std::move(rules), options.evaluator) {
    state.group = evaluator.group();
    state.interval = state.group->interval.value_or(options.interval);
    state.rules.resize(state.group->rules.size());
  }
  bool Is(const std::string& file, const std::string& name) const { return state.group->file == file && state.group->name == name; }

  // In the place of one with other rules: what it has found is to be seen until the next evaluation, and that comes when it would have
  // come.
  void Continue(Entry& before) {
    evaluator.Continue(before.evaluator);
    if (state.interval == before.state.interval) due = before.due;
    state.last_evaluation = before.state.last_evaluation;
    state.took = before.state.took;
    for (std::size_t i = 0; i < state.rules.size(); ++i) state.rules[i].alerts = evaluator.Alerts(i);
  }

  GroupEvaluator evaluator;
  std::optional<Millis> due;  // none: at once
  GroupState state;
};

Manager::Manager(ManagerOptions options, std::vector<RuleGroup> groups) : options_(std::move(options)) {
  for (RuleGroup& group : groups) entries_.push_back(std::make_unique<Entry>(std::move(group), options_));
  Publish();
}

Manager::~Manager() = default;

void Manager::Replace(std::vector<RuleGroup> groups) {
  const std::lock_guard lock(mutex_);
  waiting_ = std::move(groups);
}

std::shared_ptr<const RulesState> Manager::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::set<metrics::Labels> Manager::Take(std::vector<RuleGroup> groups, Millis now, Outcome& outcome) {
  std::vector<std::unique_ptr<Entry>> old = std::exchange(entries_, {});
  for (RuleGroup& group : groups) {
    const auto known = std::ranges::find_if(old, [&](const auto& entry) { return entry != nullptr && entry->Is(group.file, group.name); });
    if (known != old.end() && *(*known)->state.group == group) {
      entries_.push_back(std::move(*known));
      continue;
    }
    auto entry = std::make_unique<Entry>(std::move(group), options_);
    if (known != old.end()) entry->Continue(**known);
    entries_.push_back(std::move(entry));
  }
  std::erase(old, nullptr);

  std::set<metrics::Labels> go_on;
  for (const auto& entry : entries_) {
    for (std::size_t i = 0; i < entry->state.rules.size(); ++i) {
      for (const Alert& alert : entry->evaluator.Alerts(i)) go_on.insert(alert.labels);
    }
  }
  std::set<metrics::Labels> left;
  for (const auto& entry : old) {
    auto farewells = entry->evaluator.TakeFarewells(now, [&](const metrics::Labels& labels) { return go_on.contains(labels); });
    std::ranges::move(farewells, std::back_inserter(outcome.notifications));
    left.merge(entry->evaluator.TakeSeries());
  }
  return left;
}

Manager::Outcome Manager::Evaluate(Millis now, const metrics::Querier& querier, const Record& record) {
  Outcome outcome;
  last_ = now;
  std::optional<std::vector<RuleGroup>> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh.swap(waiting_);
  }
  std::vector<metrics::QuerySample> ended;
  if (fresh) {
    for (const metrics::Labels& labels : Take(std::move(*fresh), now, outcome)) ended.push_back({labels, metrics::kStaleMarker});
  }
  for (const auto& entry : entries_) {
    if (entry->due && now + options_.tick / 2 < *entry->due) continue;
    EvaluateGroup(*entry, now, querier, record, outcome);
    // From due time to due time, so that lateness does not add up; after a long pause from now.
    const Millis next = entry->due.value_or(now) + entry->state.interval;
    entry->due = next > now ? next : now + entry->state.interval;
  }
  // Only now: a series may go on under another group.
  if (!ended.empty()) record(now, ended);
  Publish();
  return outcome;
}

void Manager::EvaluateGroup(Entry& entry, Millis now, const metrics::Querier& querier, const Record& record, Outcome& outcome) {
  Evaluation evaluation = entry.evaluator.Evaluate(now, querier);
  record(evaluation.at, evaluation.series);
  GroupState& state = entry.state;
  const std::vector<RuleState> before = std::exchange(state.rules, std::vector<RuleState>(state.rules.size()));
  state.last_evaluation = now;
  state.took = {};
  for (std::size_t i = 0; i < state.rules.size(); ++i) {
    state.rules[i] = {.health = RuleHealth::kGood, .last_error = {}, .took = evaluation.took[i], .alerts = entry.evaluator.Alerts(i)};
    state.took += evaluation.took[i];
  }
  for (Evaluation::Problem& problem : evaluation.problems) {
    RuleState& rule = state.rules[problem.rule];
    rule.health = RuleHealth::kFailed;
    rule.last_error = problem.message;
    outcome.problems.push_back({.group = state.group->name,
                                .rule = state.group->rules[problem.rule].name,
                                .message = std::move(problem.message),
                                .is_new = before[problem.rule].last_error != rule.last_error});
  }
  outcome.took.push_back(state.took);
  std::ranges::move(evaluation.transitions, std::back_inserter(outcome.transitions));
  auto notifications = entry.evaluator.TakeNotifications(now, state.interval, options_.resend_delay);
  std::ranges::move(notifications, std::back_inserter(outcome.notifications));
}

void Manager::Publish() {
  auto state = std::make_shared<RulesState>();
  for (const auto& entry : entries_) state->push_back(entry->state);
  const std::lock_guard lock(mutex_);
  state_ = std::move(state);
}

SavedAlerts Manager::Save() const {
  SavedAlerts saved{.at = last_, .groups = {}};
  for (const auto& entry : entries_) {
    auto rules = entry->evaluator.Save();
    if (!rules.empty()) saved.groups.push_back({entry->state.group->file, entry->state.group->name, std::move(rules)});
  }
  return saved;
}

void Manager::Restore(SavedAlerts saved, Millis now) {
  const Millis pause = now - saved.at;  // negative: the clock was set back meanwhile
  if (pause > kOutageTolerance) return;
  for (SavedGroup& group : saved.groups) {
    for (auto& rule : group.rules) {
      for (Alert& alert : rule.alerts) {
        if (alert.state == AlertState::kPending || pause < 0) alert.active_at += pause;
        if (pause >= 0) continue;
        // Nothing may lie ahead: it would be waited for.
        for (std::optional<Millis>* time : {&alert.fired_at, &alert.resolved_at, &alert.missing_since, &alert.last_sent_at}) {
          if (*time) **time += pause;
        }
      }
    }
    for (const auto& entry : entries_) {
      if (entry->Is(group.file, group.name)) entry->evaluator.Restore(group.rules);
    }
  }
}

}  // namespace inferd::alerts
