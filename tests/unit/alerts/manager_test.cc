#include "alerts/manager.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alerts/saved_alerts.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "metrics/promql/memory_series.h"

namespace inferd::alerts {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Millis kTick = 5'000;

// Rules of one file, and the series they are judged over: `up` is written at each round.
class Rules : public ::testing::Test {
 protected:
  static std::vector<RuleGroup> Parse(const std::string& text, const std::string& file = "x.yml") {
    auto groups = ParseRules(text, file);
    EXPECT_TRUE(groups) << groups.error()[0].ToString();
    return groups ? std::move(*groups) : std::vector<RuleGroup>();
  }
  void Load(const std::string& text) { manager_ = std::make_unique<Manager>(options_, Parse(text)); }
  Manager::Outcome Round(Millis now, double up) {
    series_.Add({{"__name__", "up"}, {"instance", "a"}}, {now, up});
    recorded_.clear();
    return manager_->Evaluate(now, series_, [this](Millis, std::span<const metrics::QuerySample> series) {
      recorded_.emplace_back(series.begin(), series.end());
    });
  }
  static std::vector<std::string> Told(const Manager::Outcome& outcome) {
    std::vector<std::string> told;
    for (const Notification& n : outcome.notifications)
      told.push_back(std::string(n.labels.Get("alertname")) + (n.status == NotificationStatus::kFiring ? " firing" : " resolved"));
    return told;
  }

  ManagerOptions options_{.interval = kTick, .tick = kTick, .resend_delay = 60'000, .evaluator = {}};
  metrics::promql::MemorySeries series_;
  std::unique_ptr<Manager> manager_;
  std::vector<std::vector<metrics::QuerySample>> recorded_;  // by each group of a round
};

constexpr const char* kDown = "groups:\n- {name: g, rules: [{alert: Down, expr: up == 0, for: 10s}]}\n";

TEST_F(Rules, EachGroupHasItsOwnInterval) {
  Load("groups:\n- {name: fast, rules: [{record: a, expr: up}]}\n- {name: slow, interval: 15s, rules: [{record: b, expr: up}]}\n");
  std::vector<std::string> evaluated;
  // The thread that calls is a little late, by a different time each time.
  for (const Millis late : {0, 40, 3, 90, 0, 20, 1}) {
    Round(static_cast<Millis>(evaluated.size()) * kTick + late, 1);
    evaluated.emplace_back();
    for (const auto& series : recorded_) evaluated.back() += series.at(0).labels.metric_name();
  }
  EXPECT_THAT(evaluated, ElementsAre("ab", "a", "a", "ab", "a", "a", "ab"));
  EXPECT_EQ(manager_->state()->at(1).last_evaluation, 6 * kTick + 1);
}

TEST_F(Rules, AnAlertGoesThroughItsLifeAndIsTold) {
  Load(kDown);
  EXPECT_THAT(Told(Round(0, 0)), IsEmpty());
  EXPECT_EQ(manager_->state()->at(0).rules.at(0).alerts.at(0).state, AlertState::kPending);
  EXPECT_THAT(Told(Round(1 * kTick, 0)), IsEmpty());
  EXPECT_THAT(Told(Round(2 * kTick, 0)), ElementsAre("Down firing"));
  EXPECT_THAT(Told(Round(3 * kTick, 0)), IsEmpty()) << "not again so soon";
  EXPECT_THAT(Told(Round(4 * kTick, 1)), ElementsAre("Down resolved"));
}

TEST_F(Rules, ReceiversLearnWhereAlertsComeFrom) {
  options_.evaluator.external_labels = {{"instance", "host:9464"}, {"site", "here"}};
  options_.evaluator.external_url = "http://host:9464";
  Load("groups:\n- {name: g, rules: [{alert: Down, expr: up == 0}]}\n");
  const auto outcome = Round(0, 0);
  ASSERT_EQ(outcome.notifications.size(), 1U);
  const Notification& told = outcome.notifications[0];
  EXPECT_EQ(told.labels, (metrics::Labels{{"alertname", "Down"}, {"instance", "a"}, {"site", "here"}})) << "the alert's own labels win";
  EXPECT_EQ(told.generator_url, "http://host:9464/api/v1/query?query=up%20%3D%3D%200");
  EXPECT_EQ(told.fingerprint, told.labels.hash());
  EXPECT_EQ(recorded_[0].at(0).labels.ToString(), R"(ALERTS{alertname="Down", alertstate="firing", instance="a"})")
      << "as Prometheus writes them";
}

TEST_F(Rules, AReloadKeepsWhatStays) {
  Load(kDown);
  Round(0, 0);
  manager_->Replace(Parse(std::string("groups:\n- {name: other, rules: [{alert: Other, expr: up == 0}]}\n") +
                          "- {name: g, rules: [{alert: New, expr: up == 0}, {alert: Down, expr: up == 0, for: 10s}]}\n"));
  EXPECT_EQ(manager_->state()->size(), 1U) << "until the next evaluation";
  EXPECT_THAT(Told(Round(kTick, 0)), ElementsAre("Other firing", "New firing"));
  EXPECT_THAT(Told(Round(2 * kTick, 0)), ElementsAre("Down firing")) << "the progress is not lost";
}

TEST_F(Rules, WhatAReloadTakesAwayIsResolvedAndEnds) {
  Load(std::string("groups:\n- {name: a, rules: [{alert: A, expr: up == 0}]}\n") +
       "- {name: b, rules: [{alert: B, expr: up == 0}, {alert: P, expr: up == 0, for: 1h}, {record: x, expr: up}]}\n");
  EXPECT_THAT(Told(Round(0, 0)), ElementsAre("A firing", "B firing"));
  manager_->Replace(Parse("groups:\n- {name: a, rules: [{alert: A, expr: up == 0}]}\n"));
  EXPECT_THAT(Told(Round(kTick, 0)), ElementsAre("B resolved"));
  ASSERT_EQ(recorded_.size(), 2U);
  EXPECT_EQ(recorded_[0].size(), 2U);
  EXPECT_EQ(recorded_[1].size(), 5U);
  for (const auto& sample : recorded_[1]) EXPECT_TRUE(metrics::IsStale(sample.value)) << sample.labels.ToString();
  Round(2 * kTick, 0);
  EXPECT_EQ(recorded_.size(), 1U);
}

TEST_F(Rules, AReloadLeavesAGroupThatHasNotChangedAlone) {
  const std::string slow = "- {name: slow, interval: 15s, rules: [{alert: Down, expr: up == 0, for: 15s}]}\n";
  Load("groups:\n" + slow + "- {name: g, interval: 15s, rules: [{alert: A, expr: up == 0, for: 1h}]}\n");
  Round(0, 0);
  manager_->Replace(
      Parse("groups:\n- {name: g, interval: 15s, rules: [{alert: A, expr: up < 1, for: 1h}, {record: b, expr: up}]}\n" + slow));
  Round(kTick, 0);
  EXPECT_THAT(recorded_, IsEmpty()) << "their time comes with the third round";
  const auto& state = *manager_->state();
  EXPECT_EQ(state.at(0).rules.at(0).alerts.size(), 1U) << "what was found is seen meanwhile";
  EXPECT_EQ(state.at(1).rules.at(0).alerts.size(), 1U);
  EXPECT_EQ(state.at(1).rules.at(0).health, RuleHealth::kGood);
  Round(2 * kTick, 0);
  EXPECT_THAT(Told(Round(3 * kTick, 0)), ElementsAre("Down firing"));
  EXPECT_EQ(recorded_.size(), 2U);
}

TEST_F(Rules, ASeriesGoesOnUnderAnotherGroup) {
  Load("groups:\n- {name: g, rules: [{record: a, expr: up}, {record: b, expr: up}]}\n");
  Round(0, 1);
  manager_->Replace(Parse("groups:\n- {name: h, rules: [{record: a, expr: up}]}\n"));
  Round(kTick, 1);
  ASSERT_EQ(recorded_.size(), 2U);
  EXPECT_EQ(recorded_[0].at(0).labels.metric_name(), "a") << "before the end of what has gone: the first sample of a time holds";
  EXPECT_EQ(recorded_[1].size(), 2U);
}

TEST_F(Rules, AFailureIsNewOnceAndForgottenWhenItIsOver) {
  Load("groups:\n- {name: g, rules: [{record: r, expr: up / on () up}]}\n");
  Round(0, 1);
  series_.Add({{"__name__", "up"}, {"instance", "b"}}, {kTick, 1});
  const auto first = Round(kTick, 1);
  ASSERT_EQ(first.problems.size(), 1U);
  EXPECT_TRUE(first.problems[0].is_new);
  EXPECT_EQ(manager_->state()->at(0).rules[0].health, RuleHealth::kFailed);
  EXPECT_FALSE(Round(2 * kTick, 1).problems.at(0).is_new);
  series_.Add({{"__name__", "up"}, {"instance", "b"}}, {3 * kTick, metrics::kStaleMarker});
  EXPECT_THAT(Round(3 * kTick, 1).problems, IsEmpty());
  EXPECT_EQ(manager_->state()->at(0).rules[0].health, RuleHealth::kGood);
  EXPECT_EQ(manager_->state()->at(0).rules[0].last_error, "");
}

TEST_F(Rules, ARestartKeepsProgressButDoesNotCountThePause) {
  Load(kDown);
  Round(0, 0);
  Round(kTick, 0);
  const auto saved = ReadSavedAlerts(WriteSavedAlerts(manager_->Save()));
  ASSERT_TRUE(saved);
  const Millis later = 10 * 60'000;
  Load(kDown);
  manager_->Restore(*saved, later);
  EXPECT_THAT(Told(Round(later, 0)), IsEmpty()) << "it had held for 5 of 10 seconds";
  EXPECT_THAT(Told(Round(later + kTick, 0)), ElementsAre("Down firing"));

  Load(kDown);
  manager_->Restore(*saved, kTick + kOutageTolerance + 1);
  EXPECT_THAT(manager_->Save().groups, IsEmpty()) << "too long ago";
}

TEST_F(Rules, AClockThatWasSetBackOverARestartHoldsUpNothing) {
  constexpr Millis kDay = 24LL * 3600 * 1000;
  Load(kDown);
  Round(kDay, 0);
  Round(kDay + kTick, 0);
  SavedAlerts pending = manager_->Save();
  Round(kDay + 2 * kTick, 0);
  SavedAlerts firing = manager_->Save();

  Load(kDown);
  manager_->Restore(std::move(pending), 0);
  EXPECT_THAT(Told(Round(0, 0)), IsEmpty()) << "it had held for 5 of 10 seconds";
  EXPECT_THAT(Told(Round(kTick, 0)), ElementsAre("Down firing"));

  Load(kDown);
  manager_->Restore(std::move(firing), 0);
  EXPECT_THAT(Told(Round(0, 0)), IsEmpty());
  EXPECT_THAT(Told(Round(90'000, 0)), ElementsAre("Down firing")) << "whoever takes it for over when nothing comes must hear of it";
}

TEST_F(Rules, ARestartDoesNotLoseWhatIsToBeResolved) {
  Load(kDown);
  for (Millis t = 0; t <= 2; ++t) Round(t * kTick, 0);
  const auto saved = ReadSavedAlerts(WriteSavedAlerts(manager_->Save()));
  ASSERT_TRUE(saved);
  Load(kDown);
  manager_->Restore(*saved, 3 * kTick);
  const auto outcome = Round(3 * kTick, 1);
  EXPECT_THAT(Told(outcome), ElementsAre("Down resolved"));
  EXPECT_EQ(outcome.notifications[0].starts_at, WallTime(std::chrono::milliseconds(2 * kTick)));
}

TEST(SavedAlerts, EverythingComesBack) {
  Alert alert{.labels = {{"alertname", "A"}, {"path", "/a \"b\"\n\xC3\xA9"}},
              .annotations = {{"summary", "text"}},
              .value = 0,
              .state = AlertState::kFiring,
              .active_at = 1,
              .fired_at = 2,
              .resolved_at = 3,
              .missing_since = 4,
              .last_sent_at = 5};
  const SavedAlerts saved{.at = 7, .groups = {{"f.yml", "g", {{"A", {{"severity", "page"}}, {alert}}}}}};
  const auto read = ReadSavedAlerts(WriteSavedAlerts(saved));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->at, 7);
  EXPECT_EQ(read->groups.at(0).rules.at(0).labels, saved.groups[0].rules[0].labels);
  const Alert& back = read->groups.at(0).rules.at(0).alerts.at(0);
  EXPECT_EQ(back.labels, alert.labels);
  EXPECT_EQ(back.annotations, alert.annotations);
  EXPECT_EQ(back.state, alert.state);
  EXPECT_EQ(std::vector({back.active_at, *back.fired_at, *back.resolved_at, *back.missing_since, *back.last_sent_at}),
            (std::vector<Millis>{1, 2, 3, 4, 5}));
}

TEST(SavedAlerts, WhatIsMalformedIsRefused) {
  for (const char* text : {"", "[]", "{", "{}", R"({"version": 1, "at": 0, "groups": []})", R"({"version": 2, "at": 0, "groups": [{}]})",
                           R"({"version": 2, "at": "x", "groups": []})", R"({"version": 2, "at": 0, "groups": [1]})",
                           R"({"version":2,"at":0,"groups":[{"file":"f","name":"g","rules":[{"rule":"r","labels":{},"alerts":[{}]}]}]})"}) {
    const auto read = ReadSavedAlerts(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::kCorrupt);
  }
}

}  // namespace
}  // namespace inferd::alerts
