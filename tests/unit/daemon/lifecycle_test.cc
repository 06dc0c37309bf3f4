#include "daemon/lifecycle.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/reload.h"
#include "daemon/rules.h"
#include "gtest/gtest.h"
#include "tests/fakes/manual_clock.h"

namespace inferd::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Lifecycle, MovesForwardOnly) {
  ManualClock clock;
  Lifecycle life(clock);
  std::vector<std::string> seen;
  life.OnChange([&](const Lifecycle::Snapshot& now) { seen.push_back(std::string(StateName(now.state)) + ":" + now.reason); });
  EXPECT_EQ(life.state(), State::kStarting);
  EXPECT_TRUE(life.MoveTo(State::kLoading, "a"));
  clock.Advance(std::chrono::seconds(1));
  const MonotonicTime since = life.snapshot().since;
  EXPECT_TRUE(life.MoveTo(State::kLoading, "b")) << "another reason";
  EXPECT_EQ(life.snapshot().since, since) << "the state is as old as before";
  EXPECT_FALSE(life.MoveTo(State::kLoading, "b"));
  EXPECT_TRUE(life.MoveTo(State::kWarming, ""));
  EXPECT_EQ(life.snapshot().since, clock.Now());
  EXPECT_TRUE(life.MoveTo(State::kDraining, "SIGTERM")) << "from anywhere";
  EXPECT_FALSE(life.MoveTo(State::kReady, "")) << "loading ended too late";
  EXPECT_FALSE(life.ready());
  EXPECT_TRUE(life.MoveTo(State::kStopped, ""));
  EXPECT_THAT(seen, ElementsAre("loading:a", "loading:b", "warming:", "draining:SIGTERM", "stopped:"));
}

class ReloadTest : public testing::Test {
 protected:
  ReloadTest() : folder_(std::filesystem::temp_directory_path() / ("inferd-reload-test-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    sources_.file = (folder_ / "inferd.yaml").string();
    keys_ = (folder_ / "keys").string();
    Write(keys_, "app:user:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n");
  }
  ~ReloadTest() override { std::filesystem::remove_all(folder_); }

  static void Write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::trunc) << text; }
  void Config(const std::string& text) { Write(sources_.file, "models: [{name: demo, path: x}]\n" + text); }
  config::Config Load() {
    const auto loaded = config::Load(sources_);
    EXPECT_TRUE(loaded);
    return loaded->config;
  }

  std::filesystem::path folder_;
  config::Sources sources_;
  std::string keys_;
};

TEST_F(ReloadTest, AppliesWhatItCanAndNamesTheRest) {
  Config("queue: {deadline: 60s, capacity: 10}\n");
  const auto running = Load();
  Config("queue: {deadline: 5s, capacity: 20, priorities: [normal]}\nlogs: {level: warn}\n");
  const auto plan = PlanReload(sources_, running);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->config.queue.deadline, std::chrono::seconds(5));
  EXPECT_EQ(plan->config.queue.capacity, 10);
  EXPECT_EQ(plan->config.logs.level, "warn");
  EXPECT_EQ(plan->applied.size(), 3U);
  ASSERT_EQ(plan->waiting.size(), 1U);
  EXPECT_EQ(plan->waiting[0].key, "queue.capacity");
  const ApiSettings settings = SettingsOf(plan->config);
  EXPECT_EQ(settings.deadline, std::chrono::seconds(5));
  EXPECT_THAT(settings.priorities, ElementsAre(false, true, false));
}

TEST_F(ReloadTest, ABadFileChangesNothing) {
  Config("");
  const auto running = Load();
  Config("queue: {capasity: 5}\nlogs: {level: loud}\n");
  const auto plan = PlanReload(sources_, running);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, HasSubstr(":2:9: unknown key \"queue.capasity\""));
  EXPECT_THAT(plan.error().message, HasSubstr("\n" + sources_.file + ":3:15: logs.level"));
}

TEST_F(ReloadTest, KeysAreReadAgain) {
  Config("auth: {keys_file: " + keys_ + "}\n");
  const auto running = Load();
  EXPECT_EQ(PlanReload(sources_, running)->keys->size(), 1U);
  Write(keys_, "nonsense\n");
  const auto plan = PlanReload(sources_, running);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, HasSubstr(keys_ + ":1: "));
}

TEST_F(ReloadTest, RulesAreReadAgain) {
  const std::string rules = (folder_ / "rules.yml").string();
  Write(rules, "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]\n");
  Config("alerts: {rules: [" + rules + "]}\n");
  const auto running = Load();
  auto plan = PlanReload(sources_, running);
  ASSERT_TRUE(plan) << plan.error().message;
  ASSERT_EQ(plan->rules.size(), 1U);
  EXPECT_EQ(plan->rules[0].rules.at(0).name, "A");
  Write(rules, "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'up =='}\n  - {alert: B, expr: up, for: x}\n");
  plan = PlanReload(sources_, running);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, HasSubstr(rules + ":4:22: could not parse expression: 1:"));
  EXPECT_THAT(plan.error().message, HasSubstr("\n" + rules + ":5:"));
}

TEST_F(ReloadTest, ShippedRulesAreThoseOfAnInstallationUnlessALinkSaysOtherwise) { EXPECT_EQ(ShippedRules(), "/etc/inferd/alerts/*.yml"); }

TEST_F(ReloadTest, KeysStayWhileAnOpenAddressIsListenedOn) {
  Config("api: {listen: ['0.0.0.0:8080']}\nauth: {keys_file: " + keys_ + "}\n");
  const auto running = Load();
  Config("api: {listen: ['127.0.0.1:8080']}\n");
  ASSERT_TRUE(config::Load(sources_)) << "sound by itself";
  const auto plan = PlanReload(sources_, running);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().message, HasSubstr("auth.keys_file cannot be taken away while 0.0.0.0:8080 is listened on"));
}

}  // namespace
}  // namespace inferd::daemon
