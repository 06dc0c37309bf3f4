#include "config/value.h"

#include <chrono>

#include "gtest/gtest.h"

namespace inferd::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Value, Durations) {
  EXPECT_EQ(ParseDuration("500ms"), milliseconds(500));
  EXPECT_EQ(ParseDuration("5s"), seconds(5));
  EXPECT_EQ(ParseDuration("1.5h"), std::chrono::minutes(90));
  EXPECT_EQ(ParseDuration("7d"), hours(7 * 24));
  EXPECT_EQ(ParseDuration("0"), seconds(0));
  for (const char* bad : {"", "5", "s", "-5s", "5 s", "5x", ".5s", "5.s", "1e3s", "99999999999999999999d", "nan", "infs", "5S"}) {
    EXPECT_FALSE(ParseDuration(bad)) << bad;
  }
  for (const char* text : {"0s", "1ms", "90s", "2h", "7d", "1500ms"}) EXPECT_EQ(FormatDuration(*ParseDuration(text)), text);
}

TEST(Value, Sizes) {
  EXPECT_EQ(ParseSize("4096"), 4096U);
  EXPECT_EQ(ParseSize("16KiB"), 16384U);
  EXPECT_EQ(ParseSize("1.5GiB"), 1610612736U);
  for (const char* bad : {"", "MiB", "4MB", "4 MiB", "-1", "1.5", "4mib", "99999999999TiB"}) EXPECT_FALSE(ParseSize(bad)) << bad;
  EXPECT_EQ(FormatSize(4194304), "4MiB");
  EXPECT_EQ(FormatSize(1000), "1000");
}

TEST(Value, ListenAddresses) {
  EXPECT_TRUE(ParseListenAddress("127.0.0.1:8080")->loopback);
  EXPECT_TRUE(ParseListenAddress("127.3.2.1:0")->loopback);
  EXPECT_TRUE(ParseListenAddress("localhost:80")->loopback);
  EXPECT_EQ(ParseListenAddress("localhost:80")->host, "127.0.0.1");
  EXPECT_TRUE(ParseListenAddress("[::1]:8080")->loopback);
  EXPECT_EQ(ParseListenAddress("[::1]:8080")->host, "::1");
  EXPECT_FALSE(ParseListenAddress("0.0.0.0:8080")->loopback);
  EXPECT_FALSE(ParseListenAddress("[::]:8080")->loopback);
  for (const char* bad : {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:8080", "[::1]",
                          "example.com:80", "127.0.0.1:80x", "256.0.0.1:80"}) {
    EXPECT_FALSE(ParseListenAddress(bad)) << bad;
  }
}

TEST(Value, EditDistance) {
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("listen", "listen"), 0U);
  EXPECT_EQ(EditDistance("lisetn", "listen"), 1U);
  EXPECT_EQ(EditDistance("max_bod", "max_body"), 1U);
}

}  // namespace
}  // namespace inferd::config
