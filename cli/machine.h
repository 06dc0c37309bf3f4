// What `doctor` asks of the machine, parsed from texts of /proc and /sys. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace inferd::cli {

// A line "Name:   123 kB" of /proc/meminfo, in bytes.
std::optional<std::uint64_t> MemInfo(std::string_view meminfo, std::string_view name);

// The chosen one of "always [madvise] never".
std::optional<std::string> ChosenOption(std::string_view text);

// The soft limit of locked memory in bytes, kUnlimited for none.
inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

// What `systemctl show -p LoadState,MainPID,LimitMEMLOCK UNIT` says.
struct UnitState {
  int main_pid = 0;  // 0: it does not run
  std::uint64_t locked_memory = 0;
};
// Nothing when there is no such unit, or no service manager.
std::optional<UnitState> ParseUnitState(std::string_view properties);
// The same of a process: /proc/PID/limits.
std::optional<std::uint64_t> LockedMemoryLimit(std::string_view limits);

struct CpuInfo {
  std::string name;  // of the first processor; empty when the file does not say
  std::set<std::string, std::less<>> flags;
};
CpuInfo ParseCpuInfo(std::string_view cpuinfo);

// A kernel setting that inferd is better off with. `doctor` checks it, and the file of advice that is installed is made from it.
struct SysctlAdvice {
  std::string_view name;  // "net.core.somaxconn"
  std::int64_t value;
  bool at_most;  // a smaller value is as good; else a larger one is
  std::string_view why;
};
std::span<const SysctlAdvice> SysctlAdvices();
// Where the kernel shows it: /proc/sys/net/core/somaxconn.
std::string SysctlPath(std::string_view name);
// Whether the text of that file is good enough; nothing when it is no number.
std::optional<bool> SysctlIsGood(const SysctlAdvice& advice, std::string_view text);

// "host" and port of "http://host:port/..." or, as curl takes it, "host:port"; nothing for an address that is not of this form. Default
// ports are filled in.
struct HostPort {
  std::string host;
  std::uint16_t port;
};
std::optional<HostPort> ParseHostPort(std::string_view url);

}  // namespace inferd::cli
