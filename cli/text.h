// Output for people: tables, quantities with units, and text that cannot harm a terminal. Pure functions except IsTerminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"

namespace inferd::cli {

// Rows of cells, padded to columns; the first row is the header if `header`. Cells past the first are right-aligned if they all look
// like numbers. Ends with a line break; empty for no rows.
std::string Table(const std::vector<std::vector<std::string>>& rows, bool header);

std::string FormatBytes(std::uint64_t bytes);  // "1.5 GiB"
std::string FormatCount(std::uint64_t count);  // "1.5 B", "494 M", "12"
std::string FormatSeconds(double seconds);     // "12.3 ms", "1.25 s"
std::string FormatNumber(double value, int digits);

// "250ms", "30s", "5m", "2h", "1d", or a bare number of seconds; above 0. Nothing for anything else.
std::optional<Duration> ParseDuration(std::string_view text);

// Without control characters, those for the direction of writing included (line breaks and tabs stay), so that what a model or a file says
// cannot drive the terminal. Invalid UTF-8 becomes U+FFFD.
std::string Printable(std::string_view text);
// The same on one line, cut to `max_bytes` (at a code point) with "..." behind.
std::string PrintableLine(std::string_view text, std::size_t max_bytes);

bool IsTerminal(int fd);

}  // namespace inferd::cli
