#include "runtime/model/compute_pool.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/base/errand.h"

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

TEST(ComputePool, CoversTheRangeAlsoWhileAnErrandGoesFirst) {
  const SystemClock clock;
  const Errand errand(clock);
  for (int threads : {1, 3}) {
    ComputePool pool(threads, clock);
    std::vector<std::atomic<int>> times(1000);
    pool.ParallelFor(1000, 7, [&](int begin, int end, int) {
      for (int i = begin; i < end; ++i) ++times[static_cast<std::size_t>(i)];
    });
    EXPECT_TRUE(std::ranges::all_of(times, [](const std::atomic<int>& n) { return n == 1; })) << threads << " threads";
  }
}

using ::testing::ElementsAre;

// The CPUs that the calling thread may run on.
std::vector<int> Mine() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(::sched_getaffinity(0, sizeof(set), &set), 0);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

TEST(ComputePool, EachThreadIsBoundToItsCpuAndTheCallerIsLeftAlone) {
  const std::vector<int> before = Mine();
  const SteppingClock clock;
  ComputePool pool(3, clock);
  const std::vector<int> cpus{before.back(), before.front(), before.back()};
  const auto pinned = pool.Pin(cpus);
  ASSERT_TRUE(pinned) << pinned.error().message;
  std::vector<std::vector<int>> seen(3);
  std::atomic<int> there{0};
  // Each of the three holds its chunk until all have come, so that every thread takes one.
  pool.ParallelFor(3, 1, [&](int, int, int thread) {
    seen[static_cast<std::size_t>(thread)] = Mine();
    ++there;
    while (there < 3) std::this_thread::yield();
  });
  EXPECT_EQ(seen[0], before);
  EXPECT_THAT(seen[1], ElementsAre(cpus[1]));
  EXPECT_THAT(seen[2], ElementsAre(cpus[2]));
}

TEST(AllowedCpus, AreTheThreadsOwnAndNoMore) {
  EXPECT_THAT(AllowedCpus(), ::testing::UnorderedElementsAreArray(Mine()));
  std::thread([] {
    const int last = Mine().back();
    ASSERT_TRUE(PinThread(::pthread_self(), last));
    EXPECT_THAT(AllowedCpus(), ElementsAre(last));
    EXPECT_EQ(DefaultThreads(), 1);
  }).join();
}

TEST(PinThread, SaysWhichCpuCannotBeHad) {
  const auto pinned = PinThread(::pthread_self(), CPU_SETSIZE - 1);
  ASSERT_FALSE(pinned);
  EXPECT_EQ(pinned.error().message, "cannot bind a compute thread to CPU 1023: Invalid argument");
}

}  // namespace
}  // namespace inferd::model
