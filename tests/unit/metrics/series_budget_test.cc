#include "metrics/series_budget.h"

#include "gtest/gtest.h"
#include "metrics/family.h"
#include "metrics/registry.h"
#include "tests/unit/metrics/samples.h"

namespace inferd::metrics {
namespace {

using prometheus::MetricFamily;

// Free space of `paths` disks, a histogram of each of `models` models, and a family without labels.
std::vector<MetricFamily> Families(int paths, int models) {
  FamilyBuilder disks(Metric::kDiskFree), tokens(Metric::kEngineStepTokens);
  for (int i = 0; i < paths; ++i) disks.Add({"/disk" + std::to_string(i)}, 1 + i);
  prometheus::Histogram histogram(BucketsOf(Metric::kEngineStepTokens));
  histogram.Observe(3);
  for (int i = 0; i < models; ++i) tokens.Add({"m" + std::to_string(i)}, histogram);
  tokens.Add({"other"}, histogram);
  return {disks.Take(), tokens.Take(), OneSeries(Metric::kClockOffset, 5)};
}

std::size_t Cost(Metric histogram) { return BucketsOf(histogram).size() + 3; }

TEST(SeriesBudget, WhatFitsIsLeftAlone) {
  auto families = Families(3, 2);
  const auto before = SamplesOf(families);
  SeriesBudget budget(CountSeries(families));
  EXPECT_EQ(budget.Apply(families), 3 + 3 * Cost(Metric::kEngineStepTokens) + 1);
  EXPECT_EQ(SamplesOf(families), before);
  EXPECT_EQ(budget.overflowed(), 0U);
}

TEST(SeriesBudget, ValuesThatDoNotFitAreAddedUpUnderOther) {
  auto families = Families(100, 0);
  SeriesBudget budget(20 + Cost(Metric::kEngineStepTokens));
  EXPECT_LE(budget.Apply(families), 20 + Cost(Metric::kEngineStepTokens));
  const auto samples = SamplesOf(families);
  const std::string disk(NameOf(Metric::kDiskFree));
  EXPECT_EQ(samples.at(disk + "{path=/disk0}"), 1) << "the first ones are kept";
  EXPECT_FALSE(samples.contains(disk + "{path=/disk99}"));
  EXPECT_EQ(samples.at(disk + "{path=other}"), 100) << "the largest of the gauges, not their sum";
  EXPECT_EQ(samples.at(std::string(NameOf(Metric::kClockOffset))), 5);
  EXPECT_EQ(budget.overflowed(), 100 - (families[0].metric.size() - 1));
}

TEST(SeriesBudget, TheSameValuesAreKeptAtEveryScrape) {
  SeriesBudget budget(30);
  auto first = Families(100, 0);
  budget.Apply(first);
  const std::uint64_t overflowed = budget.overflowed();
  auto second = Families(100, 0);
  budget.Apply(second);
  EXPECT_EQ(SamplesOf(first), SamplesOf(second));
  EXPECT_EQ(budget.overflowed(), overflowed) << "a value counts once";
}

TEST(SeriesBudget, HistogramsMergeIntoTheOneThatIsThere) {
  auto families = Families(0, 10);
  const std::size_t cost = Cost(Metric::kEngineStepTokens);
  SeriesBudget budget(4 * cost);
  EXPECT_LE(budget.Apply(families), 4 * cost);
  const auto& other = families[1].metric.back();
  EXPECT_EQ(other.label[0].value, "other");
  EXPECT_EQ(other.histogram.sample_count, 1 + budget.overflowed());
  EXPECT_EQ(other.histogram.bucket.back().cumulative_count, 1 + budget.overflowed());
  EXPECT_GT(budget.overflowed(), 6U);
}

TEST(SeriesBudget, TheRegistryCountsWhatItShows) {
  struct Disks final : prometheus::Collectable {
    std::vector<MetricFamily> Collect() const override { return Families(50, 0); }
  } disks;
  Registry registry(30);
  registry.Add("disk", disks);
  const auto families = registry.Collect();
  const auto samples = SamplesOf(families);
  EXPECT_EQ(samples.at(std::string(NameOf(Metric::kSeries))), static_cast<double>(CountSeries(families)));
  EXPECT_GT(samples.at(std::string(NameOf(Metric::kLabelOverflow))), 0);
}

}  // namespace
}  // namespace inferd::metrics
