#include "cli/machine.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace inferd::cli {
namespace {

std::string_view NextLine(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

}  // namespace

std::optional<std::uint64_t> MemInfo(std::string_view meminfo, std::string_view name) {
  while (!meminfo.empty()) {
    std::string_view line = NextLine(meminfo);
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(':')) continue;
    line = Trimmed(line.substr(name.size() + 1));
    std::uint64_t kilobytes = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), kilobytes);
    if (error != std::errc()) return std::nullopt;
    return kilobytes * 1024;
  }
  return std::nullopt;
}

std::optional<std::string> ChosenOption(std::string_view text) {
  const std::size_t open = text.find('[');
  const std::size_t close = text.find(']', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
  return std::string(text.substr(open + 1, close - open - 1));
}

std::optional<UnitState> ParseUnitState(std::string_view properties) {
  UnitState unit;
  bool loaded = false;
  bool limited = false;
  while (!properties.empty()) {
    const std::string_view line = NextLine(properties);
    const std::string_view name = line.substr(0, line.find('='));
    const std::string_view value = line.substr(std::min(name.size() + 1, line.size()));
    if (name == "LoadState") loaded = value == "loaded";
    if (name == "MainPID") std::from_chars(value.data(), value.data() + value.size(), unit.main_pid);
    if (name == "LimitMEMLOCK") {
      unit.locked_memory = kUnlimited;
      limited = value == "infinity" || std::from_chars(value.data(), value.data() + value.size(), unit.locked_memory).ec == std::errc();
    }
  }
  return loaded && limited ? std::optional(unit) : std::nullopt;
}

std::optional<std::uint64_t> LockedMemoryLimit(std::string_view limits) {
  constexpr std::string_view kName = "Max locked memory";
  while (!limits.empty()) {
    const std::string_view line = NextLine(limits);
    if (!line.starts_with(kName)) continue;
    const std::string_view value = Trimmed(line.substr(kName.size()));
    if (value.starts_with("unlimited")) return kUnlimited;
    std::uint64_t bytes = 0;
    if (std::from_chars(value.data(), value.data() + value.size(), bytes).ec != std::errc()) return std::nullopt;
    return bytes;
  }
  return std::nullopt;
}

CpuInfo ParseCpuInfo(std::string_view cpuinfo) {
  CpuInfo info;
  while (!cpuinfo.empty()) {
    const std::string_view line = NextLine(cpuinfo);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      if (!info.flags.empty()) break;  // the first processor's block is complete
      continue;
    }
    const std::string_view key = Trimmed(line.substr(0, colon));
    std::string_view value = Trimmed(line.substr(colon + 1));
    if (key == "model name") info.name = value;
    if (key == "flags" || key == "Features") {
      while (!value.empty()) {
        const std::size_t end = std::min(value.find(' '), value.size());
        if (end > 0) info.flags.emplace(value.substr(0, end));
        value.remove_prefix(std::min(end + 1, value.size()));
      }
    }
  }
  return info;
}

std::span<const SysctlAdvice> SysctlAdvices() {
  static constexpr std::array kAdvices{
      SysctlAdvice{"net.core.somaxconn", 4096, false,
                   "connections that may wait for a daemon that restarts or is busy; the kernel refuses the rest"},
      SysctlAdvice{"net.ipv4.tcp_max_syn_backlog", 4096, false,
                   "connections in their handshake: a burst of clients must not be dropped there"},
      SysctlAdvice{"vm.swappiness", 10, true, "a KV cache in swap makes every token wait for a disk"},
  };
  return kAdvices;
}

std::string SysctlPath(std::string_view name) {
  std::string path = "/proc/sys/" + std::string(name);
  std::replace(path.begin() + 10, path.end(), '.', '/');
  return path;
}

std::optional<bool> SysctlIsGood(const SysctlAdvice& advice, std::string_view text) {
  std::int64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) return std::nullopt;
  return advice.at_most ? value <= advice.value : value >= advice.value;
}

std::optional<HostPort> ParseHostPort(std::string_view url) {
  std::uint16_t port = 80;
  if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else if (url.starts_with("https://")) {
    url.remove_prefix(8);
    port = 443;
  } else if (url.find("://") != std::string_view::npos) {
    return std::nullopt;
  }
  url = url.substr(0, url.find('/'));
  std::string_view host = url;
  std::string_view rest;
  if (url.starts_with('[')) {
    const std::size_t close = url.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = url.substr(1, close - 1);
    rest = url.substr(close + 1);
  } else if (const std::size_t colon = url.find(':'); colon != std::string_view::npos) {
    host = url.substr(0, colon);
    rest = url.substr(colon);
  }
  if (!rest.empty()) {
    const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), port);
    if (rest[0] != ':' || error != std::errc() || end != rest.data() + rest.size()) return std::nullopt;
  }
  if (host.empty()) return std::nullopt;
  return HostPort{std::string(host), port};
}

}  // namespace inferd::cli
