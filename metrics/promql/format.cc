#include "metrics/promql/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

namespace inferd::metrics::promql {
namespace {

struct Unit {
  std::string_view name;
  Millis millis;
};
constexpr std::array<Unit, 7> kUnits = {{{"y", 365LL * 24 * 3600 * 1000},
                                         {"w", 7LL * 24 * 3600 * 1000},
                                         {"d", 24LL * 3600 * 1000},
                                         {"h", 3600LL * 1000},
                                         {"m", 60LL * 1000},
                                         {"s", 1000},
                                         {"ms", 1}}};
// What a signed 64-bit number of nanoseconds can hold.
constexpr Millis kLongest = std::numeric_limits<std::int64_t>::max() / 1'000'000;

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; });
}

std::optional<double> ParseInteger(std::string_view digits, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size() || value > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return static_cast<double>(value);
}

}  // namespace

std::string FormatValue(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 400> buffer{};  // 5e-324 has 324 decimals
  const auto write = [&](std::chars_format format) {
    return std::string(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr);
  };
  constexpr double kWholeNumbers = 9007199254740992;  // 2^53; from there on a number has no decimals
  if (std::abs(value) < kWholeNumbers) return write(std::chars_format::fixed);
  // Not every digit of the binary number, which std::to_chars would give, but those that tell it from its neighbours, and zeros.
  std::string digits = write(std::chars_format::scientific);
  const auto exponent_at = digits.find('e');
  const auto exponent = static_cast<std::size_t>(std::stoi(digits.substr(exponent_at + 1)));
  digits.resize(exponent_at);
  std::erase(digits, '.');
  return digits.append(exponent + 1 - (digits.size() - (value < 0 ? 1U : 0U)), '0');
}

std::optional<Millis> ParseDuration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  Millis total = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    std::size_t digits = 0;
    while (digits < text.size() && IsDigit(text[digits])) ++digits;
    std::size_t letters = digits;
    while (letters < text.size() && !IsDigit(text[letters])) ++letters;
    const std::string_view unit_name = text.substr(digits, letters - digits);
    const auto* const unit = std::ranges::find(kUnits, unit_name, &Unit::name);
    const auto index = static_cast<std::size_t>(unit - kUnits.begin());
    Millis count = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + digits, count);
    if (digits == 0 || unit == kUnits.end() || index < next_unit || parsed.ec != std::errc() || count > kLongest / unit->millis) {
      return std::nullopt;
    }
    total += count * unit->millis;
    if (total > kLongest) return std::nullopt;
    next_unit = index + 1;
    text.remove_prefix(letters);
  }
  return total;
}

std::string FormatDuration(Millis duration) {
  if (duration == 0) return "0s";
  std::string out = duration < 0 ? "-" : "";
  duration = std::abs(duration);
  for (const Unit& unit : kUnits) {
    // Years and weeks only when they say it exactly: "400d" is clearer than "1y5w".
    if (duration < unit.millis || ((unit.name == "y" || unit.name == "w") && duration % unit.millis != 0)) continue;
    out += std::to_string(duration / unit.millis) += unit.name;
    duration %= unit.millis;
  }
  return out;
}

std::optional<double> ParseNumber(std::string_view text) {
  if (EqualsIgnoringCase(text, "inf")) return std::numeric_limits<double>::infinity();
  if (EqualsIgnoringCase(text, "nan")) return std::numeric_limits<double>::quiet_NaN();
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits.push_back(text[i]);
      continue;
    }
    // Only between two digits, or behind a prefix such as 0x.
    const bool after = i > 0 && text[i - 1] != '_' && text[i - 1] != '.';
    const bool before = i + 1 < text.size() && text[i + 1] != '_' && text[i + 1] != '.';
    if (!after || !before) return std::nullopt;
  }
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
    return ParseInteger(std::string_view(digits).substr(2), 16);
  }
  if (digits.size() > 1 && digits[0] == '0' && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '7'; })) {
    return ParseInteger(std::string_view(digits).substr(1), 8);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // Too small is 0; too large is no number.
    const auto exponent = digits.find_first_of("eE");
    if (exponent == std::string::npos || exponent + 1 >= digits.size() || digits[exponent + 1] != '-') return std::nullopt;
    return 0.0;
  }
  return value;
}

}  // namespace inferd::metrics::promql
