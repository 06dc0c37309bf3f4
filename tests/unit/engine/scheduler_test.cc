#include "runtime/engine/scheduler.h"

#include <algorithm>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace inferd::engine {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr MonotonicTime At(int second) { return MonotonicTime(seconds(second)); }
const MonotonicTime kNow = At(1000);

SequenceView Running(SequenceId id, int length, int computed, int arrival = 0) {
  SequenceView s;
  s.id = id;
  s.arrival = At(arrival);
  s.length = length;
  s.computed = computed;
  s.blocks = (computed + 15) / 16;
  s.releasable = s.blocks;
  return s;
}

SequenceView Waiting(SequenceId id, int length, int arrival = 0, Priority priority = Priority::kNormal) {
  SequenceView s;
  s.id = id;
  s.arrival = At(arrival);
  s.length = length;
  s.priority = priority;
  return s;
}

MATCHER_P2(Computes, id, tokens, "") { return arg.id == static_cast<SequenceId>(id) && arg.tokens == tokens; }

struct Case {
  std::vector<SequenceView> running = {};
  std::vector<SequenceView> waiting = {};
  KvView kv{1000, 16};
  SchedulerLimits limits{.max_running = 4, .max_batch_tokens = 64, .priority_aging = seconds(10)};
  Plan Make() const { return MakePlan(kNow, running, waiting, kv, limits); }
};

TEST(Scheduler, NothingToDo) {
  const Plan plan = Case{}.Make();
  EXPECT_THAT(plan.work, IsEmpty());
}

TEST(Scheduler, GeneratingSequencesGoBeforePrompts) {
  const Case c{.running = {Running(1, 100, 0, 0), Running(2, 21, 20, 5)}};
  EXPECT_THAT(c.Make().work, ElementsAre(Computes(2, 1), Computes(1, 63)));
}

TEST(Scheduler, LongPromptsAreCutAndShareTheStep) {
  const Case c{.running = {}, .waiting = {Waiting(1, 40, 1), Waiting(2, 40, 2), Waiting(3, 40, 3)}};
  const Plan plan = c.Make();
  EXPECT_THAT(plan.work, ElementsAre(Computes(1, 40), Computes(2, 24)));
  EXPECT_THAT(plan.admit, ElementsAre(1, 2));
}

TEST(Scheduler, PriorityFirstThenArrival) {
  Case c{.waiting = {Waiting(1, 4, 995, Priority::kBatch), Waiting(2, 4, 998, Priority::kInteractive),
                     Waiting(3, 4, 996, Priority::kNormal), Waiting(4, 4, 997, Priority::kInteractive)}};
  EXPECT_THAT(c.Make().admit, ElementsAre(4, 2, 3, 1));
}

TEST(Scheduler, WhoWaitedLongEnoughGoesBeforeAFreshMoreUrgentOne) {
  Case c{.waiting = {Waiting(1, 4, 999, Priority::kInteractive), Waiting(2, 4, 970, Priority::kBatch)}};
  EXPECT_THAT(c.Make().admit, ElementsAre(2, 1));
}

TEST(Scheduler, MaxRunningIsAWall) {
  Case c{.running = {Running(1, 21, 20), Running(2, 21, 20), Running(3, 21, 20)}, .waiting = {Waiting(4, 4), Waiting(5, 4)}};
  EXPECT_THAT(c.Make().admit, ElementsAre(4));
}

TEST(Scheduler, NobodyPassesAHeadThatDoesNotFit) {
  Case c{.waiting = {Waiting(1, 320, 1), Waiting(2, 4, 2)}, .kv = {10, 16}};
  EXPECT_THAT(c.Make().admit, IsEmpty());
}

TEST(Scheduler, AdmissionCountsTheWholeTextOfThoseBeforeIt) {
  // The first needs 6 + 1 blocks in the end, though this step computes only 64 tokens of it: 3 more would not be enough for the second.
  Case c{.waiting = {Waiting(1, 100, 1), Waiting(2, 60, 2)}, .kv = {10, 16}, .limits = {.max_running = 4, .max_batch_tokens = 96}};
  EXPECT_THAT(c.Make().admit, ElementsAre(1));
}

TEST(Scheduler, ASharedPrefixCostsNothing) {
  SequenceView s = Waiting(1, 100, 1);
  s.computed = 96;
  s.blocks = 6;
  Case c{.waiting = {s}, .kv = {1, 16}};
  EXPECT_THAT(c.Make().work, ElementsAre(Computes(1, 4)));
}

TEST(Scheduler, WithoutBlocksTheLastInOrderGivesWay) {
  Case c{.running = {Running(1, 17, 16, 1), Running(2, 33, 32, 2), Running(3, 20, 19, 3)}, .kv = {0, 16}};
  const Plan plan = c.Make();
  EXPECT_THAT(plan.preempt, ElementsAre(3));
  EXPECT_THAT(plan.work, ElementsAre(Computes(1, 1), Computes(2, 1)));
}

TEST(Scheduler, WhatWasTakenFromSomebodyIsNotGivenToANewcomer) {
  Case c{.running = {Running(1, 17, 16, 1), Running(3, 40, 39, 3)}, .waiting = {Waiting(9, 4, 0)}, .kv = {0, 16}};
  const Plan plan = c.Make();
  EXPECT_THAT(plan.preempt, ElementsAre(3));
  EXPECT_THAT(plan.admit, IsEmpty());
}

TEST(Scheduler, StuckPromptsMakeRoomForOneAnother) {
  Case c{.running = {Running(1, 64, 32, 1), Running(2, 64, 32, 2)}, .kv = {0, 16}};
  const Plan plan = c.Make();
  EXPECT_THAT(plan.preempt, ElementsAre(2));
  EXPECT_THAT(plan.work, ElementsAre(Computes(1, 32)));
}

TEST(Scheduler, WhatHasExpiredIsDroppedAndItsBlocksCount) {
  SequenceView late = Running(1, 33, 32, 1);
  late.deadline = kNow;
  SequenceView late_waiting = Waiting(2, 4, 1);
  late_waiting.deadline = kNow - seconds(1);
  Case c{.running = {late, Running(3, 17, 16, 2)}, .waiting = {late_waiting}, .kv = {0, 16}};
  const Plan plan = c.Make();
  EXPECT_THAT(plan.expire, ElementsAre(1, 2));
  EXPECT_THAT(plan.preempt, IsEmpty());
  EXPECT_THAT(plan.work, ElementsAre(Computes(3, 1)));
}

// Whatever the state: the plan never spends more than there is, never plans the dropped, and always moves somebody.
TEST(Scheduler, RandomStatesKeepTheBounds) {
  std::mt19937 random(5);
  for (int round = 0; round < 20000; ++round) {
    Case c;
    c.limits.max_running = 1 + static_cast<int>(random() % 6);
    c.limits.max_batch_tokens = c.limits.max_running + static_cast<int>(random() % 100);
    c.kv.available = static_cast<int>(random() % 12);
    SequenceId id = 1;
    int held = 0;
    for (int i = static_cast<int>(random() % static_cast<unsigned>(c.limits.max_running + 1)); i > 0; --i) {
      const int length = 1 + static_cast<int>(random() % 120);
      c.running.push_back(
          Running(id++, length, static_cast<int>(random() % static_cast<unsigned>(length)), static_cast<int>(random() % 100)));
      held += c.running.back().blocks;
      if (random() % 8 == 0) c.running.back().deadline = kNow;
    }
    for (int i = static_cast<int>(random() % 6); i > 0; --i) {
      c.waiting.push_back(
          Waiting(id++, 1 + static_cast<int>(random() % 100), static_cast<int>(random() % 100), static_cast<Priority>(random() % 3)));
    }
    const Plan plan = c.Make();
    int tokens = 0;
    int blocks = 0;
    const auto find = [&](SequenceId wanted) {
      for (const auto* list : {&c.running, &c.waiting}) {
        for (const SequenceView& s : *list) {
          if (s.id == wanted) return s;
        }
      }
      ADD_FAILURE();
      return SequenceView{};
    };
    int available = c.kv.available;
    for (const auto* list : {&plan.expire, &plan.preempt}) {
      for (const SequenceId dropped : *list) {
        available += find(dropped).releasable;
        for (const Plan::Work& work : plan.work) ASSERT_NE(work.id, dropped);
      }
    }
    for (const Plan::Work& work : plan.work) {
      const SequenceView s = find(work.id);
      ASSERT_GT(work.tokens, 0);
      ASSERT_LE(s.computed + work.tokens, s.length);
      tokens += work.tokens;
      blocks += std::max(0, (s.computed + work.tokens + 15) / 16 - s.blocks);
    }
    ASSERT_LE(tokens, c.limits.max_batch_tokens);
    ASSERT_LE(blocks, available);
    const auto in_time = std::count_if(c.running.begin(), c.running.end(), [](const SequenceView& s) { return s.deadline > kNow; });
    const bool one_could_move = in_time > 1 || (in_time == 1 && c.kv.available + held >= 9);
    if (one_could_move && c.kv.available > 0) {
      ASSERT_THAT(plan.work, testing::Not(IsEmpty())) << "round " << round;
    }
    ASSERT_LE(static_cast<int>(in_time) - static_cast<int>(plan.preempt.size()) + static_cast<int>(plan.admit.size()),
              c.limits.max_running);
  }
}

}  // namespace
}  // namespace inferd::engine
