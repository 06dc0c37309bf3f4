#include "runtime/base/errand.h"

#include <optional>

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

// Errands are of the whole process: whatever a test before left is over by now.
class ErrandTest : public testing::Test {
 protected:
  HandClock clock_;

 private:
  void SetUp() override {
    static MonotonicTime next{std::chrono::hours(1)};
    clock_.now = next;
    next += std::chrono::hours(1);
  }
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
    clock_.now += std::chrono::seconds(20);  // the client did not take its answer
  }
  clock_.now += Errand::kRests * Errand::kLongest - Duration(1);
  EXPECT_FALSE(Errand(clock_));
  clock_.now += Duration(1);
  EXPECT_TRUE(Errand(clock_));
}

}  // namespace
}  // namespace inferd
