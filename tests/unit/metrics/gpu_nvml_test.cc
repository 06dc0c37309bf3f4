// The NVIDIA collectors against a driver library that plays a script (tests/fakes/nvml).
#include "metrics/collectors/gpu_nvml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "tests/fakes/fake_tree.h"
#include "tests/fakes/manual_clock.h"
#include "tests/unit/metrics/samples.h"

namespace inferd::metrics {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;
using testing::Not;
using testing::StartsWith;

constexpr const char* kWorking = R"(
value nvmlDeviceGetUtilizationRates 50 20
value nvmlDeviceGetMemoryInfo 1000 600 400
value nvmlDeviceGetMemoryInfo_v2 1000 100 600 300
value nvmlDeviceGetTemperature:0 61
value nvmlDeviceGetFieldValues:82 71
value nvmlDeviceGetPowerUsage 300500
value nvmlDeviceGetClockInfo:1 1980
value nvmlDeviceGetClockInfo:2 3201
value nvmlDeviceGetCurrentClocksThrottleReasons 36
value nvmlGpmQueryDeviceSupport 1
value nvmlGpmMetricsGet:2 88
value nvmlGpmMetricsGet:3 30
value nvmlGpmMetricsGet:5 41.5
value nvmlGpmMetricsGet:10 55
value nvmlDeviceGetEnforcedPowerLimit 700000
value nvmlDeviceGetTotalEnergyConsumption 2500
value nvmlDeviceGetViolationStatus:0 1500000000
value nvmlDeviceGetViolationStatus:1 0
value nvmlDeviceGetViolationStatus:2 0
value nvmlDeviceGetViolationStatus:3 0
value nvmlDeviceGetViolationStatus:4 0
value nvmlDeviceGetViolationStatus:5 0
value nvmlDeviceGetTotalEccErrors:0 7
value nvmlDeviceGetTotalEccErrors:1 1
value nvmlDeviceGetRemappedRows 2 1 1 0
value nvmlDeviceGetPcieThroughput:0 100
value nvmlDeviceGetPcieThroughput:1 200
value nvmlDeviceGetPcieReplayCounter 3
value nvmlDeviceGetFieldValues:138 10
value nvmlDeviceGetFieldValues:139 20
value nvmlDeviceGetComputeRunningProcesses_v3 0 4096 77 1000 78 24
)";

class NvmlTest : public testing::Test {
 protected:
  NvmlTest() {
    Script(kWorking);
    ::setenv("INFERD_FAKE_NVML", (tree_.root() + "/script").c_str(), 1);
  }
  // The whole of what the fake does from now on. It is replaced in one step: the event thread may be reading it.
  void Script(const std::string& text) const {
    tree_.Write("/script.new", text);
    std::filesystem::rename(tree_.root() + "/script.new", tree_.root() + "/script");
  }
  std::shared_ptr<NvmlGpus> Open(const std::string& kind = "full") {
    NvmlOptions options;
    options.library = kind == "none" ? tree_.root() + "/none.so" : std::string(INFERD_FAKE_NVML_DIR) + "/" + kind + "/libnvidia-ml.so.1";
    options.first_retry = seconds(10);
    options.last_retry = seconds(40);
    options.note = [this](NoteLevel, const std::string& note) {
      const std::lock_guard lock(mutex_);
      notes_.push_back(note);
      changed_.notify_all();
    };
    return std::make_shared<NvmlGpus>(clock_, options);
  }
  std::map<std::string, double> Sample(NvmlGpus& gpus) {
    Families families;
    fast_ = gpus.CollectFast(clock_.Now(), families);
    slow_ = gpus.CollectSlow(clock_.Now(), families);
    return SamplesOf(families, " uuid name ");
  }
  std::vector<std::string> Notes() {
    const std::lock_guard lock(mutex_);
    return notes_;
  }
  void AwaitNote(const std::string& part) {
    std::unique_lock lock(mutex_);
    changed_.wait(
        lock, [&] { return std::any_of(notes_.begin(), notes_.end(), [&](const auto& n) { return n.find(part) != std::string::npos; }); });
  }

  FakeTree tree_;
  ManualClock clock_;
  Result<> fast_, slow_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> notes_;
};

TEST_F(NvmlTest, EverySeriesInItsUnit) {
  const auto gpus = Open();
  EXPECT_THAT(Sample(*gpus), Not(Contains(Key("inferd_gpu_sm_active_ratio{gpu=0}"))));  // activity takes two samples
  const auto samples = Sample(*gpus);
  ASSERT_TRUE(fast_ && slow_);
  EXPECT_EQ(samples.at("inferd_gpu_up{gpu=0}"), 1);
  EXPECT_EQ(samples.at("inferd_gpu_utilization_ratio{gpu=0}"), 0.5);
  EXPECT_EQ(samples.at("inferd_gpu_memory_bandwidth_utilization_ratio{gpu=0}"), 0.2);
  EXPECT_EQ(samples.at("inferd_gpu_memory_bytes{gpu=0,state=used}"), 300);
  EXPECT_EQ(samples.at("inferd_gpu_memory_bytes{gpu=0,state=free}"), 600);
  EXPECT_EQ(samples.at("inferd_gpu_memory_bytes{gpu=0,state=reserved}"), 100);
  EXPECT_EQ(samples.at("inferd_gpu_memory_total_bytes{gpu=0}"), 1000);
  EXPECT_EQ(samples.at("inferd_gpu_temperature_celsius{gpu=0,sensor=core}"), 61);
  EXPECT_EQ(samples.at("inferd_gpu_temperature_celsius{gpu=0,sensor=memory}"), 71);
  EXPECT_THAT(samples.at("inferd_gpu_power_watts{gpu=0}"), DoubleEq(300.5));
  EXPECT_EQ(samples.at("inferd_gpu_power_limit_watts{gpu=0}"), 700);
  EXPECT_EQ(samples.at("inferd_gpu_energy_joules_total{gpu=0}"), 2.5);
  EXPECT_EQ(gpus->energy_joules(), 2.5);
  EXPECT_EQ(samples.at("inferd_gpu_clock_hertz{gpu=0,domain=sm}"), 1.98e9);
  EXPECT_EQ(samples.at("inferd_gpu_clock_hertz{gpu=0,domain=memory}"), 3.201e9);
  EXPECT_EQ(samples.at("inferd_gpu_throttled{gpu=0,reason=sw_power_cap}"), 1);
  EXPECT_EQ(samples.at("inferd_gpu_throttled{gpu=0,reason=sw_thermal}"), 1);
  EXPECT_EQ(samples.at("inferd_gpu_throttled{gpu=0,reason=hw_slowdown}"), 0);
  EXPECT_EQ(samples.at("inferd_gpu_throttle_seconds_total{gpu=0,reason=power}"), 1.5);
  EXPECT_EQ(samples.at("inferd_gpu_throttle_seconds_total{gpu=0,reason=reliability}"), 0);
  EXPECT_EQ(samples.at("inferd_gpu_ecc_errors_total{gpu=0,severity=corrected}"), 7);
  EXPECT_EQ(samples.at("inferd_gpu_ecc_errors_total{gpu=0,severity=uncorrected}"), 1);
  EXPECT_EQ(samples.at("inferd_gpu_remapped_rows{gpu=0,state=correctable}"), 2);
  EXPECT_EQ(samples.at("inferd_gpu_remapped_rows{gpu=0,state=pending}"), 1);
  EXPECT_EQ(samples.at("inferd_gpu_pcie_bytes_per_second{gpu=0,direction=transmit}"), 102400);
  EXPECT_EQ(samples.at("inferd_gpu_pcie_bytes_per_second{gpu=0,direction=receive}"), 204800);
  EXPECT_EQ(samples.at("inferd_gpu_pcie_replays_total{gpu=0}"), 3);
  EXPECT_EQ(samples.at("inferd_gpu_nvlink_bytes_total{gpu=0,direction=transmit}"), 10240);
  EXPECT_EQ(samples.at("inferd_gpu_nvlink_bytes_total{gpu=0,direction=receive}"), 20480);
  EXPECT_EQ(samples.at("inferd_gpu_process_memory_bytes{gpu=0,process=self}"), 4096);
  EXPECT_EQ(samples.at("inferd_gpu_process_memory_bytes{gpu=0,process=other}"), 1024);
  EXPECT_EQ(samples.at("inferd_gpu_sm_active_ratio{gpu=0}"), 0.88);
  EXPECT_THAT(samples.at("inferd_gpu_sm_occupancy_ratio{gpu=0}"), DoubleEq(0.3));
  EXPECT_THAT(samples.at("inferd_gpu_tensor_active_ratio{gpu=0}"), DoubleEq(0.415));
  EXPECT_THAT(samples.at("inferd_gpu_dram_active_ratio{gpu=0}"), DoubleEq(0.55));
  EXPECT_THAT(gpus->hidden(), IsEmpty());
  EXPECT_THAT(Notes(), IsEmpty());
  EXPECT_EQ(gpus->driver_version(), "999.1");
}

TEST_F(NvmlTest, EveryFamilyOfTheCatalogueIsGiven) {
  const auto gpus = Open();
  Sample(*gpus);
  const auto samples = Sample(*gpus);
  for (const MetricInfo& metric : Catalogue()) {
    if (metric.section != Section::kGpu) continue;
    EXPECT_TRUE(std::any_of(samples.begin(), samples.end(), [&](const auto& sample) {
      return sample.first.starts_with(std::string(metric.name) + "{");
    })) << metric.name;
  }
}

TEST_F(NvmlTest, SeriesCarryUuidAndName) {
  const auto gpus = Open();
  Families families;
  ASSERT_TRUE(gpus->CollectFast(clock_.Now(), families));
  EXPECT_THAT(SamplesOf(families), Contains(Key("inferd_gpu_up{gpu=0,uuid=GPU-fake-0,name=Fake GPU}")));
}

TEST_F(NvmlTest, WhatIsNotSupportedIsHiddenAndSaidOnceAndNotAskedAgain) {
  Script(std::string(kWorking) +
         "error nvmlDeviceGetPowerUsage 3\nerror nvmlDeviceGetFieldValues:138 3\nerror nvmlDeviceGetViolationStatus:3 4\n");
  const auto gpus = Open();
  auto samples = Sample(*gpus);
  EXPECT_TRUE(fast_ && slow_);
  EXPECT_THAT(samples, Not(Contains(Key("inferd_gpu_power_watts{gpu=0}"))));
  EXPECT_THAT(samples, Contains(Key("inferd_gpu_power_limit_watts{gpu=0}")));
  EXPECT_THAT(gpus->hidden(), ElementsAre(HiddenSeries{"0", "inferd_gpu_power_watts", "Not Supported (3)"},
                                          HiddenSeries{"0", "inferd_gpu_throttle_seconds_total{board_limit}", "Unknown Error (4)"},
                                          HiddenSeries{"0", "inferd_gpu_nvlink_bytes_total{transmit}", "Not Supported (3)"}));
  ASSERT_EQ(Notes().size(), 2U);
  EXPECT_THAT(Notes()[0], HasSubstr("GPU 0 inferd_gpu_power_watts: Not Supported (3)"));
  Script(kWorking);
  EXPECT_THAT(Sample(*gpus), Not(Contains(Key("inferd_gpu_power_watts{gpu=0}"))));
  EXPECT_EQ(Notes().size(), 2U);
}

TEST_F(NvmlTest, AnErrorOfTheMomentCostsOneSample) {
  const auto gpus = Open();
  Script(std::string(kWorking) + "error nvmlDeviceGetTemperature:0 999\n");
  EXPECT_THAT(Sample(*gpus), Not(Contains(Key("inferd_gpu_temperature_celsius{gpu=0,sensor=core}"))));
  EXPECT_TRUE(fast_);
  Script(kWorking);
  EXPECT_THAT(Sample(*gpus), Contains(Key("inferd_gpu_temperature_celsius{gpu=0,sensor=core}")));
  EXPECT_THAT(gpus->hidden(), IsEmpty());
}

TEST_F(NvmlTest, OlderDriversHaveMemoryWithoutWhatIsReserved) {
  Script(std::string(kWorking) + "error nvmlDeviceGetMemoryInfo_v2 13\n");
  const auto gpus = Open();
  const auto samples = Sample(*gpus);
  EXPECT_EQ(samples.at("inferd_gpu_memory_bytes{gpu=0,state=used}"), 400);
  EXPECT_THAT(samples, Not(Contains(Key("inferd_gpu_memory_bytes{gpu=0,state=reserved}"))));
}

TEST_F(NvmlTest, ALostGpuShowsUpZeroAndNothingElseUntilItIsBack) {
  Script(std::string("gpus 2\n") + kWorking);
  const auto gpus = Open();
  Sample(*gpus);
  Script(std::string("gpus 2\nlost 1\n") + kWorking);
  auto samples = Sample(*gpus);
  EXPECT_TRUE(fast_);
  EXPECT_EQ(samples.at("inferd_gpu_up{gpu=0}"), 1);
  EXPECT_EQ(samples.at("inferd_gpu_up{gpu=1}"), 0);
  EXPECT_THAT(samples, Contains(Key("inferd_gpu_power_watts{gpu=0}")));
  EXPECT_THAT(samples, Not(Contains(Key("inferd_gpu_power_watts{gpu=1}"))));
  EXPECT_THAT(samples, Contains(Key("inferd_gpu_xid_errors_total{gpu=1,xid=79}")));  // a counter does not vanish
  EXPECT_THAT(Notes(), ElementsAre("GPU 1 (Fake GPU) is lost: GPU is lost (15)"));

  // It is looked for again after a pause, and keeps its name meanwhile.
  clock_.Advance(seconds(10));
  samples = Sample(*gpus);
  EXPECT_EQ(samples.at("inferd_gpu_up{gpu=1}"), 0);
  Families families;
  EXPECT_TRUE(gpus->CollectFast(clock_.Now(), families));
  EXPECT_THAT(SamplesOf(families), Contains(Key("inferd_gpu_up{gpu=1,uuid=GPU-fake-1,name=Fake GPU}")));

  Script(std::string("gpus 2\n") + kWorking);
  clock_.Advance(seconds(5));
  EXPECT_EQ(Sample(*gpus).at("inferd_gpu_up{gpu=1}"), 0);  // not yet: the pause has doubled
  clock_.Advance(seconds(35));
  samples = Sample(*gpus);
  EXPECT_EQ(samples.at("inferd_gpu_up{gpu=1}"), 1);
  EXPECT_THAT(samples, Contains(Key("inferd_gpu_power_watts{gpu=1}")));
  EXPECT_THAT(Notes(), Contains("GPU 1 (Fake GPU) answers again"));
}

TEST_F(NvmlTest, WhenEveryGpuIsLostTheCollectorIsDown) {
  const auto gpus = Open();
  Sample(*gpus);
  Script(std::string("lost 0\n") + kWorking);
  EXPECT_EQ(Sample(*gpus).at("inferd_gpu_up{gpu=0}"), 0);
  EXPECT_FALSE(fast_);
}

TEST_F(NvmlTest, WithoutALibraryItSaysSoAndTriesAgainWithGrowingPauses) {
  const auto gpus = Open("none");
  EXPECT_THAT(Sample(*gpus), IsEmpty());
  ASSERT_FALSE(fast_ || slow_);
  EXPECT_THAT(fast_.error().message, StartsWith("no NVIDIA driver library: "));
  EXPECT_EQ(slow_.error(), fast_.error());
  // The driver is installed while the daemon runs; the pauses are 10, 20 and 40 seconds.
  clock_.Advance(seconds(10));
  Sample(*gpus);
  std::filesystem::copy_file(std::string(INFERD_FAKE_NVML_DIR) + "/full/libnvidia-ml.so.1", tree_.root() + "/none.so");
  clock_.Advance(seconds(19));
  EXPECT_THAT(Sample(*gpus), IsEmpty());
  clock_.Advance(seconds(1));
  EXPECT_EQ(Sample(*gpus).at("inferd_gpu_up{gpu=0}"), 1);
  EXPECT_TRUE(fast_);
}

TEST_F(NvmlTest, ADriverOfAnotherVersionAndNoGpuAreNamed) {
  Script("error nvmlInit_v2 18\n");
  auto gpus = Open();
  Sample(*gpus);
  ASSERT_FALSE(fast_);
  EXPECT_THAT(fast_.error().message, HasSubstr("Driver/library version mismatch (18); the driver was upgraded and not reloaded yet"));
  Script("gpus 0\n");
  clock_.Advance(seconds(10));
  Sample(*gpus);
  ASSERT_FALSE(fast_);
  EXPECT_EQ(fast_.error().message, "NVML finds no GPU");
  Script(kWorking);
  clock_.Advance(seconds(20));
  Sample(*gpus);
  EXPECT_TRUE(fast_);
}

TEST_F(NvmlTest, ADriverUnloadedUnderTheDaemonIsOpenedAnew) {
  const auto gpus = Open();
  Sample(*gpus);
  Script(std::string(kWorking) + "error nvmlDeviceGetUtilizationRates 9\n");
  auto samples = Sample(*gpus);
  ASSERT_FALSE(fast_ || slow_);
  EXPECT_THAT(fast_.error().message, StartsWith("NVML stopped working: "));
  EXPECT_EQ(samples.at("inferd_gpu_up{gpu=0}"), 0);
  EXPECT_THAT(samples, Not(Contains(Key("inferd_gpu_power_watts{gpu=0}"))));
  EXPECT_FALSE(gpus->energy_joules());
  Script(kWorking);
  clock_.Advance(seconds(10));
  EXPECT_EQ(Sample(*gpus).at("inferd_gpu_up{gpu=0}"), 1);
  EXPECT_TRUE(fast_ && slow_);
}

TEST_F(NvmlTest, AnEarlyDriverGivesWhatItHas) {
  const auto gpus = Open("bare");
  const auto samples = Sample(*gpus);
  EXPECT_TRUE(fast_ && slow_);
  EXPECT_EQ(samples.at("inferd_gpu_utilization_ratio{gpu=0}"), 0.5);
  EXPECT_EQ(samples.at("inferd_gpu_memory_bytes{gpu=0,state=used}"), 400);
  EXPECT_THAT(samples, Not(Contains(Key("inferd_gpu_power_watts{gpu=0}"))));
  const auto hidden = gpus->hidden();
  EXPECT_THAT(hidden, Contains(HiddenSeries{"0", "inferd_gpu_power_watts", "NVML error (13)"}));
  EXPECT_THAT(hidden, Contains(HiddenSeries{"0", "inferd_gpu_xid_errors_total", "the driver library has no events"}));
}

TEST_F(NvmlTest, XidErrorsAreCountedFromZero) {
  const auto gpus = Open();
  auto samples = Sample(*gpus);
  EXPECT_EQ(samples.at("inferd_gpu_xid_errors_total{gpu=0,xid=79}"), 0);
  EXPECT_EQ(samples.at("inferd_gpu_xid_errors_total{gpu=0,xid=other}"), 0);
  Script(std::string(kWorking) + "event 0 xid 79\nevent 0 xid 31\nevent 0 ecc 0\nevent 0 xid 12345\n");
  AwaitNote("XID 12345");
  samples = Sample(*gpus);
  EXPECT_EQ(samples.at("inferd_gpu_xid_errors_total{gpu=0,xid=79}"), 1);
  EXPECT_EQ(samples.at("inferd_gpu_xid_errors_total{gpu=0,xid=31}"), 1);
  EXPECT_EQ(samples.at("inferd_gpu_xid_errors_total{gpu=0,xid=other}"), 1);
  EXPECT_THAT(Notes(), ElementsAre("the driver reports XID 79 on GPU GPU-fake-0", "the driver reports XID 31 on GPU GPU-fake-0",
                                   "the driver reports an uncorrected memory error on GPU GPU-fake-0",
                                   "the driver reports XID 12345 on GPU GPU-fake-0"));
}

TEST_F(NvmlTest, InstancesOfASplitGpuAreShownAsGpus) {
  Script(std::string("mig 0 2\n") + kWorking);
  const auto gpus = Open();
  const auto samples = Sample(*gpus);
  EXPECT_EQ(samples.at("inferd_gpu_up{gpu=0}"), 1);
  EXPECT_EQ(samples.at("inferd_gpu_memory_total_bytes{gpu=0.1}"), 1000);
  EXPECT_THAT(samples, Not(Contains(Key("inferd_gpu_up{gpu=0.2}"))));
  EXPECT_THAT(samples, Not(Contains(Key("inferd_gpu_xid_errors_total{gpu=0.1,xid=79}"))));
  EXPECT_THAT(Notes(), Contains("GPU 0 (Fake GPU) is split by MIG; each instance is shown as a GPU of its own"));
}

TEST_F(NvmlTest, MemoryOfProcessesThatIsNotToldIsHidden) {
  Script(std::string(kWorking) + "value nvmlDeviceGetComputeRunningProcesses_v3 0 -1\n");
  const auto gpus = Open();
  EXPECT_THAT(Sample(*gpus), Not(Contains(Key("inferd_gpu_process_memory_bytes{gpu=0,process=self}"))));
  EXPECT_THAT(gpus->hidden(), ElementsAre(HiddenSeries{"0", "inferd_gpu_process_memory_bytes", "Not Supported (3)"}));
}

TEST_F(NvmlTest, ProcessesBeyondTheFirstBufferAreCounted) {
  std::string processes = "value nvmlDeviceGetComputeRunningProcesses_v3";
  for (int i = 0; i < 200; ++i) processes += " " + std::to_string(1'000'000'000 + i) + " 1000";
  Script(std::string(kWorking) + processes + "\n");
  const auto gpus = Open();
  EXPECT_EQ(Sample(*gpus).at("inferd_gpu_process_memory_bytes{gpu=0,process=other}"), 200'000);
}

// A scrape copies what the last run published while a slow call is under way on the runner's thread.
TEST_F(NvmlTest, ASlowCallDelaysNoScrape) {
  Script(std::string(kWorking) + "slow nvmlDeviceGetPcieThroughput 20\n");
  const SystemClock clock{};
  const auto gpus = Open();
  CollectorRunner runner(clock, [this](NoteLevel, const std::string& note) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(note);
    changed_.notify_all();
  });
  runner.Add(std::make_unique<GpuNvmlCollector>(gpus), std::chrono::milliseconds(1));
  runner.Add(std::make_unique<GpuNvmlSlowCollector>(gpus), std::chrono::milliseconds(1));
  runner.RunDue(clock.Now());
  runner.Start();
  for (int i = 0; i < 200; ++i)
    EXPECT_THAT(SamplesOf(runner.Collect(), " uuid name "), Contains(Key("inferd_gpu_power_limit_watts{gpu=0}")));
  runner.Stop();
  const auto costs = gpus->costs();
  const auto pcie =
      std::find_if(costs.begin(), costs.end(), [](const CallCost& cost) { return cost.call == "nvmlDeviceGetPcieThroughput(receive)"; });
  ASSERT_NE(pcie, costs.end());
  EXPECT_GE(pcie->calls, 1U);
  EXPECT_TRUE(fast_ && slow_);
}

}  // namespace
}  // namespace inferd::metrics
