#include "cli/sse_parser.h"

#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace inferd::cli {
namespace {

using ::testing::ElementsAre;

// The events of `stream`, fed in pieces of `step` bytes.
std::vector<std::string> Events(std::string_view stream, std::size_t step) {
  SseParser parser;
  std::vector<std::string> events;
  for (std::size_t i = 0; i < stream.size(); i += step) {
    EXPECT_TRUE(parser.Feed(stream.substr(i, step), [&events](std::string_view data) { events.emplace_back(data); }));
  }
  return events;
}

TEST(SseParser, HoweverTheBytesAreCut) {
  constexpr std::string_view kStream =
      "\xEF\xBB\xBF: comment\n"
      "data: one\n\n"
      "data:two\r\n\r\n"
      "event: x\nid: 5\ndata: a\ndata: b\ndata\n\n"
      "data:  kept space\r\rdata: [DONE]\n\n"
      "retry: 10\n\n"
      "data: never ended";
  for (std::size_t step = 1; step <= kStream.size(); ++step) {
    EXPECT_THAT(Events(kStream, step), ElementsAre("one", "two", "a\nb\n", " kept space", "[DONE]")) << step;
  }
}

TEST(SseParser, EndlessLineBreaksTheStream) {
  SseParser parser;
  const std::string megabyte(1U << 20U, 'x');
  bool good = true;
  for (std::size_t i = 0; i <= SseParser::kMaxBytes / megabyte.size(); ++i) good = parser.Feed(megabyte, [](std::string_view) {});
  EXPECT_FALSE(good);
  EXPECT_FALSE(parser.Feed("\n\n", [](std::string_view) { FAIL(); }));
}

}  // namespace
}  // namespace inferd::cli
