// Scrapes in a crowd: one at a time, and no more than a share of the time.
#include "daemon/observability/scrape_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/fakes/manual_clock.h"

namespace inferd::daemon {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

constexpr MonotonicTime kNow{std::chrono::hours(1)};

TEST(WorkShare, ABurstIsFreeAfterARest) {
  WorkShare share;
  EXPECT_EQ(share.Wait(kNow), Duration{});
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(share.Wait(kNow + i * milliseconds(2)), Duration{}) << i;
    share.Spend(kNow + i * milliseconds(2), milliseconds(2));
  }
}

TEST(WorkShare, TakesItsShareInTheLongRun) {
  WorkShare share;
  MonotonicTime now = kNow;
  Duration worked{};
  while (now < kNow + milliseconds(10'000)) {
    now += share.Wait(now);
    share.Spend(now, milliseconds(2));
    now += milliseconds(2);
    worked += milliseconds(2);
  }
  EXPECT_LE(worked, milliseconds(10'000) / WorkShare::kParts + WorkShare::kBurst + milliseconds(2));
  EXPECT_GE(worked, milliseconds(10'000) / WorkShare::kParts);
}

TEST(WorkShare, OnePieceIsPaidForBeforeTheNextWhenItIsLong) {
  WorkShare share;
  share.Spend(kNow, std::chrono::seconds(1));
  const MonotonicTime end = kNow + std::chrono::seconds(1);
  EXPECT_EQ(share.Wait(end), (WorkShare::kParts - 1) * std::chrono::seconds(1) - WorkShare::kParts * WorkShare::kBurst);
}

TEST(WorkShare, WhoWasStoppedInTheMiddleDoesNotPayForThat) {
  WorkShare share;
  share.Spend(kNow, std::chrono::hours(1));
  EXPECT_EQ(share.Wait(kNow + std::chrono::hours(1)), Duration{});
  share.Spend(kNow + std::chrono::hours(1), std::chrono::hours(1));
  EXPECT_LE(share.Wait(kNow + std::chrono::hours(1)), WorkShare::kParts * WorkShare::kLongest);
}

class ScrapeGateTest : public ::testing::Test {
 protected:
  ~ScrapeGateTest() override {
    for (std::thread& thread : threads_) thread.join();
  }
  // A scraper that waits in line when this returns.
  void Come(const std::string& name, const std::string& peer) {
    const std::size_t before = gate_.waiting();
    threads_.emplace_back([this, name, peer] {
      const ScrapeGate::Turn turn(gate_, peer);
      const std::lock_guard lock(mutex_);
      served_.push_back(turn ? name : name + " away");
    });
    while (gate_.waiting() == before) std::this_thread::yield();
  }
  std::vector<std::string> Served() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return served_;
  }

  ManualClock clock_;
  ScrapeGate gate_{clock_, 3};

 private:
  std::mutex mutex_;
  std::vector<std::string> served_;
  std::vector<std::thread> threads_;
};

TEST_F(ScrapeGateTest, OneAtATimeInTheOrderTheyCame) {
  auto first = std::make_unique<ScrapeGate::Turn>(gate_, "a");
  EXPECT_TRUE(*first);
  Come("1", "a");
  Come("2", "a");
  Come("3", "a");
  first.reset();
  EXPECT_THAT(Served(), ElementsAre("1", "2", "3"));
}

TEST_F(ScrapeGateTest, AnAddressLetsAnotherOneGoBetween) {
  auto first = std::make_unique<ScrapeGate::Turn>(gate_, "crowd");
  Come("1", "crowd");
  Come("2", "crowd");
  Come("prometheus", "elsewhere");
  first.reset();
  EXPECT_THAT(Served(), ElementsAre("prometheus", "1", "2"));
}

TEST_F(ScrapeGateTest, BeyondTheLineOnlyWhoIsAloneOfItsAddressWaits) {
  auto first = std::make_unique<ScrapeGate::Turn>(gate_, "crowd");
  for (const char* name : {"1", "2", "3"}) Come(name, "crowd");
  EXPECT_FALSE(ScrapeGate::Turn(gate_, "crowd"));
  Come("prometheus", "elsewhere");
  EXPECT_FALSE(ScrapeGate::Turn(gate_, "elsewhere"));
  first.reset();
  EXPECT_THAT(Served(), ElementsAre("prometheus", "1", "2", "3"));
}

TEST(ScrapeGate, NobodyWaitsLongerThanItsPatience) {
  const ManualClock clock;
  ScrapeGate gate(clock, 3, Duration{});
  auto first = std::make_unique<ScrapeGate::Turn>(gate, "a");
  EXPECT_FALSE(ScrapeGate::Turn(gate, "b"));
  EXPECT_EQ(gate.waiting(), 0U);
  first.reset();
  EXPECT_TRUE(ScrapeGate::Turn(gate, "b"));
}

TEST_F(ScrapeGateTest, NobodyWaitsInAGateThatCloses) {
  auto first = std::make_unique<ScrapeGate::Turn>(gate_, "a");
  Come("1", "a");
  clock_.Advance(std::chrono::seconds(1));  // three more have to pass until it is paid for
  first.reset();
  while (gate_.waiting() > 0) std::this_thread::yield();  // it has its turn, and waits for its time
  Come("2", "a");
  gate_.Close();
  EXPECT_THAT(Served(), ::testing::UnorderedElementsAre("1 away", "2 away"));
  EXPECT_FALSE(ScrapeGate::Turn(gate_, "b"));
}

}  // namespace
}  // namespace inferd::daemon
