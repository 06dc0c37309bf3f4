#include "cli/machine.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "cli/value_scan.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace inferd::cli {
namespace {

TEST(Machine, MemInfo) {
  constexpr std::string_view kText = "MemTotal:       16384 kB\nMemAvailable:    1024 kB\nBroken: x kB\n";
  EXPECT_EQ(MemInfo(kText, "MemTotal"), 16384U * 1024);
  EXPECT_EQ(MemInfo(kText, "MemAvailable"), 1024U * 1024);
  EXPECT_EQ(MemInfo(kText, "Mem"), std::nullopt);
  EXPECT_EQ(MemInfo(kText, "Broken"), std::nullopt);
  EXPECT_EQ(MemInfo("", "MemTotal"), std::nullopt);
}

TEST(Machine, StateOfAUnit) {
  const auto unit = ParseUnitState("MainPID=42\nLimitMEMLOCK=infinity\nLoadState=loaded\n");
  ASSERT_TRUE(unit);
  EXPECT_EQ(unit->main_pid, 42);
  EXPECT_EQ(unit->locked_memory, kUnlimited);
  EXPECT_EQ(ParseUnitState("MainPID=0\nLimitMEMLOCK=8388608\nLoadState=loaded\n")->locked_memory, 8U << 20U);
  // systemctl shows the limit that a unit would have even if there is none of that name.
  for (const char* none :
       {"", "MainPID=0\nLimitMEMLOCK=8388608\nLoadState=not-found\n", "LoadState=loaded\n", "LoadState=loaded\nLimitMEMLOCK=x\n"}) {
    EXPECT_FALSE(ParseUnitState(none)) << none;
  }
}

TEST(Machine, LockedMemoryOfAProcess) {
  constexpr std::string_view kHead = "Limit                     Soft Limit           Hard Limit           Units\n";
  EXPECT_EQ(LockedMemoryLimit(std::string(kHead) + "Max locked memory         65536                unlimited            bytes\n"), 65536U);
  EXPECT_EQ(LockedMemoryLimit(std::string(kHead) + "Max locked memory         unlimited            unlimited            bytes\n"),
            kUnlimited);
  EXPECT_EQ(LockedMemoryLimit(kHead), std::nullopt);
  EXPECT_EQ(LockedMemoryLimit("Max locked memory\n"), std::nullopt);
}

TEST(Machine, Sysctls) {
  EXPECT_EQ(SysctlPath("net.core.somaxconn"), "/proc/sys/net/core/somaxconn");
  const SysctlAdvice least{"x.y", 100, false, ""};
  EXPECT_EQ(SysctlIsGood(least, "100"), true);
  EXPECT_EQ(SysctlIsGood(least, "99"), false);
  const SysctlAdvice most{"x.y", 10, true, ""};
  EXPECT_EQ(SysctlIsGood(most, "10"), true);
  EXPECT_EQ(SysctlIsGood(most, "60"), false);
  EXPECT_EQ(SysctlIsGood(most, ""), std::nullopt);
  for (const SysctlAdvice& advice : SysctlAdvices()) EXPECT_FALSE(advice.why.empty());
}

TEST(Machine, ChosenOption) {
  EXPECT_EQ(ChosenOption("always [madvise] never\n"), "madvise");
  EXPECT_EQ(ChosenOption("always madvise"), std::nullopt);
  EXPECT_EQ(ChosenOption("]["), std::nullopt);
}

TEST(Machine, CpuInfoOfTheFirstProcessor) {
  const CpuInfo cpu = ParseCpuInfo("processor\t: 0\nmodel name\t: Fast One\nflags\t\t: fpu avx2  f16c\n\nprocessor : 1\nflags : other\n");
  EXPECT_EQ(cpu.name, "Fast One");
  EXPECT_THAT(cpu.flags, ::testing::ElementsAre("avx2", "f16c", "fpu"));
  EXPECT_THAT(ParseCpuInfo("processor : 0\nFeatures : asimd fp\n").flags, ::testing::ElementsAre("asimd", "fp"));
  EXPECT_TRUE(ParseCpuInfo("").flags.empty());
}

TEST(Machine, HostAndPort) {
  EXPECT_EQ(ParseHostPort("http://127.0.0.1:8080")->port, 8080);
  EXPECT_EQ(ParseHostPort("http://127.0.0.1:8080/path")->host, "127.0.0.1");
  EXPECT_EQ(ParseHostPort("https://name")->port, 443);
  EXPECT_EQ(ParseHostPort("http://[::1]:99")->host, "::1");
  EXPECT_EQ(ParseHostPort("http://[::1]:99")->port, 99);
  EXPECT_EQ(ParseHostPort("127.0.0.1:81")->port, 81);
  EXPECT_EQ(ParseHostPort("name/path")->port, 80);
  for (const char* bad : {"", "ftp://a:21", "http://", "http://a:", "http://a:99999", "http://a:1x", "http://[::1", "http://[::1]x"}) {
    EXPECT_FALSE(ParseHostPort(bad)) << bad;
  }
}

// ---- Values --------------------------------------------------------------------------------------------------------------------

template <typename T>
std::optional<std::uint64_t> Scan(gguf::TensorType type, const std::vector<T>& values) {
  gguf::Tensor tensor;
  tensor.type = type;
  tensor.bytes = std::as_bytes(std::span(values));
  return FindNonFinite(tensor);
}

TEST(FindNonFinite, Floats) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Scan<float>(gguf::TensorType::kF32, {0, -1, std::numeric_limits<float>::max(), 1e-45F}), std::nullopt);
  EXPECT_EQ(Scan<float>(gguf::TensorType::kF32, {0, -infinity}), 1U);
  EXPECT_EQ(Scan<float>(gguf::TensorType::kF32, {std::numeric_limits<float>::quiet_NaN()}), 0U);
  EXPECT_EQ(Scan<std::uint16_t>(gguf::TensorType::kF16, {0x7BFF, 0x7C00}), 1U);
  EXPECT_EQ(Scan<std::uint16_t>(gguf::TensorType::kBF16, {0x7C00, 0x7F7F, 0xFF81}), 2U);
}

TEST(FindNonFinite, BlockScales) {
  std::vector<std::uint8_t> blocks(3 * 34, 0xFF);
  for (int block = 0; block < 3; ++block) blocks[static_cast<std::size_t>(block) * 34 + 1] = 0x3C;
  EXPECT_EQ(Scan(gguf::TensorType::kQ8_0, blocks), std::nullopt);
  blocks[2 * 34 + 1] = 0x7E;
  EXPECT_EQ(Scan(gguf::TensorType::kQ8_0, blocks), 2U);
}

}  // namespace
}  // namespace inferd::cli
