// Scalars of the configuration language: durations, sizes, addresses. Pure functions; nothing is returned for text that is not one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"

namespace inferd::config {

// "500ms", "5s", "1.5h", "7d"; "0" needs no unit. Never negative.
std::optional<Duration> ParseDuration(std::string_view text);
// In the largest unit that divides it: "90s", "2h".
std::string FormatDuration(Duration duration);

// "4096" (bytes), "16KiB", "1.5GiB".
std::optional<std::uint64_t> ParseSize(std::string_view text);
std::string FormatSize(std::uint64_t bytes);

// A decimal integer with an optional minus sign, and nothing else.
std::optional<std::int64_t> ParseInteger(std::string_view text);

// "127.0.0.1:8080", "[::1]:8080", "localhost:0", "0.0.0.0:80". Names other than localhost are not resolved and not accepted.
struct ListenAddress {
  std::string host;  // a numeric address, without brackets
  std::uint16_t port = 0;
  bool loopback = false;
};
std::optional<ListenAddress> ParseListenAddress(std::string_view text);

// Edit distance (insert, delete, replace, swap of neighbours): for "did you mean".
std::size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace inferd::config
