#include "metrics/promql/series_notation.h"

#include <cmath>
#include <string>

#include "gtest/gtest.h"
#include "metrics/series/querier.h"

namespace inferd::metrics::promql {
namespace {

std::string Expanded(std::string_view text) {
  const auto values = ParseNotedValues(text);
  if (!values) return values.error().message;
  std::string out;
  for (const NotedValue& value : *values) {
    if (!out.empty()) out += " ";
    if (value.kind == NotedValue::Kind::kNone) {
      out += "_";
    } else if (value.kind == NotedValue::Kind::kNativeHistogram) {
      out += "H";
    } else if (IsStale(value.value)) {
      out += "stale";
    } else {
      out += std::isnan(value.value) ? "NaN" : std::to_string(std::llround(value.value));
    }
  }
  return out;
}

TEST(SeriesNotation, Expands) {
  EXPECT_EQ(Expanded("1 2+3x4 _ 9"), "1 2 5 8 11 14 _ 9");
  EXPECT_EQ(Expanded("1x3"), "1 1 1 1");
  EXPECT_EQ(Expanded("5-2x2 -1-1x1"), "5 3 1 -1 -2");
  EXPECT_EQ(Expanded("_x3 stale NaN 1e2"), "_ _ _ stale NaN 100");
  EXPECT_EQ(Expanded("0x2"), "0 0 0");
  EXPECT_EQ(Expanded("{{schema:0 sum:1}} {{count:1}}+{{count:2}}x2"), "H H H H");
  EXPECT_EQ(Expanded(""), "");
}

TEST(SeriesNotation, RefusesWhatIsMalformed) {
  for (const char* wrong : {"a", "1x", "1+x2", "1+2", "_y", "1x-1", "{{", "1x99999999999", "stales", "1.2.3"}) {
    EXPECT_FALSE(ParseNotedValues(wrong)) << wrong;
  }
  EXPECT_FALSE(ParseNotedValues("1x900000 1x900000 1"));
}

TEST(SeriesNotation, FindsTheEndOfTheName) {
  EXPECT_EQ(ParseNotedSeries(R"(up{a="} 1"} 2)")->labels, (Labels{{"__name__", "up"}, {"a", "} 1"}}));
  EXPECT_EQ(ParseNotedSeries("up 1 2")->values.size(), 2U);
  EXPECT_EQ(ParseNotedSeries("{} 1")->labels, Labels());
  EXPECT_EQ(ParseNotedSeries("up {{sum:1}}")->values.size(), 1U);
  EXPECT_EQ(ParseNotedSeries(R"(up {a="1"} 3)")->labels.Get("a"), "1");
  EXPECT_FALSE(ParseNotedSeries("up{a=\"1\" 1"));
}

}  // namespace
}  // namespace inferd::metrics::promql
