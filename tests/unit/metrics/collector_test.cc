// The runner: periods, faults, exceptions, publication, stopping.
#include "metrics/collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "metrics/family.h"
#include "tests/fakes/manual_clock.h"
#include "tests/unit/metrics/samples.h"

namespace inferd::metrics {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::Key;
using testing::Not;
using testing::Pair;

struct Fake final : Collector {
  Fake(std::string_view name, std::function<Result<>(Families&)> body) : name_(name), body_(std::move(body)) {}
  std::string_view name() const override { return name_; }
  Result<> Collect(MonotonicTime, Families& families) override { return body_(families); }
  std::string_view name_;
  std::function<Result<>(Families&)> body_;
};

class RunnerTest : public testing::Test {
 protected:
  void Add(std::string_view name, Duration period, std::function<Result<>(Families&)> body) {
    runner_.Add(std::make_unique<Fake>(name, std::move(body)), period);
  }
  std::map<std::string, double> Samples() const { return SamplesOf(runner_.Collect()); }
  void Run(Duration later = {}) {
    clock_.Advance(later);
    runner_.RunDue(clock_.Now());
  }

  ManualClock clock_;
  std::vector<std::string> notes_;
  CollectorRunner runner_{clock_, [this](NoteLevel, const std::string& note) { notes_.push_back(note); }};
};

TEST_F(RunnerTest, EachRunsAtOnceAndThenOnceInItsPeriod) {
  int fast = 0, slow = 0;
  Add("pressure", seconds(5), [&](Families&) { return ++fast, Result<>(); });
  Add("disk", seconds(20), [&](Families&) { return ++slow, Result<>(); });
  Run();
  EXPECT_EQ(fast, 1);
  EXPECT_EQ(slow, 1);
  for (int i = 0; i < 4; ++i) Run(seconds(5));
  EXPECT_EQ(fast, 5);
  EXPECT_EQ(slow, 2);
  Run(seconds(1));
  EXPECT_EQ(fast, 5);
}

TEST_F(RunnerTest, OneThatWasLateIsNotRunTwiceToCatchUp) {
  int runs = 0;
  Add("pressure", seconds(5), [&](Families&) { return ++runs, Result<>(); });
  Run();
  Run(seconds(60));
  Run();
  EXPECT_EQ(runs, 2);
  Run(seconds(5));
  EXPECT_EQ(runs, 3);
}

TEST_F(RunnerTest, PublishesDurationAndSuccess) {
  Add("disk", seconds(5), [&](Families& families) {
    clock_.Advance(std::chrono::milliseconds(20));
    families.push_back(OneSeries(Metric::kClockOffset, 0.25));
    return Result<>();
  });
  EXPECT_THAT(Samples(), Not(Contains(Key("inferd_collector_up{collector=disk}"))));  // it has not been asked yet
  Run();
  const auto samples = Samples();
  EXPECT_EQ(samples.at("inferd_clock_offset_seconds"), 0.25);
  EXPECT_EQ(samples.at("inferd_collector_up{collector=disk}"), 1);
  EXPECT_DOUBLE_EQ(samples.at("inferd_collector_duration_seconds{collector=disk}"), 0.02);
}

TEST_F(RunnerTest, AFaultIsSaidOnceAndSoIsItsEnd) {
  bool works = false;
  Add("disk", seconds(5), [&](Families& families) -> Result<> {
    families.push_back(OneSeries(Metric::kClockOffset, 1));
    if (works) return {};
    return Error(Code::kIo, "no such path");
  });
  Run();
  Run(seconds(5));
  EXPECT_EQ(Samples().at("inferd_collector_up{collector=disk}"), 0);
  EXPECT_EQ(Samples().at("inferd_clock_offset_seconds"), 1);  // what could be read is shown
  works = true;
  Run(seconds(5));
  Run(seconds(5));
  EXPECT_EQ(Samples().at("inferd_collector_up{collector=disk}"), 1);
  EXPECT_THAT(notes_, ElementsAre("collector disk: no such path", "collector disk: works again"));
}

TEST_F(RunnerTest, OneCauseThatStopsTwoCollectorsIsSaidOnce) {
  for (const char* name : {"gpu_nvml", "gpu_nvml_slow"})
    Add(name, seconds(5), [](Families&) -> Result<> { return Error(Code::kUnavailable, "no GPU"); });
  Run();
  Run(seconds(5));
  EXPECT_THAT(notes_, ElementsAre("collector gpu_nvml: no GPU"));
}

TEST_F(RunnerTest, AnExceptionEndsOneRunOfOneCollector) {
  Add("rapl", seconds(5), [](Families&) -> Result<> { throw std::runtime_error("boom"); });
  Add("clock", seconds(5), [](Families&) { return Result<>(); });
  Run();
  EXPECT_THAT(Samples(), Contains(Pair("inferd_collector_up{collector=rapl}", 0)));
  EXPECT_THAT(Samples(), Contains(Pair("inferd_collector_up{collector=clock}", 1)));
  EXPECT_THAT(notes_, ElementsAre("collector rapl: boom"));
}

TEST_F(RunnerTest, SeriesOfOneFamilyFromTwoCollectorsComeTogether) {
  for (const char* gpu : {"0", "card1"}) {
    Add(gpu[0] == '0' ? "gpu_nvml" : "gpu_amd", seconds(5), [gpu](Families& families) {
      FamilyBuilder up(Metric::kGpuUp);
      up.Add({gpu, "u", "n"}, 1);
      families.push_back(up.Take());
      return Result<>();
    });
  }
  Run();
  const Families families = runner_.Collect();
  EXPECT_EQ(std::count_if(families.begin(), families.end(), [](const auto& f) { return f.name == "inferd_gpu_up"; }), 1);
  EXPECT_EQ(SamplesOf(families).count("inferd_gpu_up{gpu=card1,uuid=u,name=n}"), 1U);
}

TEST(RunnerThread, RunsAndStops) {
  const SystemClock clock{};
  std::mutex mutex;
  std::condition_variable wake;
  int runs = 0;
  CollectorRunner runner(clock);
  runner.Add(std::make_unique<Fake>("clock",
                                    [&](Families&) {
                                      const std::lock_guard lock(mutex);
                                      ++runs;
                                      wake.notify_all();
                                      return Result<>();
                                    }),
             std::chrono::milliseconds(1));
  // One with a long period must not delay the end.
  runner.Add(std::make_unique<Fake>("disk", [](Families&) { return Result<>(); }), std::chrono::hours(1));
  runner.Start();
  {
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return runs >= 3; });
  }
  runner.Stop();
  runner.Stop();
}

}  // namespace
}  // namespace inferd::metrics
