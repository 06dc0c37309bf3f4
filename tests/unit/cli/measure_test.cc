// The pure parts of the load generator: percentiles, arrival times, durations.
#include <vector>

#include "cli/arrivals.h"
#include "cli/samples.h"
#include "cli/text.h"
#include "gtest/gtest.h"

namespace inferd::cli {
namespace {

TEST(Samples, PercentilesAreNearestRank) {
  Samples samples;
  for (int i = 100; i >= 1; --i) samples.Add(i);
  const Summary s = samples.Summarize();
  EXPECT_EQ(s.count, 100U);
  EXPECT_DOUBLE_EQ(s.mean, 50.5);
  EXPECT_EQ(s.p50, 50);
  EXPECT_EQ(s.p90, 90);
  EXPECT_EQ(s.p95, 95);
  EXPECT_EQ(s.p99, 99);
  EXPECT_EQ(s.max, 100);
}

TEST(Samples, FewValues) {
  EXPECT_EQ(Samples().Summarize().count, 0U);
  EXPECT_EQ(Samples().Summarize().p99, 0);
  Samples one;
  one.Add(7);
  EXPECT_EQ(one.Summarize().p50, 7);
  EXPECT_EQ(one.Summarize().p99, 7);
  const std::vector<float> ten{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  EXPECT_EQ(NearestRank(ten, 0.9), 9);
  EXPECT_EQ(NearestRank(ten, 0.91), 10);
  EXPECT_EQ(NearestRank(ten, 0.001), 1);
  EXPECT_EQ(NearestRank(ten, 1), 10);
}

TEST(ArrivalSchedule, UniformIsEvenlySpaced) {
  ArrivalSchedule schedule(ArrivalKind::kUniform, 4, 1);
  EXPECT_EQ(schedule.Next(), Duration(0));
  EXPECT_EQ(schedule.Next(), std::chrono::milliseconds(250));
  EXPECT_EQ(schedule.Next(), std::chrono::milliseconds(500));
}

TEST(ArrivalSchedule, PoissonHasTheRateAndTheSpread) {
  ArrivalSchedule schedule(ArrivalKind::kPoisson, 100, 7);
  constexpr int kCount = 20000;
  Duration last{};
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const Duration next = schedule.Next();
    ASSERT_GE(next, last);
    const double gap = ToSeconds(next - last);
    sum += gap;
    squares += gap * gap;
    last = next;
  }
  const double mean = sum / kCount;
  EXPECT_NEAR(mean, 0.01, 0.0003);
  // The deviation of an exponential distribution is its mean.
  EXPECT_NEAR(squares / kCount - mean * mean, mean * mean, 0.1 * mean * mean);
}

TEST(ArrivalSchedule, SameSeedSameTimes) {
  ArrivalSchedule a(ArrivalKind::kPoisson, 10, 3);
  ArrivalSchedule b(ArrivalKind::kPoisson, 10, 3);
  ArrivalSchedule c(ArrivalKind::kPoisson, 10, 4);
  bool all_equal = true;
  for (int i = 0; i < 100; ++i) {
    const Duration next = a.Next();
    EXPECT_EQ(next, b.Next());
    all_equal = all_equal && next == c.Next();
  }
  EXPECT_FALSE(all_equal);
}

TEST(ParseDuration, TakesUnitsAndNothingElse) {
  EXPECT_EQ(ParseDuration("250ms"), std::chrono::milliseconds(250));
  EXPECT_EQ(ParseDuration("1.5s"), std::chrono::milliseconds(1500));
  EXPECT_EQ(ParseDuration("2m"), std::chrono::minutes(2));
  EXPECT_EQ(ParseDuration("24h"), std::chrono::hours(24));
  EXPECT_EQ(ParseDuration("3"), std::chrono::seconds(3));
  for (const char* bad : {"", "s", "0", "-1s", "1 s", "1x", "1ss", "nan", "inf", "1e30s", "fast"}) {
    EXPECT_FALSE(ParseDuration(bad)) << bad;
  }
}

TEST(Text, TablesAlign) {
  EXPECT_EQ(Table({{"name", "n"}, {"a", "1"}, {"grüße", "20"}}, true), "name    n\na       1\ngrüße  20\n");
  EXPECT_EQ(Table({}, true), "");
}

TEST(Text, Quantities) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1536), "1.50 KiB");
  EXPECT_EQ(FormatBytes(3ULL << 30U), "3.00 GiB");
  EXPECT_EQ(FormatCount(1540000000), "1.54 B");
  EXPECT_EQ(FormatSeconds(0.0123), "12.3 ms");
  EXPECT_EQ(FormatSeconds(1.5), "1.50 s");
}

TEST(Text, NothingDrivesTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[31mb\x07\n\tc\x7f"), "a[31mb\n\tc");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "x\xFF"),
            "x\xEF\xBF\xBD");
  EXPECT_EQ(PrintableLine("a\nb\x1b", 100), "a\\nb\xEF\xBF\xBD");
  EXPECT_EQ(PrintableLine("abcdef", 3), "abc...");
  // What is shown has the order that it has.
  for (const char* turn : {"\u202A", "\u202E", "\u2066", "\u2069"}) {
    EXPECT_EQ(Printable("gpj" + std::string(turn) + "exe"), "gpjexe");
    EXPECT_EQ(PrintableLine("gpj" + std::string(turn) + "exe", 100),
              "gpj\xEF\xBF\xBD"
              "exe");
  }
}

}  // namespace
}  // namespace inferd::cli
