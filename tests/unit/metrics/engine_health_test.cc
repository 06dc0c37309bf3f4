// The verdict on a real engine: one that stands still, one that is long in a prefill, one whose queue is full. Time is the test's.
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>

#include "gtest/gtest.h"
#include "metrics/health.h"
#include "runtime/engine/engine.h"
#include "tests/fakes/letter_tokenizer.h"
#include "tests/fakes/manual_clock.h"

namespace inferd::metrics {
namespace {

using engine::Engine;
using engine::EngineOptions;
using engine::Request;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Every look at it takes a while, and somebody is told.
class RunningClock final : public Clock {
 public:
  explicit RunningClock(Duration step) : step_(step) {}
  MonotonicTime Now() const override {
    const MonotonicTime now{Duration(now_.fetch_add(step_.count()))};
    if (on_look) on_look(now);
    return now;
  }
  WallTime WallNow() const override { return WallTime{}; }
  std::function<void(MonotonicTime)> on_look;

 private:
  const Duration step_;
  mutable std::atomic<std::int64_t> now_{Duration(std::chrono::hours(1)).count()};
};

class EngineHealthTest : public testing::Test {
 protected:
  EngineHealthTest() : faults_(testing::TempDir() + "/engine_health_faults." + std::to_string(::getpid())) {}
  ~EngineHealthTest() override {
    Heal();
    ::unsetenv("INFERD_FAULTS");
  }

  void Make(const Clock& clock, EngineOptions options) {
    ::setenv("INFERD_FAULTS", faults_.c_str(), 1);
    auto model = model::Model::Load(INFERD_SOURCE_DIR "/tests/golden/data/logits/llama-gqa4.Q8_0.gguf", {.threads = 1, .kernels = ""});
    ASSERT_TRUE(model) << model.error().message;
    tokenizer_ = std::make_unique<model::LetterTokenizer>(static_cast<std::size_t>((*model)->config().vocab));
    auto engine = Engine::Create(std::move(*model), *tokenizer_, options, clock, ledger_, steps_);
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = std::move(*engine);
  }

  // Written aside and renamed: the engine never reads half of it.
  void Break(const std::string& how) {
    std::ofstream(faults_ + ".new") << how << "\n";
    std::filesystem::rename(faults_ + ".new", faults_);
  }
  void Heal() { std::filesystem::remove(faults_); }

  std::shared_ptr<Request> Submit(const Clock& clock, int prompt, int max_tokens) {
    engine::GenerateParams params;
    params.prompts = {std::vector<model::TokenId>(static_cast<std::size_t>(prompt), 3)};
    params.max_tokens = max_tokens;
    params.ignore_eos = true;
    auto request = std::make_shared<Request>(std::move(params), engine::Priority::kNormal);
    request->record.received = clock.Now();
    ledger_.Received(request->record);
    EXPECT_TRUE(engine_->Submit(request));
    return request;
  }

  void WaitForEnd(Request& request) {
    std::mutex mutex;
    std::condition_variable changed;
    bool ready = false;
    request.output.OnReady([&] {
      const std::lock_guard lock(mutex);
      ready = true;
      changed.notify_one();
    });
    for (bool ended = false; !ended; ended = request.output.Drain().ended) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return ready; });
      ready = false;
    }
    request.output.OnReady({});
  }

  Verdict Judge(MonotonicTime now) const { return JudgeEngine(engine_->status(), engine_->options().max_running, now).verdict; }

  const std::string faults_;
  Ring<engine::RequestRecord> records_{64};
  Ring<engine::StepRecord> steps_{64};
  engine::Ledger ledger_{{"tiny"}, records_};
  std::unique_ptr<model::LetterTokenizer> tokenizer_;
  std::unique_ptr<Engine> engine_;
};

#if INFERD_FAULT_INJECTION
TEST_F(EngineHealthTest, AnEngineThatStandsStillIsStalledAfterThreeSeconds) {
  ManualClock clock;
  Make(clock, {.context = 128, .max_running = 2, .max_batch_tokens = 64});
  engine_->Start();
  clock.Advance(std::chrono::hours(1));
  EXPECT_EQ(Judge(clock.Now()), Verdict::kOk) << "idle";
  EXPECT_EQ(StallsAt(engine_->status()), MonotonicTime::max());
  Break("stall");
  const auto request = Submit(clock, 10, 4);
  EXPECT_EQ(StallsAt(engine_->status()), clock.Now() + kStalledAfter);
  clock.Advance(kStalledAfter - milliseconds(1));
  EXPECT_EQ(Judge(clock.Now()), Verdict::kBusy);
  clock.Advance(milliseconds(2));
  EXPECT_EQ(Judge(clock.Now()), Verdict::kStalled);
  EXPECT_FALSE(IsHealthy(Judge(clock.Now())));
  Heal();
  WaitForEnd(*request);
  EXPECT_EQ(request->record.outcome, engine::Outcome::kLength);
  engine_->Stop();
  EXPECT_EQ(Judge(clock.Now()), Verdict::kOk) << "it recovered";
}
#endif

TEST_F(EngineHealthTest, APrefillOfMoreThanAMinuteIsNeverStalled) {
  // The clock is looked at a few times a layer, and up to four times between two signs of life.
  RunningClock clock(milliseconds(600));
  Make(clock, {.max_running = 2, .max_batch_tokens = 8});
  const auto request = Submit(clock, std::min(engine_->options().context - 2, 200), 1);
  ASSERT_EQ(engine_->inside(), 1U);
  const MonotonicTime begin = request->record.received;
  std::map<Verdict, int> seen;
  MonotonicTime last{};
  clock.on_look = [&](MonotonicTime now) {
    if (engine_->inside() == 0) return;
    ++seen[Judge(now)];
    last = now;
  };
  engine_->Start();
  WaitForEnd(*request);
  engine_->Stop();
  EXPECT_GT(last - begin, seconds(60));
  EXPECT_EQ(seen[Verdict::kStalled], 0);
  EXPECT_GT(seen[Verdict::kBusy], 10) << "it was judged all the while";
}

TEST_F(EngineHealthTest, AFullQueueIsDegradedAndStillHealthy) {
  ManualClock clock;
  Make(clock, {.context = 128, .max_running = 1, .max_batch_tokens = 64, .queue_capacity = 2});
  const auto one = Submit(clock, 10, 1);
  EXPECT_EQ(Judge(clock.Now()), Verdict::kBusy);
  const auto two = Submit(clock, 10, 1);
  EXPECT_EQ(Judge(clock.Now()), Verdict::kDegraded);
  EXPECT_TRUE(IsHealthy(Judge(clock.Now())));
  engine_->Stop();
}

}  // namespace
}  // namespace inferd::metrics
