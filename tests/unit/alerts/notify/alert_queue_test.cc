#include "alerts/notify/alert_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/alerts/notify/alerts.h"

namespace inferd::alerts {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Queue : public ::testing::Test {
 protected:
  Queue() { Make({.group_by = {"alertname"}, .group_wait = seconds(10), .group_interval = minutes(1), .repeat_interval = minutes(60)}); }

  void Make(QueueOptions options) {
    queue_.emplace(
        std::move(options), [this] { return random_; },
        [this](const metrics::Labels& labels) { return silenced_.contains(std::string(labels.Get("alertname"))); });
  }
  AlertQueue::Times At(Duration t) const { return {MonotonicTime(seconds(1000)) + t, WallTime(seconds(1'577'836'800)) + t}; }
  bool Put(const Notification& alert, Duration t) { return queue_->Put(alert, At(t)); }

  // "firing a" for each alert of the message that is due; empty when none is.
  static std::vector<std::string> Told(const std::optional<AlertQueue::Batch>& batch) {
    std::vector<std::string> told;
    if (!batch) return told;
    for (const Notification& alert : batch->message.alerts) {
      told.push_back((alert.status == NotificationStatus::kFiring ? "firing " : "resolved ") + std::string(alert.labels.Get("instance")));
    }
    return told;
  }
  // Takes what is due and delivers it.
  std::vector<std::string> Deliver(Duration t) {
    const auto batch = queue_->Take(At(t));
    if (batch) queue_->Delivered(*batch, At(t));
    return Told(batch);
  }
  bool Fail(Duration t) {
    const auto batch = queue_->Take(At(t));
    if (batch) queue_->Failed(*batch, At(t));
    return batch.has_value();
  }
  Duration NextDue() const { return *queue_->NextDue() - MonotonicTime(seconds(1000)); }

  double random_ = 0;
  std::set<std::string> silenced_;
  std::optional<AlertQueue> queue_;
};

TEST_F(Queue, AGroupWaitsForItsFirstMessage) {
  Put(Alert("A", "a"), seconds(0));
  Put(Alert("A", "b"), seconds(3));
  EXPECT_EQ(NextDue(), seconds(10));
  EXPECT_THAT(Deliver(milliseconds(9999)), IsEmpty());
  const auto batch = queue_->Take(At(seconds(10)));
  EXPECT_THAT(Told(batch), ElementsAre("firing a", "firing b"));
  EXPECT_EQ(batch->message.group, (metrics::Labels{{"alertname", "A"}}));
}

TEST_F(Queue, WhatChangesWaitsForTheInterval) {
  Put(Alert("A", "a"), seconds(0));
  EXPECT_THAT(Deliver(seconds(10)), ElementsAre("firing a"));
  Put(Alert("A", "b"), seconds(20));
  EXPECT_EQ(NextDue(), seconds(70));
  Put(Resolved("A", "a"), seconds(30));
  EXPECT_THAT(Deliver(seconds(69)), IsEmpty());
  EXPECT_THAT(Deliver(seconds(70)), ElementsAre("firing b", "resolved a"));
  EXPECT_EQ(queue_->size(), 1U) << "who was told that it is over needs to hear no more";
  Put(Resolved("A", "b"), seconds(200));
  EXPECT_THAT(Deliver(seconds(200)), ElementsAre("resolved b")) << "the interval has passed";
  EXPECT_EQ(queue_->size(), 0U);
  EXPECT_FALSE(queue_->NextDue());
}

TEST_F(Queue, OtherGroupsDoNotWait) {
  Put(Alert("A", "a"), seconds(0));
  Put(Alert("B", "a"), seconds(5));
  EXPECT_THAT(Deliver(seconds(20)), ElementsAre("firing a"));
  EXPECT_THAT(Deliver(seconds(20)), ElementsAre("firing a"));
  EXPECT_THAT(Deliver(seconds(20)), IsEmpty());
}

TEST_F(Queue, WhatGoesOnIsRepeatedAndIsNoNews) {
  Put(Alert("A", "a"), seconds(0));
  EXPECT_THAT(Deliver(seconds(10)), ElementsAre("firing a"));
  Put(Alert("A", "a"), minutes(5));
  EXPECT_EQ(queue_->waiting(), 0U);
  EXPECT_THAT(Deliver(minutes(60)), IsEmpty());
  EXPECT_EQ(NextDue(), minutes(60) + seconds(10));
  EXPECT_THAT(Deliver(minutes(61)), ElementsAre("firing a"));
  EXPECT_THAT(Deliver(minutes(62)), IsEmpty());
}

TEST_F(Queue, RefreshedReceiversHearEverything) {
  Make({.group_by = {}, .refresh = true});
  Put(Alert("A", "a"), seconds(0));
  EXPECT_THAT(Deliver(seconds(0)), ElementsAre("firing a"));
  EXPECT_THAT(Deliver(seconds(30)), IsEmpty());
  Put(Alert("A", "a"), minutes(1));
  EXPECT_THAT(Deliver(minutes(1)), ElementsAre("firing a"));
}

TEST_F(Queue, TheNewerStateTakesThePlaceOfTheOlder) {
  Put(Alert("A", "a"), seconds(0));
  Put(Resolved("A", "a"), seconds(1));
  EXPECT_EQ(queue_->size(), 0U) << "nobody has heard that it fired";
  Put(Alert("A", "a", NotificationStatus::kFiring, 2), seconds(2));
  EXPECT_THAT(Deliver(seconds(12)), ElementsAre("firing a"));
  Put(Resolved("A", "a", 2), seconds(20));
  Put(Alert("A", "a", NotificationStatus::kFiring, 30), seconds(30));
  EXPECT_THAT(Deliver(minutes(2)), ElementsAre("firing a")) << "it fires anew";
  EXPECT_THAT(Deliver(minutes(4)), IsEmpty());
}

TEST_F(Queue, NewsDuringADeliveryIsNotLost) {
  Put(Alert("A", "a"), seconds(0));
  const auto batch = queue_->Take(At(seconds(10)));
  Put(Resolved("A", "a"), seconds(11));
  queue_->Delivered(*batch, At(seconds(12)));
  EXPECT_EQ(queue_->waiting(), 1U);
  EXPECT_THAT(Deliver(seconds(72)), ElementsAre("resolved a"));
}

TEST_F(Queue, ResolvedIsToldWhenFiringMayHaveBeenHeard) {
  Put(Alert("A", "a"), seconds(0));
  ASSERT_TRUE(Fail(seconds(10))) << "a receiver may have got it all the same";
  Put(Resolved("A", "a"), seconds(11));
  EXPECT_THAT(Deliver(minutes(10)), ElementsAre("resolved a"));
  Put(Resolved("A", "b"), minutes(11));
  EXPECT_EQ(queue_->size(), 0U) << "never heard of";
}

TEST_F(Queue, ResolvedAgainAndAgainIsNewsOnce) {
  Put(Alert("A", "a"), seconds(0));
  Deliver(seconds(10));
  Put(Resolved("A", "a"), seconds(70));
  EXPECT_THAT(Deliver(seconds(70)), ElementsAre("resolved a"));
  Put(Resolved("A", "a"), minutes(3));
  EXPECT_THAT(Deliver(minutes(9)), IsEmpty());
}

TEST_F(Queue, ResolvedCanBeLeftOut) {
  Make({.group_by = {"alertname"}, .send_resolved = false});
  Put(Alert("A", "a"), seconds(0));
  EXPECT_THAT(Deliver(seconds(0)), ElementsAre("firing a"));
  Put(Resolved("A", "a"), seconds(1));
  EXPECT_THAT(Deliver(minutes(9)), IsEmpty());
  EXPECT_EQ(queue_->size(), 0U);
}

TEST_F(Queue, PausesDoubleUpToTheLongest) {
  Make({.group_by = {}, .first_pause = seconds(1), .longest_pause = seconds(8)});
  Put(Alert("A", "a"), seconds(0));
  random_ = 0.9999999;
  Duration now{};
  for (const int expected : {1000, 2000, 4000, 8000, 8000, 8000}) {
    ASSERT_TRUE(Fail(now));
    EXPECT_NEAR(ToSeconds(NextDue() - now), expected / 1000.0, 0.001);
    now = NextDue();
  }
  random_ = 0;
  ASSERT_TRUE(Fail(now));
  EXPECT_EQ(NextDue() - now, seconds(4)) << "half of it is chance";
  Put(Alert("A", "b"), now + seconds(1));
  EXPECT_EQ(NextDue() - now, seconds(4)) << "news does not shorten the pause";
  EXPECT_THAT(Deliver(now + seconds(4)), ElementsAre("firing a", "firing b"));
}

TEST_F(Queue, WhatSucceedsOpensTheWayForOthers) {
  Make({.group_by = {"alertname"}});
  Put(Alert("A", "a"), seconds(0));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Fail(minutes(i)));
  Put(Alert("B", "b"), minutes(19) + seconds(1));
  EXPECT_THAT(Deliver(minutes(19) + seconds(1)), ElementsAre("firing b"));
  EXPECT_THAT(Deliver(minutes(19) + seconds(1)), ElementsAre("firing a"));
}

TEST_F(Queue, AFullQueueTakesNewsOfWhatItHas) {
  Make({.group_by = {}, .capacity = 2});
  EXPECT_TRUE(Put(Alert("A", "a"), seconds(0)));
  EXPECT_TRUE(Put(Alert("A", "b"), seconds(0)));
  EXPECT_FALSE(Put(Alert("A", "c"), seconds(0)));
  EXPECT_THAT(Deliver(seconds(0)), ElementsAre("firing a", "firing b"));
  EXPECT_TRUE(Put(Resolved("A", "a"), seconds(1)));
  EXPECT_THAT(Deliver(seconds(1)), ElementsAre("firing b", "resolved a"));
  EXPECT_TRUE(Put(Alert("A", "c"), seconds(2)));
}

TEST_F(Queue, AMessageHasABoundAndTheRestFollows) {
  Make({.group_by = {}, .batch = 2});
  for (const char* instance : {"a", "b", "c", "d", "e"}) Put(Alert("A", instance), seconds(0));
  std::set<std::string> told;
  for (int i = 0; i < 2; ++i) {
    const auto some = Deliver(seconds(0));
    EXPECT_EQ(some.size(), 2U);
    told.insert(some.begin(), some.end());
  }
  const auto last = queue_->Take(At(seconds(0)));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->message.truncated, 3U) << "the others fire as before";
  queue_->Delivered(*last, At(seconds(0)));
  for (const std::string& one : Told(last)) told.insert(one);
  EXPECT_EQ(told.size(), 5U);
  EXPECT_EQ(queue_->waiting(), 0U);
}

TEST_F(Queue, SilencedAlertsWaitUntilTheSilenceEnds) {
  Put(Alert("A", "a"), seconds(0));
  silenced_ = {"A"};
  EXPECT_THAT(Deliver(seconds(10)), IsEmpty());
  EXPECT_EQ(NextDue(), seconds(15));
  silenced_.clear();
  EXPECT_THAT(Deliver(seconds(15)), ElementsAre("firing a"));
  silenced_ = {"A"};
  EXPECT_THAT(Deliver(minutes(120)), IsEmpty()) << "no repetition";
  Put(Resolved("A", "a"), minutes(121));
  EXPECT_THAT(Deliver(minutes(121)), ElementsAre("resolved a")) << "who was told that it fires is told that it is over";
  Put(Alert("A", "b"), minutes(122));
  EXPECT_THAT(Deliver(minutes(123)), IsEmpty());
  Put(Resolved("A", "b"), minutes(123));
  EXPECT_EQ(queue_->size(), 0U);
}

TEST_F(Queue, WhatIsNotHeardOfAnyMoreIsResolved) {
  Notification alert = Alert("A", "a");
  alert.ends_at = At(minutes(4)).wall;
  Put(alert, seconds(0));
  EXPECT_THAT(Deliver(seconds(10)), ElementsAre("firing a"));
  alert.ends_at = At(minutes(5)).wall;
  Put(alert, minutes(1));
  EXPECT_EQ(NextDue(), minutes(5));
  EXPECT_THAT(Deliver(minutes(4) + seconds(30)), IsEmpty());
  const auto batch = queue_->Take(At(minutes(5)));
  EXPECT_THAT(Told(batch), ElementsAre("resolved a"));
  EXPECT_EQ(batch->message.alerts[0].ends_at, alert.ends_at);
}

TEST_F(Queue, GroupsOfOneAndOfAll) {
  Make({.group_by = {"..."}});
  Put(Alert("A", "a"), seconds(0));
  Put(Alert("A", "b"), seconds(0));
  EXPECT_EQ(Deliver(seconds(0)).size(), 1U);
  EXPECT_EQ(Deliver(seconds(0)).size(), 1U);
  Make({.group_by = {}});
  Put(Alert("A", "a"), seconds(0));
  Put(Alert("B", "b"), seconds(0));
  EXPECT_THAT(Deliver(seconds(0)), ElementsAre("firing a", "firing b"));
}

TEST_F(Queue, AnUrgentAlertIsAGroupByItselfAndNeverSilenced) {
  silenced_ = {"A"};
  Put(Alert("A", "a"), seconds(0));
  EXPECT_TRUE(queue_->PutUrgent(Alert("A", "test"), At(seconds(1))));
  EXPECT_THAT(Deliver(seconds(1)), ElementsAre("firing test"));
  EXPECT_TRUE(queue_->PutUrgent(Resolved("A", "test"), At(seconds(2))));
  EXPECT_THAT(Deliver(seconds(2)), ElementsAre("resolved test"));
  EXPECT_EQ(queue_->size(), 1U);
}

TEST_F(Queue, AnotherQueueGoesOnWhereThisOneStopped) {
  Put(Alert("A", "told"), seconds(0));
  Deliver(seconds(10));
  Put(Alert("A", "gone"), seconds(71));
  Deliver(seconds(71));
  Put(Resolved("A", "gone"), seconds(80));
  Put(Alert("B", "new"), seconds(80));
  const auto items = queue_->Items();
  EXPECT_EQ(items.size(), 3U);
  Make({.group_by = {}, .repeat_interval = minutes(60)});
  for (const auto& item : items) queue_->Adopt(item, At(seconds(100)));
  EXPECT_EQ(queue_->waiting(), 2U);
  EXPECT_THAT(Deliver(seconds(100)), ElementsAre("firing told", "firing new", "resolved gone"));
  Put(Resolved("A", "told"), seconds(110));
  EXPECT_THAT(Deliver(minutes(4)), ElementsAre("firing new", "resolved told"));
}

}  // namespace
}  // namespace inferd::alerts
