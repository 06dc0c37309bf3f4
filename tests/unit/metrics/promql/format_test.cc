#include "metrics/promql/format.h"

#include <cmath>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace inferd::metrics::promql {
namespace {

TEST(FormatValue, IsShortAndExact) {
  EXPECT_EQ(FormatValue(1), "1");
  EXPECT_EQ(FormatValue(-0.1), "-0.1");
  EXPECT_EQ(FormatValue(1e21), "1000000000000000000000");
  EXPECT_EQ(FormatValue(1e-7), "0.0000001");
  EXPECT_EQ(FormatValue(9007199254740994), "9007199254740994");
  EXPECT_EQ(FormatValue(18446744073709551616.0), "18446744073709552000") << "the shortest digits, as Go writes them";
  EXPECT_EQ(FormatValue(-1e23), "-1" + std::string(23, '0'));
  EXPECT_EQ(FormatValue(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(FormatValue(-std::numeric_limits<double>::infinity()), "-Inf");
  EXPECT_EQ(FormatValue(std::nan("")), "NaN");
  EXPECT_EQ(FormatValue(std::numeric_limits<double>::max()).size(), 309U);
  EXPECT_GT(FormatValue(std::numeric_limits<double>::denorm_min()).size(), 300U);
}

TEST(Durations, AreRead) {
  EXPECT_EQ(ParseDuration("1h30m"), 5'400'000);
  EXPECT_EQ(ParseDuration("1y2w3d4h5m6s7ms"), 31'536'000'000 + 1'209'600'000 + 259'200'000 + 14'400'000 + 300'000 + 6'000 + 7);
  EXPECT_EQ(ParseDuration("0s"), 0);
  EXPECT_EQ(ParseDuration("0"), 0);
  for (const char* wrong : {"", "5", "m", "5x", "1m1h", "1m1m", "-5m", "1.5h", "5 m", "300y", "99999999999999999999s"}) {
    EXPECT_EQ(ParseDuration(wrong), std::nullopt) << wrong;
  }
}

TEST(Durations, AreWritten) {
  EXPECT_EQ(FormatDuration(0), "0s");
  EXPECT_EQ(FormatDuration(5'400'000), "1h30m");
  EXPECT_EQ(FormatDuration(-300'000), "-5m");
  EXPECT_EQ(FormatDuration(604'800'000), "1w");
  EXPECT_EQ(FormatDuration(691'200'000), "8d");
  EXPECT_EQ(FormatDuration(1), "1ms");
}

TEST(Numbers, AreRead) {
  EXPECT_EQ(ParseNumber("1.5e3"), 1500);
  EXPECT_EQ(ParseNumber(".5"), 0.5);
  EXPECT_EQ(ParseNumber("0x1F"), 31);
  EXPECT_EQ(ParseNumber("0755"), 493);
  EXPECT_EQ(ParseNumber("089"), 89);  // no octal number
  EXPECT_EQ(ParseNumber("1_000_000"), 1'000'000);
  EXPECT_EQ(ParseNumber("1e-400"), 0);
  EXPECT_TRUE(std::isnan(*ParseNumber("NaN")));
  EXPECT_EQ(ParseNumber("iNf"), std::numeric_limits<double>::infinity());
  for (const char* wrong : {"", "1__0", "_1", "1_", "1_.5", "0x", "0xg", "1e", "1e400", "1.2.3", "abc", "1 "}) {
    EXPECT_EQ(ParseNumber(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace inferd::metrics::promql
