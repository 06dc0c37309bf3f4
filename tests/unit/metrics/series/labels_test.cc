#include "metrics/series/labels.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace inferd::metrics {
namespace {

TEST(Labels, AreSortedAndHoldNoEmptyValues) {
  const Labels labels{{"b", "2"}, {"a", "1"}, {"empty", ""}, {"__name__", "up"}};
  EXPECT_EQ(labels.ToString(), R"(up{a="1", b="2"})");
  EXPECT_EQ(labels.pairs().size(), 3U);
  EXPECT_FALSE(labels.Has("empty"));
  EXPECT_EQ(labels.Get("no such label"), "");
}

TEST(Labels, OfTwoOfOneNameTheLaterStays) {
  EXPECT_EQ((Labels{{"a", "1"}, {"a", "2"}}), (Labels{{"a", "2"}}));
  EXPECT_EQ((Labels{{"a", "1"}, {"a", ""}}), Labels());  // set to nothing
}

TEST(Labels, EqualContentMeansEqualHash) {
  const Labels one{{"a", "1"}, {"b", "2"}};
  const Labels two{{"b", "2"}, {"a", "1"}};
  EXPECT_EQ(one, two);
  EXPECT_EQ(one.hash(), two.hash());
  EXPECT_NE((Labels{{"ab", "c"}}).hash(), (Labels{{"a", "bc"}}).hash());
}

TEST(Labels, AreCutAndExtended) {
  const Labels labels{{"__name__", "up"}, {"a", "1"}, {"b", "2"}};
  const std::vector<std::string> a = {"a"};
  EXPECT_EQ(labels.WithoutName(), (Labels{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(labels.Without(a), (Labels{{"__name__", "up"}, {"b", "2"}}));
  EXPECT_EQ(labels.Only(a), (Labels{{"a", "1"}}));
  EXPECT_EQ(labels.With("a", "3").Get("a"), "3");
  EXPECT_EQ(labels.With("a", ""), labels.Without(a));
  EXPECT_EQ(labels.Only({}), Labels());
}

TEST(Labels, AreWrittenAsPrometheusWritesThem) {
  EXPECT_EQ(Labels().ToString(), "{}");
  EXPECT_EQ((Labels{{"__name__", "up"}}).ToString(), "up");
  EXPECT_EQ((Labels{{"a", "quote\" back\\ line\n tab\t \xC3\xA9 \xFF"}}).ToString(),
            "{a=\"quote\\\" back\\\\ line\\n tab\\t \xC3\xA9 \\xff\"}");
  EXPECT_EQ((Labels{{"__name__", "with.dot"}, {"a b", "1"}}).ToString(), R"({"with.dot", "a b"="1"})");
}

TEST(Labels, AreOrderedByTheirPairs) {
  EXPECT_LT((Labels{{"a", "1"}}), (Labels{{"a", "2"}}));
  EXPECT_LT(Labels(), (Labels{{"a", "1"}}));
  EXPECT_LT((Labels{{"a", "1"}}), (Labels{{"a", "1"}, {"b", "1"}}));
}

TEST(Names, ArePlainOrNot) {
  EXPECT_TRUE(IsPlainLabelName("_a1"));
  EXPECT_FALSE(IsPlainLabelName("1a"));
  EXPECT_FALSE(IsPlainLabelName("a:b"));
  EXPECT_FALSE(IsPlainLabelName(""));
  EXPECT_TRUE(IsPlainMetricName("a:b"));
  EXPECT_FALSE(IsPlainMetricName("a.b"));
}

}  // namespace
}  // namespace inferd::metrics
