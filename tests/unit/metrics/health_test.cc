#include "metrics/health.h"

#include "gtest/gtest.h"

namespace inferd::metrics {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const MonotonicTime kNow = MonotonicTime(seconds(1000));

engine::EngineStatus Status(std::uint32_t running, std::uint32_t queued, Duration silent) {
  engine::EngineStatus status;
  status.running = running;
  status.queued[1] = queued;
  status.queue_capacity = 10;
  status.last_progress = kNow - silent;
  if (queued > 0) status.oldest_queued = kNow - silent;
  return status;
}

Verdict Judge(const engine::EngineStatus& status) { return JudgeEngine(status, 4, kNow).verdict; }

TEST(Health, IdleIsOkHoweverLong) { EXPECT_EQ(Judge(Status(0, 0, seconds(9999))), Verdict::kOk); }

TEST(Health, WorkingIsOk) { EXPECT_EQ(Judge(Status(2, 0, milliseconds(20))), Verdict::kOk); }

TEST(Health, AFullBatchOrAQueueIsBusy) {
  EXPECT_EQ(Judge(Status(4, 0, milliseconds(20))), Verdict::kBusy);
  EXPECT_EQ(Judge(Status(2, 3, milliseconds(20))), Verdict::kBusy);
}

TEST(Health, ALongStepThatMovesIsBusyNotStalled) {
  engine::EngineStatus status = Status(1, 2, milliseconds(400));
  status.step_started = kNow - seconds(60);
  const Health health = JudgeEngine(status, 4, kNow);
  EXPECT_EQ(health.verdict, Verdict::kBusy);
  EXPECT_NE(health.reasons.back().find("60.0 s"), std::string::npos);
}

TEST(Health, WorkWithoutASignOfLifeIsStalled) {
  EXPECT_EQ(Judge(Status(1, 0, seconds(3) + milliseconds(1))), Verdict::kStalled);
  EXPECT_EQ(Judge(Status(0, 1, seconds(4))), Verdict::kStalled);
}

TEST(Health, SilenceOfAnIdleEngineDoesNotCountAgainstANewRequest) {
  engine::EngineStatus status = Status(0, 1, seconds(9999));
  status.oldest_queued = kNow - milliseconds(5);
  EXPECT_EQ(Judge(status), Verdict::kBusy);
}

TEST(Health, AFullQueueIsDegradedAndStillHealthy) {
  EXPECT_EQ(Judge(Status(4, 10, milliseconds(1))), Verdict::kDegraded);
  EXPECT_TRUE(IsHealthy(Verdict::kDegraded));
  EXPECT_FALSE(IsHealthy(Verdict::kStalled));
}

}  // namespace
}  // namespace inferd::metrics
