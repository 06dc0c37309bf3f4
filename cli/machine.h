// What `doctor` asks of the machine, parsed from texts of /proc and /sys. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
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

// "host" and port of "http://host:port/..."; nothing for an address that is not of this form. Default ports are filled in.
struct HostPort {
  std::string host;
  std::uint16_t port;
};
std::optional<HostPort> ParseHostPort(std::string_view url);

}  // namespace inferd::cli
