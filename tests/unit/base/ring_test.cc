#include "runtime/base/ring.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace inferd {
namespace {

TEST(Ring, KeepsOrder) {
  Ring<int> ring(8);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ring.TryPush(i));
  int out = -1;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(ring.TryPop(out));
    EXPECT_EQ(out, i);
  }
  EXPECT_FALSE(ring.TryPop(out));
  EXPECT_EQ(out, 4);
}

TEST(Ring, FullRingRefusesAndCounts) {
  Ring<int> ring(4);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(ring.TryPush(i));
  EXPECT_FALSE(ring.TryPush(4));
  EXPECT_FALSE(ring.TryPush(5));
  EXPECT_EQ(ring.dropped(), 2U);
  int out = -1;
  ASSERT_TRUE(ring.TryPop(out));
  EXPECT_EQ(out, 0);
  EXPECT_TRUE(ring.TryPush(6));
}

TEST(Ring, ProducersAndConsumerLoseNothingUncounted) {
  constexpr int kProducers = 3;
  constexpr int kEach = 20000;
  Ring<int> ring(256);
  std::atomic<int> running{kProducers};
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back([&ring, &running] {
      for (int i = 0; i < kEach; ++i) ring.TryPush(1);
      --running;
    });
  }
  std::uint64_t popped = 0;
  int out = 0;
  while (running > 0 || ring.TryPop(out)) {
    if (out != 0) ++popped;
    out = 0;
    if (running > 0 && ring.TryPop(out)) {
      ++popped;
      out = 0;
    }
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(popped + ring.dropped(), static_cast<std::uint64_t>(kProducers) * kEach);
}

}  // namespace
}  // namespace inferd
