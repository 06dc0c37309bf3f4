#include "runtime/base/utf8.h"

#include "gtest/gtest.h"
#include "runtime/base/inline_string.h"

namespace inferd {
namespace {

TEST(Utf8, DecodesEveryLength) {
  EXPECT_EQ(DecodeUtf8("A", 0).value, U'A');
  EXPECT_EQ(DecodeUtf8("é", 0).value, U'é');
  EXPECT_EQ(DecodeUtf8("中", 0).value, U'中');
  EXPECT_EQ(DecodeUtf8("😀", 0).value, U'😀');
  EXPECT_EQ(DecodeUtf8("😀", 0).length, 4U);
}

TEST(Utf8, RefusesWhatRfc3629Forbids) {
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
                          "\xF5\x80\x80\x80", "\xE4\xB8", "\xFF"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << bad;
    EXPECT_EQ(DecodeUtf8(bad, 0).value, kInvalidCodePoint);
  }
  EXPECT_TRUE(IsValidUtf8("plain, é, 中文, 😀"));
}

TEST(Utf8, AppendIsTheInverseOfDecode) {
  for (const std::uint32_t value : {0x24U, 0x7FU, 0x80U, 0x7FFU, 0x800U, 0xFFFFU, 0x10000U, 0x10FFFFU}) {
    std::string text;
    AppendUtf8(text, value);
    const CodePoint point = DecodeUtf8(text, 0);
    EXPECT_EQ(point.value, value);
    EXPECT_EQ(point.length, text.size());
  }
}

TEST(Utf8, IncompleteSuffixIsOnlyWhatMayStillBecomeACodePoint) {
  EXPECT_EQ(IncompleteUtf8Suffix("abc"), 0U);
  EXPECT_EQ(IncompleteUtf8Suffix("ab\xE4"), 1U);
  EXPECT_EQ(IncompleteUtf8Suffix("ab\xE4\xB8"), 2U);
  EXPECT_EQ(IncompleteUtf8Suffix("ab\xF0\x9F\x98"), 3U);
  EXPECT_EQ(IncompleteUtf8Suffix("ab\xE4\xB8\xAD"), 0U);
  EXPECT_EQ(IncompleteUtf8Suffix("ab\x80"), 0U);
  EXPECT_EQ(IncompleteUtf8Suffix("ab\xED\xA0"), 0U);  // a surrogate cannot be completed
  EXPECT_EQ(IncompleteUtf8Suffix("ab\xFF"), 0U);
}

TEST(Utf8, ReplaceInvalidKeepsTheRest) {
  EXPECT_EQ(ReplaceInvalidUtf8("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(ReplaceInvalidUtf8("ok 中"), "ok 中");
}

TEST(InlineString, CutsOnlyBetweenCodePoints) {
  EXPECT_EQ(InlineString<4>("abcdef").view(), "abc");
  EXPECT_EQ(InlineString<5>("ab中文").view(), "ab");
  EXPECT_EQ(InlineString<6>("ab中文").view(), "ab中");
}

}  // namespace
}  // namespace inferd
