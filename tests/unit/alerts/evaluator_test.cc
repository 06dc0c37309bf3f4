#include "alerts/evaluator.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "metrics/promql/memory_series.h"

namespace inferd::alerts {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Millis kSecond = 1000;
constexpr Millis kMinute = 60 * kSecond;

WallTime Wall(Millis time) { return WallTime(std::chrono::milliseconds(time)); }

// A group of one rule file's text, and its samples.
class Evaluator : public ::testing::Test {
 protected:
  void Load(const std::string& rules, const std::string& group_options = "") {
    auto groups = ParseRules("groups:\n- name: g\n" + group_options + "  rules:\n" + rules, "x.yml");
    ASSERT_TRUE(groups) << groups.error()[0].ToString();
    evaluator_.emplace(std::move((*groups)[0]), EvaluatorOptions{});
  }
  void Set(const std::string& name, double value, Millis at, const std::string& instance = "a") {
    series_.Add({{"__name__", name}, {"instance", instance}}, {at, value});
  }
  Evaluation At(Millis now) { return evaluator_->Evaluate(now, series_); }
  // "pending>firing" for each transition.
  static std::vector<std::string> Moves(const Evaluation& evaluation) {
    std::vector<std::string> moves;
    for (const auto& t : evaluation.transitions)
      moves.push_back(std::string(AlertStateName(t.from)) + ">" + std::string(AlertStateName(t.to)));
    return moves;
  }
  AlertState State() const { return evaluator_->Alerts(0).empty() ? AlertState::kInactive : evaluator_->Alerts(0)[0].state; }

  metrics::promql::MemorySeries series_;
  std::optional<GroupEvaluator> evaluator_;
};

TEST_F(Evaluator, RulesSeeWhatEndedBeforeThem) {
  // At 30 s the pending series ends and the firing one begins: whoever counts them after that sees one.
  Load("  - {alert: Down, expr: up == 0, for: 30s}\n  - {record: alerts, expr: count(ALERTS)}\n");
  for (const Millis now : {0 * kSecond, 15 * kSecond, 30 * kSecond}) {
    Set("up", 0, now);
    const auto evaluation = At(now);
    ASSERT_EQ(evaluation.series.size(), now < 30 * kSecond ? 3U : 4U);
    EXPECT_EQ(evaluation.series.back().labels.metric_name(), "alerts");
    EXPECT_EQ(evaluation.series.back().value, 1) << now;
    for (const auto& sample : evaluation.series) series_.Add(sample.labels, {evaluation.at, sample.value});
  }
}

TEST_F(Evaluator, AQueryOffsetIsTheTimeOfWhatIsRecorded) {
  Load("  - {record: a, expr: up}\n", "  query_offset: 20s\n");
  Set("up", 5, 10 * kSecond);
  Set("up", 6, 20 * kSecond);
  const auto evaluation = At(35 * kSecond);
  EXPECT_EQ(evaluation.at, 15 * kSecond);
  ASSERT_EQ(evaluation.series.size(), 1U);
  EXPECT_EQ(evaluation.series[0].value, 5);
}

TEST_F(Evaluator, FiresAtOnceWithoutFor) {
  Load("  - {alert: Down, expr: up == 0, labels: {severity: '{{ $value }}'}, annotations: {summary: '{{ $labels.instance }}'}}\n");
  Set("up", 0, 0);
  const auto evaluation = At(0);
  EXPECT_THAT(Moves(evaluation), ElementsAre("inactive>pending", "pending>firing"));
  const auto alerts = evaluator_->Alerts(0);
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].labels, (metrics::Labels{{"alertname", "Down"}, {"instance", "a"}, {"severity", "0"}}));
  EXPECT_EQ(alerts[0].annotations.at("summary"), "a");
  ASSERT_EQ(evaluation.series.size(), 2U);
  EXPECT_EQ(evaluation.series[0].labels.ToString(), R"(ALERTS{alertname="Down", alertstate="firing", instance="a", severity="0"})");
  EXPECT_EQ(evaluation.series[1].labels.metric_name(), "ALERTS_FOR_STATE");
}

TEST_F(Evaluator, ForThatIsReachedIsJudgedInTheSameEvaluation) {
  Load("  - {alert: Down, expr: up == 0, for: 2m}\n");
  for (Millis t = 0; t <= 2 * kMinute; t += kMinute) Set("up", 0, t);
  EXPECT_THAT(Moves(At(0)), ElementsAre("inactive>pending"));
  EXPECT_THAT(Moves(At(2 * kMinute - 1)), IsEmpty());
  EXPECT_THAT(Moves(At(2 * kMinute)), ElementsAre("pending>firing"));
}

TEST_F(Evaluator, PendingThatMissesOnceIsDropped) {
  Load("  - {alert: Down, expr: up == 0, for: 2m}\n");
  Set("up", 0, 0);
  Set("up", 1, kMinute);
  Set("up", 0, 2 * kMinute);
  At(0);
  EXPECT_THAT(Moves(At(kMinute)), ElementsAre("pending>inactive"));
  EXPECT_TRUE(evaluator_->Alerts(0).empty());
  EXPECT_THAT(Moves(At(2 * kMinute)), ElementsAre("inactive>pending"));
  EXPECT_THAT(Moves(At(3 * kMinute)), IsEmpty()) << "it starts anew";
}

TEST_F(Evaluator, FiringThatMissesGoesOnForKeepFiringFor) {
  Load("  - {alert: Down, expr: up == 0, keep_firing_for: 2m}\n");
  Set("up", 0, 0);
  Set("up", 1, kMinute);
  Set("up", 0, 2 * kMinute);
  Set("up", 1, 3 * kMinute);
  At(0);
  EXPECT_THAT(Moves(At(kMinute)), IsEmpty());
  EXPECT_THAT(Moves(At(2 * kMinute)), IsEmpty()) << "a hit starts the time again";
  EXPECT_THAT(Moves(At(3 * kMinute)), IsEmpty());
  EXPECT_THAT(Moves(At(5 * kMinute - 1)), IsEmpty());
  EXPECT_THAT(Moves(At(5 * kMinute)), ElementsAre("firing>inactive"));
}

TEST_F(Evaluator, ResolvedIsRememberedForAQuarterOfAnHour) {
  Load("  - {alert: Down, expr: up == 0}\n");
  Set("up", 0, 0);
  Set("up", 1, kMinute);
  At(0);
  EXPECT_THAT(Moves(At(kMinute)), ElementsAre("firing>inactive"));
  ASSERT_EQ(evaluator_->Alerts(0).size(), 1U);
  EXPECT_EQ(evaluator_->Alerts(0)[0].resolved_at, kMinute);
  At(kMinute + kResolvedRetention);
  EXPECT_EQ(evaluator_->Alerts(0).size(), 1U);
  At(kMinute + kResolvedRetention + 1);
  EXPECT_TRUE(evaluator_->Alerts(0).empty());
}

TEST_F(Evaluator, ResolvedThatComesBackIsNew) {
  Load("  - {alert: Down, expr: up == 0, for: 1m}\n");
  for (Millis t = 0; t < 5; ++t) Set("up", t == 2 ? 1 : 0, t * kMinute);
  At(0);
  At(kMinute);
  EXPECT_THAT(Moves(At(2 * kMinute)), ElementsAre("firing>inactive"));
  EXPECT_THAT(Moves(At(3 * kMinute)), ElementsAre("inactive>pending"));
  EXPECT_EQ(evaluator_->Alerts(0)[0].resolved_at, std::nullopt);
  EXPECT_EQ(evaluator_->Alerts(0)[0].active_at, 3 * kMinute);
}

TEST_F(Evaluator, AQueryThatFailsChangesNothing) {
  Load("  - {alert: Bad, expr: up == 0 and on () (up / on () group_left up)}\n  - {alert: Good, expr: up == 0}\n");
  Set("up", 0, 0, "a");
  Set("up", 0, 0, "b");
  const auto evaluation = At(0);
  ASSERT_EQ(evaluation.problems.size(), 1U);
  EXPECT_EQ(evaluation.problems[0].rule, 0U);
  EXPECT_TRUE(evaluator_->Alerts(0).empty());
  EXPECT_EQ(evaluator_->Alerts(1).size(), 2U);
}

TEST_F(Evaluator, EqualLabelSetsFailTheRule) {
  Load("  - {alert: Same, expr: up, labels: {instance: x}}\n");
  Set("up", 0, 0, "a");
  EXPECT_THAT(At(0).problems, IsEmpty());
  Set("up", 0, kMinute, "b");
  const auto evaluation = At(kMinute);
  ASSERT_EQ(evaluation.problems.size(), 1U);
  EXPECT_THAT(evaluation.problems[0].message, HasSubstr("same labelset"));
  EXPECT_EQ(State(), AlertState::kFiring) << "as it was";
}

TEST_F(Evaluator, AnnotationsAreNoIdentity) {
  Load("  - {alert: High, expr: load > 1, annotations: {summary: '{{ $value }}'}}\n");
  Set("load", 2, 0);
  Set("load", 3, kMinute);
  At(0);
  EXPECT_THAT(Moves(At(kMinute)), IsEmpty());
  EXPECT_EQ(evaluator_->Alerts(0)[0].annotations.at("summary"), "3");
  EXPECT_EQ(evaluator_->Alerts(0)[0].active_at, 0);
}

TEST_F(Evaluator, ATemplateThatFailsDoesNotSilenceTheAlert) {
  Load("  - {alert: High, expr: load, annotations: {summary: '{{ $nothing }}'}}\n");
  Set("load", 2, 0);
  At(0);
  EXPECT_EQ(State(), AlertState::kFiring);
  EXPECT_THAT(evaluator_->Alerts(0)[0].annotations.at("summary"), HasSubstr("<error expanding template: "));
}

TEST_F(Evaluator, OverTheLimitNothingIsActive) {
  Load("  - {alert: Many, expr: up == 0}\n", "  limit: 1\n");
  Set("up", 0, 0, "a");
  At(0);
  EXPECT_EQ(State(), AlertState::kFiring);
  Set("up", 0, kMinute, "b");
  const auto evaluation = At(kMinute);
  EXPECT_THAT(evaluation.problems.at(0).message, HasSubstr("exceeded limit of 1 with 2 alerts"));
  EXPECT_TRUE(evaluation.series.empty());
  EXPECT_TRUE(evaluator_->Alerts(0).empty());
}

TEST_F(Evaluator, LaterRulesSeeWhatEarlierOnesRecorded) {
  Load("  - {record: total, expr: sum(up), labels: {by: rule}}\n  - {alert: Few, expr: total < 2}\n  - {record: twice, expr: total * 2}\n");
  Set("up", 1, 0);
  const auto evaluation = At(0);
  ASSERT_EQ(evaluation.series.size(), 4U);
  EXPECT_EQ(evaluation.series[0].labels.ToString(), R"(total{by="rule"})");
  EXPECT_EQ(evaluation.series[3].value, 2);
  EXPECT_EQ(evaluator_->Alerts(1).size(), 1U);
}

TEST_F(Evaluator, NoticesAreSentAgainAndResolvedOnesAtOnce) {
  constexpr Millis kInterval = 15 * kSecond;
  Load("  - {alert: Down, expr: up == 0, for: 30s}\n");
  for (Millis t = 0; t <= 20; ++t) Set("up", t < 12 ? 0 : 1, t * kInterval);
  std::vector<std::string> sent;
  Notification last;
  for (Millis t = 0; t <= 20; ++t) {
    At(t * kInterval);
    for (const Notification& notice : evaluator_->TakeNotifications(t * kInterval, kInterval, kMinute)) {
      const bool resolved = notice.status == NotificationStatus::kResolved;
      sent.push_back(std::to_string(t) + (resolved ? " resolved" : " firing"));
      last = notice;
      EXPECT_EQ(notice.ends_at, Wall(resolved ? 12 * kInterval : t * kInterval + 4 * kMinute));
      EXPECT_EQ(notice.starts_at, Wall(2 * kInterval));
    }
  }
  // Firing at 2; again when more than a minute has gone by; resolved at 12.
  EXPECT_THAT(sent, ElementsAre("2 firing", "7 firing", "12 resolved", "17 resolved"));
  EXPECT_EQ(last.ends_at, Wall(12 * kInterval));
}

TEST_F(Evaluator, ARestartDoesNotLoseTheProgressOfFor) {
  const std::string rules = "  - {alert: Down, expr: up == 0, for: 2m}\n";
  Load(rules);
  for (Millis t = 0; t <= 3; ++t) Set("up", 0, t * kMinute);
  At(0);
  At(kMinute);
  const auto saved = evaluator_->Save();
  Load(rules);
  evaluator_->Restore(saved);
  EXPECT_EQ(State(), AlertState::kPending);
  EXPECT_THAT(Moves(At(2 * kMinute)), ElementsAre("pending>firing"));

  Load("  - {alert: Down, expr: up < 1, for: 2m}\n");
  evaluator_->Restore(saved);
  EXPECT_EQ(State(), AlertState::kPending) << "another threshold is no other rule";
  Load("  - {alert: Down, expr: up == 0, for: 2m, labels: {severity: critical}}\n");
  evaluator_->Restore(saved);
  EXPECT_EQ(State(), AlertState::kInactive) << "other labels are";
}

// "name" for each sample, "name ended" for each marker.
std::vector<std::string> Recorded(const Evaluation& evaluation) {
  std::vector<std::string> names;
  for (const auto& sample : evaluation.series) {
    names.push_back(std::string(sample.labels.metric_name()) + (metrics::IsStale(sample.value) ? " ended" : ""));
  }
  return names;
}

TEST_F(Evaluator, WhatCannotBeJudgedEndsNothing) {
  Load("  - {record: r, expr: up / on () one}\n  - {alert: Down, expr: up == 0 and on () vector(1) / on () one}\n");
  for (Millis t = 0; t <= 4; ++t) Set("up", 0, t * kMinute);
  for (Millis t = 0; t <= 4; ++t) Set("one", 1, t * kMinute);
  Set("one", 1, kMinute, "b");
  Set("one", metrics::kStaleMarker, 2 * kMinute, "b");
  EXPECT_THAT(Recorded(At(0)), ElementsAre("r", "ALERTS", "ALERTS_FOR_STATE"));
  const auto failed = At(kMinute);
  EXPECT_EQ(failed.problems.size(), 2U);
  EXPECT_THAT(Recorded(failed), IsEmpty());
  EXPECT_THAT(Recorded(At(2 * kMinute)), ElementsAre("r", "ALERTS", "ALERTS_FOR_STATE"));
  Set("up", metrics::kStaleMarker, 3 * kMinute);
  EXPECT_THAT(Recorded(At(3 * kMinute)), ElementsAre("r ended", "ALERTS ended", "ALERTS_FOR_STATE ended"));
  EXPECT_THAT(Recorded(At(4 * kMinute)), ElementsAre("r", "ALERTS", "ALERTS_FOR_STATE"));
}

TEST_F(Evaluator, OtherRulesGoOnWhereTheseStand) {
  Load("  - {record: r, expr: up}\n  - {record: gone, expr: up}\n  - {alert: Down, expr: up == 0, for: 2m}\n");
  for (Millis t = 0; t <= 3; ++t) Set("up", 0, t * kMinute);
  At(0);
  GroupEvaluator before = std::move(*evaluator_);
  Load("  - {alert: Down, expr: up < 1, for: 2m}\n  - {record: r, expr: up * 2}\n");
  evaluator_->Continue(before);
  EXPECT_EQ(State(), AlertState::kPending);
  EXPECT_THAT(Recorded(At(kMinute)), ElementsAre("ALERTS", "ALERTS_FOR_STATE", "r", "gone ended"));
  EXPECT_THAT(Recorded(At(2 * kMinute)), ElementsAre("ALERTS", "ALERTS_FOR_STATE", "ALERTS ended", "r"));
  EXPECT_THAT(before.TakeSeries(), IsEmpty());
  EXPECT_EQ(evaluator_->TakeSeries().size(), 3U);
}

}  // namespace
}  // namespace inferd::alerts
