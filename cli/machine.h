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

// "host" and port of "http://host:port/..."; nothing for an address that is not of this form. Default ports are filled in.
struct HostPort {
  std::string host;
  std::uint16_t port;
};
std::optional<HostPort> ParseHostPort(std::string_view url);

}  // namespace inferd::cli
