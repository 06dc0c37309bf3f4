#include "daemon/observability/query_time.h"

#include <charconv>
#include <chrono>
#include <cmath>

#include "metrics/promql/format.h"

namespace inferd::daemon {
namespace {

using metrics::Millis;

// 120 million years hold no time that anybody asks for. In milliseconds two of them, a start and an end or a time and a duration, can be
// added and subtracted.
constexpr double kMostSeconds = 4e15;

std::optional<Millis> Seconds(std::string_view text) {
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  double seconds = 0;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || !(std::abs(seconds) <= kMostSeconds)) return std::nullopt;
  return std::llround(seconds * 1000);
}

// Takes exactly `digits` decimal digits off the front.
std::optional<int> Number(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool Take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// A fraction's digits behind the point, in milliseconds, rounded down.
std::optional<int> Fraction(std::string_view& text) {
  int value = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    if (digits < 3) value = value * 10 + (text[digits] - '0');
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  for (; digits < 3; ++digits) value *= 10;
  return value;
}

// Minutes east of UTC: "Z" or "+02:00".
std::optional<int> Zone(std::string_view& text) {
  if (Take(text, 'Z') || Take(text, 'z')) return 0;
  const bool west = text.starts_with('-');
  if (!Take(text, '+') && !Take(text, '-')) return std::nullopt;
  const auto hours = Number(text, 2);
  const bool colon = Take(text, ':');
  const auto minutes = Number(text, 2);
  if (!hours || !colon || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return (west ? -1 : 1) * (*hours * 60 + *minutes);
}

std::optional<Millis> Rfc3339(std::string_view text) {
  const auto year = Number(text, 4);
  const bool dash1 = Take(text, '-');
  const auto month = Number(text, 2);
  const bool dash2 = Take(text, '-');
  const auto day = Number(text, 2);
  const bool t = Take(text, 'T') || Take(text, 't');
  const auto hour = Number(text, 2);
  const bool colon1 = Take(text, ':');
  const auto minute = Number(text, 2);
  const bool colon2 = Take(text, ':');
  const auto second = Number(text, 2);
  if (!year || !dash1 || !month || !dash2 || !day || !t || !hour || !colon1 || !minute || !colon2 || !second) return std::nullopt;
  int millis = 0;
  if (Take(text, '.')) {
    const auto fraction = Fraction(text);
    if (!fraction) return std::nullopt;
    millis = *fraction;
  }
  const auto zone = Zone(text);
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!zone || !text.empty() || !date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const Millis days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + *hour) * 60 + *minute - *zone) * 60'000 + *second * 1000LL + millis;
}

}  // namespace

std::optional<Millis> ParseQueryTime(std::string_view text) {
  if (const auto seconds = Seconds(text)) return seconds;
  return Rfc3339(text);
}

std::optional<Millis> ParseQueryDuration(std::string_view text) {
  if (const auto seconds = Seconds(text)) return seconds;
  return metrics::promql::ParseDuration(text);
}

}  // namespace inferd::daemon
