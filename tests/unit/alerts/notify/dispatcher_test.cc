#include "alerts/notify/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <deque>
#include <future>

#include "tests/unit/alerts/notify/alerts.h"

namespace inferd::alerts {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

// What a delivery does: succeed, fail, or hang until it is released or stopped.
class FakeChannel final : public Channel {
 public:
  Result<> Deliver(const Message& message, const StopSignal& stop) override {
    std::unique_lock lock(mutex_);
    for (const Notification& alert : message.alerts) {
      tried_.push_back((alert.status == NotificationStatus::kFiring ? "firing " : "resolved ") + std::string(alert.labels.Get("instance")));
    }
    ++tries_;
    changed_.notify_all();
    const bool held = holds_resolved_ && !message.firing();
    while ((hangs_ || (held && holds_resolved_)) && !stop.raised()) {
      lock.unlock();
      pollfd fd{.fd = stop.fd(), .events = POLLIN, .revents = 0};
      ::poll(&fd, 1, 5);
      lock.lock();
    }
    if (stop.raised()) return Error(Code::kCancelled, "stopped");
    if (fails_ && !held) return Error(Code::kUnavailable, "no way");
    return {};
  }
  void Set(bool fails, bool hangs) {
    const std::lock_guard lock(mutex_);
    fails_ = fails;
    hangs_ = hangs;
  }
  void HoldResolved(bool holds) {
    const std::lock_guard lock(mutex_);
    holds_resolved_ = holds;
  }
  void AwaitTries(int n) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, seconds(30), [&] { return tries_ >= n; })) << tries_;
  }
  std::vector<std::string> tried() {
    const std::lock_guard lock(mutex_);
    return tried_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool fails_ = false;
  bool hangs_ = false;
  bool holds_resolved_ = false;
  int tries_ = 0;
  std::vector<std::string> tried_;
};

class FakeLog final : public DeliveryLog {
 public:
  void Failing(std::string_view notifier, std::string_view trouble) override {
    Add("failing " + std::string(notifier) + ": " + std::string(trouble));
  }
  void Working(std::string_view notifier, Duration, std::uint64_t tries) override {
    Add("working " + std::string(notifier) + " after " + std::to_string(tries));
  }
  void Full(std::string_view notifier, std::size_t capacity) override {
    Add("full " + std::string(notifier) + " " + std::to_string(capacity));
  }
  void Output(std::string_view, std::string_view line) override { Add(std::string(line)); }
  void AwaitLines(std::size_t n) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, seconds(30), [&] { return lines_.size() >= n; }));
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  void Add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

class DispatcherTest : public ::testing::Test {
 protected:
  void Make(QueueOptions options = Fast()) {
    auto channel = std::make_unique<FakeChannel>();
    channel_ = channel.get();
    dispatcher_.emplace(
        "pager", std::move(options), std::move(channel),
        Dispatcher::Surroundings{
            .clock = clock_, .log = log_, .random = [] { return 0.0; }, .silenced = [](const metrics::Labels&) { return false; }},
        counters_);
  }
  static QueueOptions Fast() { return {.group_by = {"..."}, .first_pause = milliseconds(2), .longest_pause = milliseconds(10)}; }
  void Notify(const Notification& alert) { dispatcher_->Notify({&alert, 1}); }

  const SystemClock clock_{};
  FakeLog log_;
  FakeChannel* channel_ = nullptr;
  std::shared_ptr<DeliveryCounters> counters_ = std::make_shared<DeliveryCounters>();
  std::optional<Dispatcher> dispatcher_;
};

TEST_F(DispatcherTest, DeliversAndCounts) {
  Make();
  Notify(Alert("A", "a"));
  channel_->AwaitTries(1);
  Notify(Resolved("A", "a"));
  channel_->AwaitTries(2);
  dispatcher_->Stop();
  EXPECT_THAT(channel_->tried(), ElementsAre("firing a", "resolved a"));
  EXPECT_EQ(counters_->ok, 2U);
  EXPECT_EQ(counters_->failed, 0U);
  EXPECT_TRUE(log_.lines().empty());
}

TEST_F(DispatcherTest, TriesUntilItSucceedsAndSaysSoOnce) {
  Make();
  channel_->Set(true, false);
  Notify(Alert("A", "a"));
  channel_->AwaitTries(4);
  EXPECT_TRUE(dispatcher_->state().failing);
  EXPECT_EQ(dispatcher_->state().error, "no way");
  Notify(Resolved("A", "a"));
  channel_->AwaitTries(6);
  channel_->Set(false, false);
  log_.AwaitLines(2);
  dispatcher_->Stop();
  EXPECT_EQ(channel_->tried().back(), "resolved a") << "what has been superseded is not told any more";
  EXPECT_GE(counters_->failed, 6U);
  EXPECT_EQ(counters_->ok, 1U);
  EXPECT_THAT(log_.lines(), ElementsAre("failing pager: no way", "working pager after " + std::to_string(counters_->failed)));
  EXPECT_EQ(dispatcher_->state().waiting, 0U);
}

TEST_F(DispatcherTest, AHangingReceiverHoldsNobody) {
  Make({.group_by = {"..."}, .capacity = 3, .first_pause = milliseconds(2), .longest_pause = milliseconds(10)});
  channel_->Set(false, true);
  Notify(Alert("A", "a"));
  channel_->AwaitTries(1);
  for (int round = 0; round < 1000; ++round) {
    for (const char* instance : {"a", "b", "c", "d"}) Notify(Alert("A", instance, NotificationStatus::kFiring, round));
  }
  EXPECT_EQ(counters_->dropped, 1000U) << "d never finds room";
  EXPECT_EQ(dispatcher_->state().waiting, 3U);
  EXPECT_THAT(log_.lines(), ElementsAre("full pager 3"));
  channel_->Set(false, false);
  channel_->AwaitTries(4);
  dispatcher_->Stop();
}

TEST_F(DispatcherTest, StopsAtOnceAndHandsOverWhatIsLeft) {
  Make();
  channel_->Set(false, true);
  Notify(Alert("A", "a"));
  channel_->AwaitTries(1);
  Notify(Alert("B", "b"));
  const auto items = dispatcher_->Stop();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].notification.labels.Get("instance"), "a");
  EXPECT_TRUE(items[0].told);
  EXPECT_TRUE(items[0].waiting);
  EXPECT_FALSE(items[1].told);
  Notify(Alert("C", "c"));
  EXPECT_EQ(dispatcher_->Stop().size(), 2U) << "nobody listens any more";
}

TEST_F(DispatcherTest, ATestGoesTheWholeWay) {
  Make({.group_by = {}, .group_wait = std::chrono::hours(1)});
  EXPECT_TRUE(dispatcher_->Test(Alert("InferdTest", "t"), seconds(30)));
  channel_->AwaitTries(2);
  EXPECT_THAT(channel_->tried(), ElementsAre("firing t", "resolved t"));
  channel_->Set(true, false);
  const auto failed = dispatcher_->Test(Alert("InferdTest", "t"), seconds(30));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "no way");
  EXPECT_EQ(dispatcher_->state().waiting, 0U) << "a test is not tried again";
}

TEST_F(DispatcherTest, TheEndOfATestIsNotTheOutcomeOfTheNext) {
  Make();
  channel_->HoldResolved(true);
  EXPECT_TRUE(dispatcher_->Test(Alert("InferdTest", "t"), seconds(30)));
  channel_->AwaitTries(2);  // the end of the first one is on its way
  channel_->Set(true, false);
  auto second = std::async(std::launch::async, [&] {
    for (;;) {
      const auto result = dispatcher_->Test(Alert("InferdTest", "t"), seconds(60));
      if (result || result.error().message != "another test is under way") return result;
    }
  });
  while (dispatcher_->Test(Alert("InferdTest", "u"), milliseconds(0)).error().code != Code::kUnavailable) std::this_thread::yield();
  channel_->HoldResolved(false);
  const auto outcome = second.get();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "no way");
}

TEST_F(DispatcherTest, ATestBehindAHangingDeliverySaysSo) {
  Make();
  channel_->Set(false, true);
  Notify(Alert("A", "a"));
  channel_->AwaitTries(1);
  const auto late = dispatcher_->Test(Alert("InferdTest", "t"), milliseconds(20));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kDeadlineExceeded);
  auto waiting = std::async(std::launch::async, [&] { return dispatcher_->Test(Alert("InferdTest", "t"), seconds(60)); });
  while (dispatcher_->state().waiting < 2) std::this_thread::yield();
  EXPECT_EQ(dispatcher_->Test(Alert("InferdTest", "u"), seconds(60)).error().code, Code::kUnavailable) << "one at a time";
  dispatcher_->Stop();
  EXPECT_EQ(waiting.get().error().code, Code::kCancelled);
}

}  // namespace
}  // namespace inferd::alerts
