// What one query may cost: hostile ones are refused, and leave no more behind than a message.
#include <chrono>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "metrics/promql/engine.h"
#include "metrics/promql/memory_series.h"
#include "metrics/promql/parser.h"
#include "runtime/base/clock.h"

namespace inferd::metrics::promql {
namespace {

using ::testing::HasSubstr;

// Moves on by itself, a step at each look.
class RunningClock final : public Clock {
 public:
  MonotonicTime Now() const override { return now_ += std::chrono::milliseconds(1); }
  WallTime WallNow() const override { return {}; }

 private:
  mutable MonotonicTime now_;
};

MemorySeries HundredSeries() {
  MemorySeries series;
  for (int i = 0; i < 100; ++i) {
    for (Millis t = 0; t < 100; ++t) series.Add({{"__name__", "m"}, {"i", std::to_string(i)}}, {t * 1000, static_cast<double>(t)});
  }
  return series;
}

Result<QueryResult> Ask(const std::string& query, const EngineOptions& options) {
  const MemorySeries series = HundredSeries();
  const auto node = Parse(query);
  if (!node) return tl::unexpected(node.error());
  return QueryInstant(**node, series, 99'000, options);
}

TEST(Limits, SamplesAreCounted) {
  EXPECT_TRUE(Ask("sum_over_time(m[100s])", {.max_samples = 20'000}));
  const auto refused = Ask("sum_over_time(m[100s])", {.max_samples = 5'000});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("too many samples"));
}

TEST(Limits, HugeSubqueriesAreRefusedBeforeTheyRun) {
  for (const char* query : {"max_over_time(vector(1)[290y:1ms])", "max_over_time(m[200y:1ms])",
                            "max_over_time(max_over_time(max_over_time(m[1h:1s])[1h:1s])[1h:1s])"}) {
    const auto refused = Ask(query, {.max_samples = 10'000});
    ASSERT_FALSE(refused) << query;
    EXPECT_EQ(refused.error().code, Code::kResourceExhausted) << query;
  }
}

TEST(Limits, LabelsDoNotGrowWithoutEnd) {
  std::string replaced = "label_replace(m, \"x\", \"aaaaaaaa\", \"\", \"\")", joined = replaced;
  for (int i = 0; i < 12; ++i) {
    replaced = "label_replace(" + replaced + R"q(, "x", "$1$1$1$1$1$1$1$1", "x", "(.*)"))q";
    joined = "label_join(" + joined + R"(, "x", "", "x", "x", "x", "x", "x"))";
  }
  for (const std::string& query : {replaced, joined}) {
    const auto refused = Ask(query, {});
    ASSERT_FALSE(refused) << query;
    EXPECT_EQ(refused.error().code, Code::kResourceExhausted) << query;
    EXPECT_THAT(refused.error().message, HasSubstr("labels"));
  }
  EXPECT_TRUE(Ask(R"q(label_join(label_replace(m, "x", "$1-$1", "i", "(.*)"), "y", "/", "x", "i"))q", {.max_label_bytes = 5'000}));
}

TEST(Limits, RegularExpressionsShareTheirMemory) {
  const std::string letters = "i=~\"[\\\\p{L}]{90}\"";
  EXPECT_TRUE(Parse("{" + letters + "}")) << "alone it may be as large as this";
  std::string many = letters;
  for (int i = 0; i < 200; ++i) many += "," + letters;
  const auto refused = Parse("{" + many + "}");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("pattern too large"));
  std::string common = "i=~\"a.*\"";
  for (int i = 0; i < 100; ++i) common += ",i=~\"(api|web)-[0-9]+.*\"";
  EXPECT_TRUE(Parse("{" + common + "}")) << "but small ones may be many";
}

TEST(Limits, MatchingALongLabelCounts) {
  std::string label = "label_replace(m, \"x\", \"" + std::string(10'000, 'a') + "\", \"\", \"\")";
  EXPECT_TRUE(Ask("label_replace(" + label + ", \"y\", \"$1\", \"x\", \"(.*)\")", {.max_samples = 1'000'000}));
  const auto refused = Ask("label_replace(" + label + ", \"y\", \"$1\", \"x\", \"(.*)((a?){30}b?){30}\")", {.max_samples = 1'000'000});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kResourceExhausted);
}

TEST(Limits, TimeIsUpWhenTheClockSaysSo) {
  const RunningClock clock;
  EXPECT_TRUE(Ask("sum(m)", {.timeout = std::chrono::seconds(10), .clock = &clock}));
  const auto refused = Ask("sum(rate(m[1m]))", {.timeout = std::chrono::milliseconds(20), .clock = &clock});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDeadlineExceeded);
}

TEST(Limits, TimeIsUpBetweenTheWindowsOfOneSeriesToo) {
  MemorySeries series;
  for (Millis t = 0; t < 6000; ++t) series.Add({{"__name__", "m"}}, {t * 1000, 1});
  const auto node = Parse("avg_over_time(m[5000s])");
  ASSERT_TRUE(node);
  const RunningClock clock;
  const auto late = QueryRange(**node, series, 5'000'000, 5'999'000, 1000, {.timeout = std::chrono::milliseconds(50), .clock = &clock});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kDeadlineExceeded);
}

TEST(Limits, RangeQueriesHaveABoundedNumberOfSteps) {
  const MemorySeries series;
  const auto node = Parse("vector(1)").value();
  EXPECT_TRUE(QueryRange(*node, series, 0, 10'999, 1, {}));
  EXPECT_FALSE(QueryRange(*node, series, 0, 11'000, 1, {}));
  EXPECT_FALSE(QueryRange(*node, series, 0, 10, 0, {}));
  EXPECT_FALSE(QueryRange(*node, series, 10, 0, 1, {}));
  EXPECT_FALSE(QueryRange(*Parse("a[5m]").value(), series, 0, 10, 1, {}));
}

std::string Repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Limits, DeepNestingIsRefused) {
  for (const std::string& query : {Repeated("(", 5000) + "1" + Repeated(")", 5000), Repeated("-", 20'000) + "1", "1" + Repeated("+1", 5000),
                                   "1" + Repeated("^1", 5000), Repeated("abs(", 5000) + "a" + Repeated(")", 5000),
                                   Repeated("sum(", 5000) + "a" + Repeated(")", 5000), "a" + Repeated("[1m:]", 5000)}) {
    const auto node = Parse(query);
    ASSERT_FALSE(node);
    EXPECT_FALSE(node.error().message.empty());
  }
  EXPECT_TRUE(Parse("1" + Repeated("+1", 150)));
}

TEST(Limits, LongTextIsRefused) {
  const auto refused = Parse("a{b=\"" + std::string(70'000, 'x') + "\"}");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("longer than"));
}

}  // namespace
}  // namespace inferd::metrics::promql
