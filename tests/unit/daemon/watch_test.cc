// Rounds of history and rules around a registry whose one series the test sets, with a clock that it moves.
#include "daemon/observability/watch.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/observability/errand.h"
#include "daemon/observability/ticker.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/manual_clock.h"

namespace inferd::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Gauge final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    prometheus::MetricFamily family{.name = "level", .help = "", .type = prometheus::MetricType::Gauge, .metric = {}};
    family.metric.emplace_back().gauge.value = value;
    return {family};
  }
  std::atomic<double> value{0};
};

class Told final : public alerts::NotificationSink {
 public:
  void Notify(std::span<const alerts::Notification> notifications) override {
    for (const auto& n : notifications) {
      names.push_back(std::string(n.labels.Get("alertname")) + (n.status == alerts::NotificationStatus::kFiring ? " firing" : " resolved"));
    }
  }
  std::vector<std::string> names;
};

class WatchTest : public ::testing::Test {
 protected:
  WatchTest() : folder_(std::filesystem::path(::testing::TempDir()) / ("watch" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    registry_.Add("process", level_);
    Begin();
  }
  ~WatchTest() override {
    watch_.reset();
    std::filesystem::remove_all(folder_);
  }

  static std::vector<alerts::RuleGroup> Rules(const std::string& rules) {
    auto groups = alerts::ParseRules("groups:\n- name: g\n  rules:\n" + rules, "x.yml");
    EXPECT_TRUE(groups) << groups.error()[0].ToString();
    return std::move(*groups);
  }
  // A new life; the one before ends as if it was killed.
  void Begin(const std::string& rules = "  - {alert: High, expr: level > 1, for: 10s, labels: {severity: warning}}\n") {
    watch_.reset();
    WatchOptions options{.interval = seconds(5), .history = {}, .rules = {}, .folder = folder_};
    watch_ = std::make_unique<Watch>(options, clock_, registry_, Rules(rules));
    watch_->Add(told_);
  }
  void Round() {
    watch_->Round(clock_.Now());
    clock_.Advance(seconds(5));
  }
  std::size_t Samples(const std::string& name) const {
    const auto matcher = metrics::Matcher::Make(metrics::MatchKind::kEqual, std::string(metrics::kMetricName), name);
    const auto set = watch_->history().Select(std::span(&*matcher, 1), 0, watch_->Now());
    std::vector<metrics::Sample> samples;
    for (std::size_t i = 0; i < set->size(); ++i) set->Read(i, 0, watch_->Now(), samples);
    return samples.size();
  }
  double Metric(const std::string& name, const std::string& state = "") const {
    for (const auto& family : watch_->Collect()) {
      for (const auto& metric : family.metric) {
        if (family.name == name && (state.empty() || metric.label.back().value == state)) return metric.gauge.value + metric.counter.value;
      }
    }
    return -1;
  }

  ManualClock clock_;
  Gauge level_;
  metrics::Registry registry_;
  Told told_;
  const std::filesystem::path folder_;
  std::unique_ptr<Watch> watch_;
};

TEST_F(WatchTest, ARoundTakesSamplesJudgesAndTells) {
  Round();
  EXPECT_EQ(Samples("level"), 1U);
  EXPECT_EQ(Metric("inferd_alerts", "pending"), 0) << "there from the start";
  EXPECT_EQ(Metric("inferd_ticker_interval_seconds"), 5);
  level_.value = 2;
  Round();
  EXPECT_EQ(Metric("inferd_alerts", "pending"), 1);
  Round();
  EXPECT_THAT(told_.names, IsEmpty());
  Round();
  EXPECT_THAT(told_.names, ElementsAre("High firing"));
  EXPECT_EQ(Metric("inferd_alerts", "firing"), 1);
  EXPECT_EQ(Metric("inferd_alerts", "pending"), 0);
  EXPECT_EQ(Samples("ALERTS_FOR_STATE"), 3U);
  level_.value = 0;
  Round();
  EXPECT_THAT(told_.names, ElementsAre("High firing", "High resolved"));
  EXPECT_EQ(Samples("ALERTS"), 5U) << "two pending and a stale marker, one firing and a stale marker";
}

TEST_F(WatchTest, AKillKeepsTheProgressOfFor) {
  level_.value = 2;
  Round();
  Round();
  Begin();
  EXPECT_THAT(told_.names, IsEmpty());
  Round();
  Round();
  EXPECT_THAT(told_.names, ElementsAre("High firing")) << "10 s of holding, not another 10";
}

TEST_F(WatchTest, AKillDoesNotLoseWhatIsToBeResolved) {
  level_.value = 2;
  for (int i = 0; i < 3; ++i) Round();
  level_.value = 0;
  Begin();
  Round();
  EXPECT_THAT(told_.names, ElementsAre("High firing", "High resolved"));
}

TEST_F(WatchTest, OtherRulesTakeEffectWithTheNextRound) {
  level_.value = 2;
  Round();
  watch_->Replace(Rules("  - {alert: Other, expr: level > 1}\n"));
  Round();
  EXPECT_THAT(told_.names, ElementsAre("Other firing"));
}

TEST_F(WatchTest, DamagedFilesAreSetAside) {
  watch_.reset();
  std::ofstream(folder_ / "history") << "no history";
  std::ofstream(folder_ / "alerts.json") << "{";
  Begin();
  Round();
  EXPECT_EQ(Samples("level"), 1U);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "history.unreadable"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "alerts.json.unreadable"));
}

TEST_F(WatchTest, AStopKeepsTheHistory) {
  watch_->Start();
  while (Metric("inferd_ticker_rounds_total") == 0) std::this_thread::yield();
  watch_->Stop();
  EXPECT_GE(Samples("level"), 1U);
  Begin();
  EXPECT_GE(Samples("level"), 1U);
  EXPECT_EQ(watch_->history().status().late_samples, 0U);
}

TEST_F(WatchTest, TheHistoryIsKeptEveryFewMinutesToo) {
  Round();
  clock_.Advance(std::chrono::minutes(5));
  Round();
  Begin();
  EXPECT_EQ(Samples("level"), 2U);
}

// A clock whose wall time can be set.
class SettableClock final : public Clock {
 public:
  MonotonicTime Now() const override { return now; }
  WallTime WallNow() const override { return wall; }
  void Advance(Duration by) {
    now += by;
    wall += by;
  }
  MonotonicTime now{std::chrono::hours(1)};
  WallTime wall{std::chrono::hours(500'000)};
};

TEST(WatchTime, NeverGoesBackAndKeepsItsPace) {
  SettableClock clock;
  Gauge level;
  metrics::Registry registry;
  registry.Add("process", level);
  Watch watch({.interval = seconds(5), .history = {}, .rules = {}, .folder = {}}, clock, registry, {});
  const auto round = [&](Duration late) {
    const MonotonicTime due = clock.Now();
    clock.Advance(late);
    watch.Round(due);
    clock.Advance(seconds(5) - late);
  };
  const auto matcher = metrics::Matcher::Make(metrics::MatchKind::kEqual, std::string(metrics::kMetricName), "level");
  round(milliseconds(0));
  round(milliseconds(20));    // hardly late: counts as on time
  round(milliseconds(1000));  // late
  clock.wall -= std::chrono::hours(2);
  round(milliseconds(0));
  round(milliseconds(0));
  std::vector<metrics::Sample> samples;
  watch.history().Select(std::span(&*matcher, 1), 0, watch.Now())->Read(0, 0, watch.Now(), samples);
  ASSERT_EQ(samples.size(), 5U);
  std::vector<metrics::Millis> steps;
  for (std::size_t i = 1; i < samples.size(); ++i) steps.push_back(samples[i].time - samples[i - 1].time);
  EXPECT_THAT(steps, ElementsAre(5000, 6000, 5000, 5000));
  EXPECT_EQ(watch.Now(), samples.back().time) << "queries without a time see the last samples";
}

TEST(Schedule, KeepsItsGridWhateverARoundTakes) {
  const MonotonicTime start{seconds(100)};
  Schedule schedule(start, seconds(5));
  const auto after = [&](Duration took) {
    const std::uint64_t missed = schedule.End(schedule.due() + took);
    return std::pair(missed, schedule.due() - start);
  };
  using Pair = std::pair<std::uint64_t, Duration>;
  EXPECT_EQ(after(milliseconds(3)), Pair(0, seconds(5)));
  EXPECT_EQ(after(milliseconds(4999)), Pair(0, seconds(10)));
  EXPECT_EQ(after(milliseconds(5000)), Pair(0, seconds(15))) << "the next one is due right now";
  EXPECT_EQ(after(milliseconds(5001)), Pair(1, seconds(25)));
  EXPECT_EQ(after(seconds(52)), Pair(10, seconds(80)));
}

TEST(Ticker, RunsUntilItIsStopped) {
  const SystemClock clock{};
  std::atomic<int> runs{0};
  std::promise<void> third;
  Ticker ticker(clock, milliseconds(1), [&](MonotonicTime) {
    if (++runs == 3) third.set_value();
  });
  EXPECT_EQ(ticker.age(), Duration{});
  ticker.Start();
  third.get_future().wait();
  ticker.Stop();
  const int after = runs;
  EXPECT_GE(ticker.rounds(), 3U);
  EXPECT_EQ(static_cast<int>(ticker.rounds()), after);
  ticker.Stop();
}

TEST(Errand, DoesTheNewestAndEndsWhatWaits) {
  std::vector<int> done;
  std::promise<void> begun, go_on;
  {
    Errand errand;
    errand.Ask([&] {
      begun.set_value();
      go_on.get_future().wait();
      done.push_back(1);
    });
    begun.get_future().wait();
    errand.Ask([&] { done.push_back(2); });
    errand.Ask([&] { done.push_back(3); });
    go_on.set_value();
  }
  EXPECT_THAT(done, ElementsAre(1, 3));
}

}  // namespace
}  // namespace inferd::daemon
