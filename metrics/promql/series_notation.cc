#include "metrics/promql/series_notation.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "metrics/promql/parser.h"
#include "metrics/series/querier.h"

namespace inferd::metrics::promql {
namespace {

constexpr std::size_t kMostValues = 1'000'000;
constexpr bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Takes a number off the front. No hexadecimal: 0x3 is three more zeros.
std::optional<double> TakeNumber(std::string_view& text) {
  const bool negative = text.starts_with('-');
  std::string_view rest = text;
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  double value = 0;
  const auto starts_with_word = [&](std::string_view word) {
    return rest.size() >= word.size() &&
           std::ranges::equal(rest.substr(0, word.size()), word, [](char a, char b) { return (a | 0x20) == b; });
  };
  if (starts_with_word("inf")) {
    value = std::numeric_limits<double>::infinity();
    rest.remove_prefix(3);
  } else if (starts_with_word("nan")) {
    value = std::numeric_limits<double>::quiet_NaN();
    rest.remove_prefix(3);
  } else {
    if (rest.empty() || (rest[0] != '.' && (rest[0] < '0' || rest[0] > '9'))) return std::nullopt;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc()) return std::nullopt;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  }
  text = rest;
  return negative ? -value : value;
}

// Takes "xN" off the front.
std::optional<std::size_t> TakeTimes(std::string_view& text) {
  if (!text.starts_with('x')) return std::nullopt;
  std::size_t times = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), times);
  if (error != std::errc() || times > kMostValues) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return times;
}

Result<> ParseItem(std::string_view item, std::vector<NotedValue>& values) {
  const auto malformed = [whole = std::string(item)] { return Error(Code::kInvalidArgument, "malformed value: " + whole); };
  if (item.starts_with('_')) {
    item.remove_prefix(1);
    const auto times = item.empty() ? 1 : TakeTimes(item);
    if (!times || !item.empty()) return malformed();
    values.insert(values.end(), *times, {.kind = NotedValue::Kind::kNone});
    return {};
  }
  if (item == "stale") {
    values.push_back({.value = kStaleMarker});
    return {};
  }
  const auto start = TakeNumber(item);
  if (!start) return malformed();
  if (item.empty()) {
    values.push_back({.value = *start});
    return {};
  }
  double step = 0;
  if (!item.starts_with('x')) {
    const auto parsed = item.starts_with('+') || item.starts_with('-') ? TakeNumber(item) : std::nullopt;
    if (!parsed) return malformed();
    step = *parsed;
  }
  const auto times = TakeTimes(item);
  if (!times || !item.empty()) return malformed();
  double value = *start;
  for (std::size_t i = 0; i <= *times; ++i, value += step) values.push_back({.value = value});
  return {};
}

}  // namespace

Result<std::vector<NotedValue>> ParseNotedValues(std::string_view text) {
  std::vector<NotedValue> values;
  while (true) {
    while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
    if (text.empty()) return values;
    if (values.size() > kMostValues) return Error(Code::kResourceExhausted, "more than " + std::to_string(kMostValues) + " values");
    if (text.starts_with("{{")) {
      // {{...}}, {{...}}+{{...}}x3: what is inside is not read.
      std::size_t length = 0;
      while (text.substr(length).starts_with("{{")) {
        const auto end = text.find("}}", length);
        if (end == std::string_view::npos) return Error(Code::kInvalidArgument, "unclosed native histogram");
        length = end + 2;
        if (length < text.size() && (text[length] == '+' || text[length] == '-')) ++length;
      }
      text.remove_prefix(length);
      const auto times = text.starts_with('x') ? TakeTimes(text) : std::optional<std::size_t>(0);
      if (!times) return Error(Code::kInvalidArgument, "malformed repetition of a native histogram");
      values.insert(values.end(), *times + 1, {.kind = NotedValue::Kind::kNativeHistogram});
      continue;
    }
    const auto length = static_cast<std::size_t>(std::ranges::find_if(text, IsBlank) - text.begin());
    INFERD_RETURN_IF_ERROR(ParseItem(text.substr(0, length), values));
    text.remove_prefix(length);
  }
}

Result<NotedSeries> ParseNotedSeries(std::string_view line) {
  // The name ends at a space that no brace follows, or behind the closing brace.
  std::size_t end = 0;
  while (end < line.size() && line[end] != '{' && !IsBlank(line[end])) ++end;
  std::size_t brace = end;
  while (brace < line.size() && IsBlank(line[brace])) ++brace;
  if (brace < line.size() && line[brace] == '{' && !line.substr(brace).starts_with("{{")) {
    char quote = '\0';
    for (end = brace + 1; end < line.size() && (quote != '\0' || line[end] != '}'); ++end) {
      if (quote != '\0' && quote != '`' && line[end] == '\\') {
        ++end;
      } else if (line[end] == quote) {
        quote = '\0';
      } else if (quote == '\0' && (line[end] == '"' || line[end] == '\'' || line[end] == '`')) {
        quote = line[end];
      }
    }
    if (end >= line.size()) return Error(Code::kInvalidArgument, "unclosed brace");
    ++end;
  }
  NotedSeries series;
  INFERD_ASSIGN_OR_RETURN(series.labels, ParseSeriesName(line.substr(0, end)));
  INFERD_ASSIGN_OR_RETURN(series.values, ParseNotedValues(line.substr(end)));
  return series;
}

}  // namespace inferd::metrics::promql
