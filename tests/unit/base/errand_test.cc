#include "runtime/base/errand.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace inferd {
namespace {

using std::chrono::milliseconds;

class HandClock final : public Clock {
 public:
  MonotonicTime Now() const override { return now; }
  WallTime WallNow() const override { return {}; }

  MonotonicTime now{std::chrono::hours(1)};
};

// Errands are of the whole process: whatever a test before left is over by then.
MonotonicTime LongAfterTheTestBefore() {
  static MonotonicTime next{std::chrono::hours(1)};
  return next += std::chrono::hours(1);
}

class ErrandTest : public testing::Test {
 protected:
  HandClock clock_;

 private:
  void SetUp() override { clock_.now = LongAfterTheTestBefore(); }
};

class RunningClock final : public Clock {
 public:
  MonotonicTime Now() const override { return begin_ + (std::chrono::steady_clock::now() - started_); }
  WallTime WallNow() const override { return {}; }

 private:
  const MonotonicTime begin_ = LongAfterTheTestBefore();
  const MonotonicTime started_ = std::chrono::steady_clock::now();
};

TEST_F(ErrandTest, IsUnderWayFromItsBeginningToItsEnd) {
  EXPECT_FALSE(Errand::UnderWay(clock_));
  {
    const Errand errand(clock_);
    EXPECT_TRUE(errand);
    EXPECT_TRUE(Errand::UnderWay(clock_));
  }
  EXPECT_FALSE(Errand::UnderWay(clock_));
}

TEST_F(ErrandTest, OneAtATime) {
  std::optional<Errand> first(std::in_place, clock_);
  {
    const Errand second(clock_);
    EXPECT_FALSE(second);
  }
  EXPECT_TRUE(Errand::UnderWay(clock_)) << "the one that was not granted ended it";
  first.reset();
  EXPECT_FALSE(Errand::UnderWay(clock_));
}

TEST_F(ErrandTest, RestsNineteenTimesAsLongAsItTook) {
  {
    const Errand errand(clock_);
    clock_.now += milliseconds(2);
  }
  clock_.now += milliseconds(38) - Duration(1);
  EXPECT_FALSE(Errand(clock_));
  clock_.now += Duration(1);
  EXPECT_TRUE(Errand(clock_));
}

TEST_F(ErrandTest, EndsAfterItsLongestTimeWhateverItWaitsFor) {
  {
    const Errand errand(clock_);
    clock_.now += Errand::kLongest;
    EXPECT_FALSE(Errand::UnderWay(clock_));
    clock_.now += Errand::kRests * Errand::kLongest - Duration(1);  // the client does not take its answer
    EXPECT_FALSE(Errand(clock_));
  }
  EXPECT_FALSE(Errand(clock_));
  clock_.now += Duration(1);
  EXPECT_TRUE(Errand(clock_));
}

TEST_F(ErrandTest, WhoTakesNoAnswerKeepsNobodyFromTheNextOne) {
  std::optional<Errand> stuck(std::in_place, clock_);
  clock_.now += (1 + Errand::kRests) * Errand::kLongest;
  const Errand next(clock_);
  EXPECT_TRUE(next);
  stuck.reset();
  EXPECT_TRUE(Errand::UnderWay(clock_)) << "one that was long over ended another";
  EXPECT_FALSE(Errand(clock_));
}

TEST_F(ErrandTest, OfManyThreadsTakeTheirShareAndNoMore) {
  const RunningClock clock;
  std::mutex mutex;
  std::vector<std::pair<MonotonicTime, MonotonicTime>> granted;  // the time from its beginning to its end, or a little less
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 200'000; ++n) {
        std::optional<Errand> errand(std::in_place, clock);
        if (!*errand) continue;
        const MonotonicTime begin = clock.Now();
        const MonotonicTime end = clock.Now();
        errand.reset();
        const std::lock_guard lock(mutex);
        granted.emplace_back(begin, end);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::ranges::sort(granted);
  ASSERT_GT(granted.size(), 1U);
  for (std::size_t i = 1; i < granted.size(); ++i) {
    const auto [begin, end] = granted[i - 1];
    if (end - begin > Errand::kLongest / 10) continue;  // this machine put the thread aside; how long, only the errand knows
    ASSERT_GE(granted[i].first, end + Errand::kRests * (end - begin)) << "errand " << i << " of " << granted.size();
  }
}

}  // namespace
}  // namespace inferd
