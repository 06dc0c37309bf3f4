// Collectors of the host, each over a tree of files like those that kernels show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "metrics/collectors/certificates.h"
#include "metrics/collectors/cgroup.h"
#include "metrics/collectors/clock_sync.h"
#include "metrics/collectors/disk.h"
#include "metrics/collectors/energy.h"
#include "metrics/collectors/gpu_amd.h"
#include "metrics/collectors/pressure.h"
#include "metrics/collectors/rapl.h"
#include "tests/fakes/fake_tree.h"
#include "tests/unit/metrics/samples.h"

namespace inferd::metrics {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

// One sample; the error's text, empty without one, goes to `fault`.
std::map<std::string, double> Sample(Collector& collector, std::string* fault = nullptr) {
  Families families;
  const Result<> result = collector.Collect(MonotonicTime{}, families);
  if (fault != nullptr) {
    *fault = result ? "" : result.error().message;
  } else {
    EXPECT_TRUE(result) << result.error().message;
  }
  return SamplesOf(families, " uuid name ");
}

TEST(Cgroup, MemoryLimitAndThrottling) {
  const FakeTree tree;
  tree.Write("/proc/self/cgroup", "1:name=systemd:/x\n0::/system.slice/inferd.service\n");
  const std::string folder = "/sys/fs/cgroup/system.slice/inferd.service";
  tree.Write(folder + "/memory.current", "4096000\n");
  tree.Write(folder + "/memory.max", "8192000\n");
  tree.Write(folder + "/cpu.stat", "usage_usec 5\nnr_throttled 3\nthrottled_usec 2500000\n");
  CgroupCollector collector(tree.root());
  EXPECT_THAT(Sample(collector),
              UnorderedElementsAre(Pair("inferd_cgroup_memory_bytes", 4096000), Pair("inferd_cgroup_memory_limit_bytes", 8192000),
                                   Pair("inferd_cgroup_cpu_throttled_seconds_total", 2.5)));
  tree.Write(folder + "/memory.max", "max\n");
  EXPECT_EQ(Sample(collector).count("inferd_cgroup_memory_limit_bytes"), 0U);
}

TEST(Cgroup, WithoutOneItSaysSo) {
  const FakeTree tree;
  CgroupCollector collector(tree.root());
  std::string fault;
  EXPECT_THAT(Sample(collector, &fault), IsEmpty());
  EXPECT_EQ(fault, "/proc/self/cgroup names no cgroup v2");
  tree.Write("/proc/self/cgroup", "0::/\n");
  Sample(collector, &fault);
  EXPECT_EQ(fault, "the cgroup / counts neither memory nor CPU");
}

TEST(Pressure, SomeOfTheLastTenSeconds) {
  const FakeTree tree;
  tree.Write("/proc/pressure/cpu", "some avg10=12.50 avg60=1.00 avg300=0.10 total=123\nfull avg10=99.00 avg60=0.00 avg300=0.00 total=0\n");
  tree.Write("/proc/pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  PressureCollector collector(tree.root());
  EXPECT_THAT(Sample(collector),
              UnorderedElementsAre(Pair("inferd_host_cpu_pressure_ratio", 0.125), Pair("inferd_host_io_pressure_ratio", 0)));
  PressureCollector nothing(tree.root() + "/none");
  std::string fault;
  Sample(nothing, &fault);
  EXPECT_NE(fault, "");
}

TEST(Disk, FreeBytesOfEachPathThatIsThere) {
  const FakeTree tree;
  DiskCollector collector({tree.root(), tree.root() + "/none"});
  std::string fault;
  const auto samples = Sample(collector, &fault);
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_GE(samples.at("inferd_disk_free_bytes{path=" + tree.root() + "}"), 0);
  EXPECT_EQ(fault, tree.root() + "/none: No such file or directory");
}

TEST(ClockSync, OffsetInItsUnit) {
  struct timex state {};
  int verdict = TIME_OK;
  ClockCollector collector([&](struct timex* out) {
    EXPECT_EQ(out->modes, 0U);
    *out = state;
    return verdict;
  });
  state.offset = -1500;
  EXPECT_THAT(Sample(collector),
              UnorderedElementsAre(Pair("inferd_clock_offset_seconds", DoubleEq(-0.0015)), Pair("inferd_clock_synchronized", 1)));
  state.status = STA_NANO;
  EXPECT_THAT(Sample(collector).at("inferd_clock_offset_seconds"), DoubleEq(-0.0000015));
  state.status = STA_UNSYNC;
  EXPECT_EQ(Sample(collector).at("inferd_clock_synchronized"), 0);
  state.status = 0;
  verdict = TIME_ERROR;
  EXPECT_EQ(Sample(collector).at("inferd_clock_synchronized"), 0);
  verdict = -1;
  std::string fault;
  EXPECT_THAT(Sample(collector, &fault), IsEmpty());
  EXPECT_NE(fault, "");
}

// systemd's ProtectClock= forbids the question.
TEST(ClockSync, TimesyncdKnowsWhatTheSandboxHides) {
  const FakeTree tree;
  const std::string folder = tree.root() + "/run/systemd/timesync";
  const auto forbidden = [](struct timex*) {
    errno = EPERM;
    return -1;
  };
  ClockCollector collector(forbidden, folder);
  std::string fault;
  EXPECT_THAT(Sample(collector, &fault), IsEmpty()) << "nobody knows";
  EXPECT_NE(fault, "");
  tree.Write("/run/systemd/timesync/other", "");
  EXPECT_THAT(Sample(collector), UnorderedElementsAre(Pair("inferd_clock_synchronized", 0)));
  tree.Write("/run/systemd/timesync/synchronized", "");
  EXPECT_THAT(Sample(collector), UnorderedElementsAre(Pair("inferd_clock_synchronized", 1)));
}

// A self-signed certificate that expires at the given UTC time, "YYMMDDhhmmssZ".
std::string Certificate(const char* expiry) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(X509_new(), X509_free);
  ASN1_TIME_set_string(X509_getm_notBefore(certificate.get()), "200101000000Z");
  ASN1_TIME_set_string(X509_getm_notAfter(certificate.get()), expiry);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const std::unique_ptr<BIO, int (*)(BIO*)> memory(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(memory.get(), certificate.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

TEST(Certificates, TheFirstOfAFileToExpire) {
  const FakeTree tree;
  const std::string chain = tree.Write("/chain.pem", Certificate("300101000000Z") + Certificate("290101000000Z"));
  const std::string broken = tree.Write("/broken.pem", "no certificate\n");
  CertificateCollector collector({broken, chain, tree.root() + "/none.pem"});
  std::string fault;
  EXPECT_THAT(Sample(collector, &fault), ElementsAre(Pair("inferd_certificate_expiry_timestamp_seconds{path=" + chain + "}", 1861920000)));
  EXPECT_EQ(fault, broken + " holds no certificate in PEM form");
  // A renewed file shows at the next sample.
  tree.Write("/chain.pem", Certificate("310101000000Z"));
  EXPECT_EQ(Sample(collector, &fault).at("inferd_certificate_expiry_timestamp_seconds{path=" + chain + "}"), 1924992000);
}

class RaplTest : public testing::Test {
 protected:
  void Zone(const std::string& zone, const std::string& name, const std::string& microjoules) const {
    const std::string folder = "/sys/class/powercap/" + zone;
    tree_.Write(folder + "/name", name + "\n");
    tree_.Write(folder + "/max_energy_range_uj", "10000000\n");
    if (!microjoules.empty()) tree_.Write(folder + "/energy_uj", microjoules + "\n");
  }
  FakeTree tree_;
  RaplCollector collector_{tree_.root()};
};

TEST_F(RaplTest, CountsPackagesFromTheStartAndThroughAWrap) {
  Zone("intel-rapl:0", "package-0", "9000000");
  Zone("intel-rapl:0:0", "core", "5");
  Zone("intel-rapl:0:1", "dram", "100");
  Zone("intel-rapl:1", "psys", "5");
  Zone("intel-rapl-mmio:0", "package-0", "5");
  EXPECT_THAT(Sample(collector_), UnorderedElementsAre(Pair("inferd_host_energy_joules_total{zone=package-0}", 0),
                                                       Pair("inferd_host_energy_joules_total{zone=dram}", 0)));
  Zone("intel-rapl:0", "package-0", "500000");
  Zone("intel-rapl:0:1", "dram", "2000100");
  EXPECT_DOUBLE_EQ(Sample(collector_).at("inferd_host_energy_joules_total{zone=package-0}"), 1.5);
  EXPECT_DOUBLE_EQ(*collector_.energy_joules(), 3.5);
}

TEST_F(RaplTest, SecondMemoryZoneHasItsOwnName) {
  Zone("intel-rapl:0:0", "dram", "1");
  Zone("intel-rapl:1:0", "dram", "1");
  EXPECT_EQ(Sample(collector_).count("inferd_host_energy_joules_total{zone=dram-1:0}"), 1U);
}

TEST_F(RaplTest, WithoutCountersOrRightsItSaysSo) {
  std::string fault;
  Sample(collector_, &fault);
  EXPECT_EQ(fault, "no energy counters in /sys/class/powercap");
  Zone("intel-rapl:0", "package-0", "");
  Sample(collector_, &fault);
  EXPECT_EQ(fault, "energy counters in /sys/class/powercap cannot be read: give the daemon the right to read energy_uj");
  EXPECT_FALSE(collector_.energy_joules());
}

TEST(ShareEnergy, InProportionToBusyTime) {
  EXPECT_THAT(ShareEnergy(100, std::vector<double>{3, 1}), ElementsAre(75, 25));
  EXPECT_THAT(ShareEnergy(100, std::vector<double>{0, 2}), ElementsAre(0, 100));
  EXPECT_THAT(ShareEnergy(100, std::vector<double>{0, 0}), ElementsAre(0, 0));
  EXPECT_THAT(ShareEnergy(-5, std::vector<double>{1}), ElementsAre(0));  // a counter that began anew
  EXPECT_THAT(ShareEnergy(100, std::vector<double>{}), IsEmpty());
}

class EnergyTest : public testing::Test {
 protected:
  std::optional<double> cpu_, gpu_;
  std::vector<double> busy_{0, 0};
  EnergyCollector collector_{{"a", "b"}, {{"cpu", [this] { return cpu_; }}, {"gpu", [this] { return gpu_; }}}, [this] { return busy_; }};
};

TEST_F(EnergyTest, AddsUpTheSharesOfEachInterval) {
  cpu_ = 1000;
  busy_ = {50, 50};
  EXPECT_THAT(Sample(collector_), UnorderedElementsAre(Pair("inferd_energy_joules_total{model=a,source=cpu}", 0),
                                                       Pair("inferd_energy_joules_total{model=b,source=cpu}", 0)));
  cpu_ = 1100;
  busy_ = {53, 51};
  Sample(collector_);
  cpu_ = 1200;  // nobody worked
  Sample(collector_);
  cpu_ = 1300;
  busy_ = {54, 51};
  EXPECT_THAT(Sample(collector_), UnorderedElementsAre(Pair("inferd_energy_joules_total{model=a,source=cpu}", 175),
                                                       Pair("inferd_energy_joules_total{model=b,source=cpu}", 25)));
}

TEST_F(EnergyTest, AGpuThatIsThereIsNotTakenForTheProcessor) {
  cpu_ = 1000;
  gpu_ = 5'000'000;
  Sample(collector_);
  cpu_ = 1010;
  gpu_ = 5'000'300;
  busy_ = {1, 0};
  const auto samples = Sample(collector_);
  EXPECT_EQ(samples.at("inferd_energy_joules_total{model=a,source=cpu}"), 10);
  EXPECT_EQ(samples.at("inferd_energy_joules_total{model=a,source=gpu}"), 300);
}

TEST_F(EnergyTest, AStepIsChargedForTheTimeThatItSpans) {
  cpu_ = 1000;
  Sample(collector_);
  // Model a is inside one step of 45 s, of which it shows 15 s at each reading; b works only in the last interval.
  for (int interval = 1; interval <= 2; ++interval) {
    cpu_ = *cpu_ + 100;
    busy_ = {15.0 * interval, 0};
    EXPECT_EQ(Sample(collector_).at("inferd_energy_joules_total{model=a,source=cpu}"), 100 * interval);
  }
  // The step is over, but not yet added up: a low reading. Nothing is charged twice when it is right again.
  cpu_ = *cpu_ + 10;
  busy_ = {0, 0};
  EXPECT_EQ(Sample(collector_).at("inferd_energy_joules_total{model=a,source=cpu}"), 200);
  cpu_ = *cpu_ + 100;
  busy_ = {45, 15};
  const auto samples = Sample(collector_);
  EXPECT_EQ(samples.at("inferd_energy_joules_total{model=a,source=cpu}"), 250);
  EXPECT_EQ(samples.at("inferd_energy_joules_total{model=b,source=cpu}"), 50);
}

TEST_F(EnergyTest, ACounterThatComesBackStartsAnew) {
  cpu_ = 1000;
  Sample(collector_);
  cpu_.reset();
  busy_ = {1, 0};
  std::string fault;
  EXPECT_EQ(Sample(collector_, &fault).size(), 2U) << "what was shown stays";
  EXPECT_NE(fault, "");
  cpu_ = 77'000;
  busy_ = {2, 0};
  EXPECT_EQ(Sample(collector_).at("inferd_energy_joules_total{model=a,source=cpu}"), 0);
  cpu_ = 77'030;
  busy_ = {3, 0};
  EXPECT_EQ(Sample(collector_).at("inferd_energy_joules_total{model=a,source=cpu}"), 30);
}

TEST_F(EnergyTest, NothingIsShownWhereNothingIsMeasured) {
  std::string fault;
  EXPECT_THAT(Sample(collector_, &fault), IsEmpty());
  EXPECT_EQ(fault, "neither processor nor GPU tells its energy");
  gpu_ = 10;
  Sample(collector_);
  gpu_.reset();
  // Once shown, a counter does not vanish.
  EXPECT_EQ(Sample(collector_, &fault).size(), 2U);
  EXPECT_NE(fault, "");
}

class AmdTest : public testing::Test {
 protected:
  void File(const std::string& name, const std::string& text) const { tree_.Write("/sys/class/drm/card1/device/" + name, text + "\n"); }
  FakeTree tree_;
  GpuAmdCollector collector_{tree_.root()};
};

TEST_F(AmdTest, ReadsDeviceAndSensors) {
  tree_.Write("/sys/class/drm/card0/device/vendor", "0x8086\n");
  tree_.Write("/sys/class/drm/card1-DP-1/status", "connected\n");
  File("vendor", "0x1002");
  File("device", "0x744c");
  File("unique_id", "d5a1");
  File("product_name", "Radeon PRO");
  File("gpu_busy_percent", "73");
  File("mem_busy_percent", "21");
  File("mem_info_vram_total", "1000");
  File("mem_info_vram_used", "400");
  File("pcie_replay_count", "2");
  const std::string sensors = "hwmon/hwmon3/";
  File(sensors + "temp1_input", "45000");
  File(sensors + "temp1_label", "edge");
  File(sensors + "temp2_input", "55000");
  File(sensors + "temp2_label", "junction");
  File(sensors + "temp3_input", "60000");
  File(sensors + "temp3_label", "mem");
  File(sensors + "power1_average", "123000000");
  File(sensors + "power1_cap", "300000000");
  File(sensors + "freq1_input", "2000000000");
  File(sensors + "freq1_label", "sclk");
  File(sensors + "freq2_input", "1000000000");
  File(sensors + "freq2_label", "mclk");
  EXPECT_THAT(Sample(collector_),
              UnorderedElementsAre(
                  Pair("inferd_gpu_up{gpu=card1}", 1), Pair("inferd_gpu_utilization_ratio{gpu=card1}", DoubleEq(0.73)),
                  Pair("inferd_gpu_memory_bandwidth_utilization_ratio{gpu=card1}", DoubleEq(0.21)),
                  Pair("inferd_gpu_memory_total_bytes{gpu=card1}", 1000), Pair("inferd_gpu_memory_bytes{gpu=card1,state=used}", 400),
                  Pair("inferd_gpu_memory_bytes{gpu=card1,state=free}", 600), Pair("inferd_gpu_pcie_replays_total{gpu=card1}", 2),
                  Pair("inferd_gpu_temperature_celsius{gpu=card1,sensor=core}", 45),
                  Pair("inferd_gpu_temperature_celsius{gpu=card1,sensor=memory}", 60), Pair("inferd_gpu_power_watts{gpu=card1}", 123),
                  Pair("inferd_gpu_power_limit_watts{gpu=card1}", 300), Pair("inferd_gpu_clock_hertz{gpu=card1,domain=sm}", 2e9),
                  Pair("inferd_gpu_clock_hertz{gpu=card1,domain=memory}", 1e9)));
}

TEST_F(AmdTest, WhatAChipLacksIsLeftOutAndASilentOneIsDown) {
  File("vendor", "0x1002");
  File("power1_input", "1");
  EXPECT_THAT(Sample(collector_), ElementsAre(Pair("inferd_gpu_up{gpu=card1}", 0)));
  File("mem_info_vram_used", "400");
  EXPECT_EQ(Sample(collector_).at("inferd_gpu_up{gpu=card1}"), 1);
}

TEST_F(AmdTest, WithoutAnAmdGpuItSaysSo) {
  std::string fault;
  EXPECT_THAT(Sample(collector_, &fault), IsEmpty());
  EXPECT_EQ(fault, "no AMD GPU in /sys/class/drm");
}

}  // namespace
}  // namespace inferd::metrics
