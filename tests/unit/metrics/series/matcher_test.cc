#include "metrics/series/matcher.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace inferd::metrics {
namespace {

Matcher Make(MatchKind kind, std::string value) { return Matcher::Make(kind, "a", std::move(value)).value(); }

TEST(Matcher, ComparesWholeValues) {
  EXPECT_TRUE(Make(MatchKind::kEqual, "x").Matches("x"));
  EXPECT_FALSE(Make(MatchKind::kEqual, "x").Matches("xy"));
  EXPECT_TRUE(Make(MatchKind::kNotEqual, "x").Matches("xy"));
  EXPECT_TRUE(Make(MatchKind::kRegex, "x.*|z").Matches("xy"));
  EXPECT_FALSE(Make(MatchKind::kRegex, "x").Matches("xy"));  // anchored at both ends
  EXPECT_TRUE(Make(MatchKind::kNotRegex, "x").Matches("xy"));
  EXPECT_TRUE(Make(MatchKind::kRegex, "a.b").Matches("a\nb"));
}

TEST(Matcher, AMissingLabelIsEmpty) {
  const Labels labels{{"b", "1"}};
  EXPECT_TRUE(Make(MatchKind::kEqual, "").MatchesLabels(labels));
  EXPECT_TRUE(Make(MatchKind::kRegex, ".*").MatchesLabels(labels));
  EXPECT_FALSE(Make(MatchKind::kRegex, ".+").MatchesLabels(labels));
  EXPECT_FALSE(Make(MatchKind::kNotEqual, "").MatchesLabels(labels));
}

TEST(Matcher, RefusesWhatIsMalformedOrTooLarge) {
  EXPECT_FALSE(Matcher::Make(MatchKind::kRegex, "a", "("));
  EXPECT_FALSE(Matcher::Make(MatchKind::kRegex, "a", "(?=look)ahead"));
  EXPECT_FALSE(Matcher::Make(MatchKind::kRegex, "a", "((a{1000}){1000}){1000}"));
}

// What costs a backtracking matcher 2^40 steps takes this one a pass over the text.
TEST(Matcher, NestedRepetitionIsHarmless) { EXPECT_FALSE(Make(MatchKind::kRegex, "(a*)*(a*)*(a|aa)+b").Matches(std::string(10'000, 'a'))); }

TEST(Regex, GivesItsGroups) {
  const auto regex = Regex::Compile("(?P<first>[a-z]+)-([0-9]*)(x)?");
  ASSERT_TRUE(regex);
  std::vector<std::string_view> groups;
  ASSERT_TRUE(regex->Match("ab-12", groups));
  EXPECT_EQ(groups, (std::vector<std::string_view>{"ab-12", "ab", "12", ""}));
  EXPECT_EQ(regex->Expand("${first}-$2-$$-$9-$second-$1x", groups), "ab-12-$---");
  EXPECT_FALSE(regex->Match("ab-12 ", groups));
}

TEST(Regex, FindsAndReplacesParts) {
  const auto regex = Regex::Compile("b(.)").value();
  EXPECT_TRUE(regex.Finds("abc"));
  EXPECT_FALSE(regex.Finds("ab"));
  EXPECT_EQ(regex.ReplaceAll("abcabd", "<$1>"), "a<c>a<d>");
  EXPECT_EQ(Regex::Compile("x*")->ReplaceAll("axb", "-"), "-a--b-");
  EXPECT_EQ(regex.ReplaceAll("", "-"), "");
}

}  // namespace
}  // namespace inferd::metrics
