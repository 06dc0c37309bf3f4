#include "runtime/engine/text_assembler.h"

#include <random>

#include "gtest/gtest.h"
#include "runtime/base/utf8.h"

namespace inferd::engine {
namespace {

TEST(TextAssembler, HoldsBackAnUnfinishedCodePoint) {
  TextAssembler text({});
  EXPECT_EQ(text.Push("a\xE4\xB8"), "a");
  EXPECT_EQ(text.Push("\xAD!"), "中!");
  EXPECT_EQ(text.Finish(), "");
}

TEST(TextAssembler, WhatNeverBecomesACodePointIsReplaced) {
  TextAssembler text({});
  EXPECT_EQ(text.Push("a\xFF"), "a\xEF\xBF\xBD");
  EXPECT_EQ(text.Push("\xE4"), "");
  EXPECT_EQ(text.Finish(), "\xEF\xBF\xBD");
}

TEST(TextAssembler, StopsAcrossPieces) {
  const std::vector<std::string> stops{"END", "###"};
  TextAssembler text(stops);
  EXPECT_EQ(text.Push("hello E"), "hello ");
  EXPECT_EQ(text.Push("N"), "");
  EXPECT_EQ(text.Push("e EN"), "ENe ");
  EXPECT_EQ(text.Push("D tail"), "");
  EXPECT_TRUE(text.stopped());
  EXPECT_EQ(text.Push("more"), "");
}

TEST(TextAssembler, TheEarliestStopWins) {
  const std::vector<std::string> stops{"b", "a"};
  TextAssembler text(stops);
  EXPECT_EQ(text.Push("xxab"), "xx");
  EXPECT_TRUE(text.stopped());
}

// However the bytes are cut, the text that comes out is the same, and every piece is valid UTF-8.
TEST(TextAssembler, CutsDoNotMatter) {
  std::mt19937 random(4);
  const std::vector<std::string> stops{"中止", "aab", "\n\n"};
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    const char* pieces[] = {"a", "b", "中", "止", "\n", "😀", "\xFF", "\xE4\xB8", "x"};
    for (auto i = random() % 20; i > 0; --i) bytes += pieces[random() % 9];
    TextAssembler whole(stops);
    std::string expected = whole.Push(bytes);
    if (!whole.stopped()) expected += whole.Finish();
    TextAssembler cut(stops);
    std::string actual;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t n = 1 + random() % 3;
      const std::string piece = cut.Push(std::string_view(bytes).substr(at, n));
      ASSERT_TRUE(IsValidUtf8(piece));
      actual += piece;
      at += n;
    }
    if (!cut.stopped()) actual += cut.Finish();
    ASSERT_EQ(actual, expected);
    ASSERT_EQ(cut.stopped(), whole.stopped());
  }
}

}  // namespace
}  // namespace inferd::engine
