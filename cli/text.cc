#include "cli/text.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "runtime/base/utf8.h"

namespace inferd::cli {
namespace {

// Columns on a terminal, near enough: one for each code point.
std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool LooksLikeNumber(std::string_view cell) {
  return cell.empty() || cell == "-" || (cell[0] >= '0' && cell[0] <= '9') ||
         (cell[0] == '-' && cell.size() > 1 && cell[1] >= '0' && cell[1] <= '9');
}

template <typename T>
std::string WithUnit(double value, double step, const T& units) {
  std::size_t unit = 0;
  while (value >= step && unit + 1 < std::size(units)) {
    value /= step;
    ++unit;
  }
  const int digits = unit == 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return FormatNumber(value, digits) + units[unit];
}

bool IsControl(std::uint32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0) || IsBidirectionalControl(c); }

}  // namespace

std::string Table(const std::vector<std::vector<std::string>>& rows, bool header) {
  std::vector<std::size_t> widths;
  std::vector<bool> numeric;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < rows[r].size(); ++c) {
      if (c == widths.size()) {
        widths.push_back(0);
        numeric.push_back(c > 0);
      }
      widths[c] = std::max(widths[c], Width(rows[r][c]));
      if (!(header && r == 0) && !LooksLikeNumber(rows[r][c])) numeric[c] = false;
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - Width(row[c]), ' ');
      if (c > 0) line += "  ";
      line += numeric[c] ? padding + row[c] : row[c] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string FormatNumber(double value, int digits) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", digits, value);
  return buffer.data();
}

std::string FormatBytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{" B", " KiB", " MiB", " GiB", " TiB"};
  return WithUnit(static_cast<double>(bytes), 1024, kUnits);
}

std::string FormatCount(std::uint64_t count) {
  constexpr std::array<const char*, 5> kUnits{"", " K", " M", " B", " T"};
  return WithUnit(static_cast<double>(count), 1000, kUnits);
}

std::string FormatSeconds(double seconds) {
  if (seconds < 0.001) return FormatNumber(seconds * 1e6, 0) + " us";
  if (seconds < 1) return FormatNumber(seconds * 1e3, seconds < 0.1 ? 1 : 0) + " ms";
  return FormatNumber(seconds, seconds < 100 ? 2 : 0) + " s";
}

std::optional<Duration> ParseDuration(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !std::isfinite(value) || value <= 0) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  struct Unit {
    std::string_view name;
    double seconds;
  };
  constexpr std::array<Unit, 6> kUnits{{{"", 1}, {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}}};
  const auto* found = std::ranges::find(kUnits, unit, &Unit::name);
  constexpr double kYear = 366.0 * 86400;
  if (found == kUnits.end() || value * found->seconds > kYear) return std::nullopt;
  return FromSeconds(value * found->seconds);
}

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = DecodeUtf8(text, i);
    if (point.value == kInvalidCodePoint) {
      out += "\xEF\xBF\xBD";
    } else if (!IsControl(point.value) || point.value == '\n' || point.value == '\t') {
      out += text.substr(i, point.length);
    }
    i += point.length;
  }
  return out;
}

std::string PrintableLine(std::string_view text, std::size_t max_bytes) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (out.size() >= max_bytes) return out + "...";
    const CodePoint point = DecodeUtf8(text, i);
    if (point.value == '\n') {
      out += "\\n";
    } else if (point.value == kInvalidCodePoint || IsControl(point.value)) {
      out += "\xEF\xBF\xBD";
    } else {
      out += text.substr(i, point.length);
    }
    i += point.length;
  }
  return out;
}

bool IsTerminal(int fd) { return ::isatty(fd) == 1; }

}  // namespace inferd::cli
