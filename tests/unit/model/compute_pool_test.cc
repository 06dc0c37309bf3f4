#include "runtime/model/compute_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

namespace inferd::model {
namespace {

// Each look at it lets a millisecond pass.
class SteppingClock final : public Clock {
 public:
  MonotonicTime Now() const override { return MonotonicTime(std::chrono::milliseconds(ticks_++)); }
  WallTime WallNow() const override { return {}; }

 private:
  mutable std::atomic<int> ticks_{0};
};

TEST(ComputePool, MeasuresHowLongItsWorkersWereBusy) {
  const SteppingClock clock;
  ComputePool pool(2, clock);
  std::array<Duration, 1> busy{};
  // The caller keeps at its chunk until the worker has taken the other one.
  std::atomic<int> at_work{0};
  pool.ParallelFor(2, 1, [&](int, int, int) {
    ++at_work;
    while (at_work < 2) std::this_thread::yield();
  });
  pool.TakeBusy(busy);
  EXPECT_EQ(busy[0], std::chrono::milliseconds(1));
  pool.TakeBusy(busy);
  EXPECT_EQ(busy[0], Duration::zero()) << "taken already";
  // What fits into one chunk is the caller's alone.
  pool.ParallelFor(1, 1, [](int, int, int thread) { EXPECT_EQ(thread, 0); });
  pool.TakeBusy(busy);
  EXPECT_EQ(busy[0], Duration::zero());
}

}  // namespace
}  // namespace inferd::model
