#include "metrics/promql/quantile.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace inferd::metrics::promql {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double QuantileOf(double q, std::vector<double> values) { return Quantile(q, values); }
double BucketQuantileOf(double q, std::vector<Bucket> buckets) { return BucketQuantile(q, buckets).value; }

TEST(CompensatedSum, LosesNoSmallTerms) {
  CompensatedSum sum;
  for (const double v : {1.0, 1e100, 1.0, -1e100}) sum.Add(v);
  EXPECT_EQ(sum.value(), 2);
}

TEST(RunningMean, StaysFinite) {
  RunningMean mean;
  for (int i = 0; i < 3; ++i) mean.Add(std::numeric_limits<double>::max());
  EXPECT_DOUBLE_EQ(mean.value(), std::numeric_limits<double>::max());
}

TEST(RunningMean, OfInfinitiesIsInfiniteOrNothing) {
  RunningMean up;
  for (const double v : {1.0, kInfinity, 5.0}) up.Add(v);
  EXPECT_EQ(up.value(), kInfinity);
  up.Add(-kInfinity);
  EXPECT_TRUE(std::isnan(up.value()));
}

TEST(RunningVariance, IsThePopulations) {
  RunningVariance variance;
  for (const double v : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) variance.Add(v);
  EXPECT_DOUBLE_EQ(variance.value(), 4);
}

TEST(Quantile, InterpolatesBetweenTheNearest) {
  EXPECT_DOUBLE_EQ(QuantileOf(0.5, {3, 1, 2}), 2);
  EXPECT_DOUBLE_EQ(QuantileOf(0.5, {1, 2}), 1.5);
  EXPECT_DOUBLE_EQ(QuantileOf(0, {1, 2}), 1);
  EXPECT_DOUBLE_EQ(QuantileOf(1, {1, 2}), 2);
  EXPECT_EQ(QuantileOf(-0.1, {1}), -kInfinity);
  EXPECT_EQ(QuantileOf(1.1, {1}), kInfinity);
  EXPECT_TRUE(std::isnan(QuantileOf(0.5, {})));
  EXPECT_TRUE(std::isnan(QuantileOf(std::nan(""), {1})));
  EXPECT_TRUE(std::isnan(QuantileOf(0, {1, std::nan("")}))) << "what is no number is the smallest";
}

TEST(BucketQuantile, InterpolatesInsideABucket) {
  const std::vector<Bucket> buckets = {{1, 2}, {2, 6}, {4, 8}, {kInfinity, 10}};
  EXPECT_DOUBLE_EQ(BucketQuantileOf(0.4, buckets), 1.5);  // the 4th of 10: half of (1, 2]
  EXPECT_DOUBLE_EQ(BucketQuantileOf(0.1, buckets), 0.5);  // the first bucket starts at 0
  EXPECT_DOUBLE_EQ(BucketQuantileOf(0.95, buckets), 4);   // the last finite bound, beyond it nothing is known
  EXPECT_EQ(BucketQuantileOf(-1, buckets), -kInfinity);
  EXPECT_EQ(BucketQuantileOf(2, buckets), kInfinity);
}

TEST(BucketQuantile, NeedsSoundBuckets) {
  EXPECT_TRUE(std::isnan(BucketQuantileOf(0.5, {{1, 2}, {2, 6}})));          // no +Inf
  EXPECT_TRUE(std::isnan(BucketQuantileOf(0.5, {{kInfinity, 6}})));          // nothing but +Inf
  EXPECT_TRUE(std::isnan(BucketQuantileOf(0.5, {{1, 0}, {kInfinity, 0}})));  // no observations
  EXPECT_DOUBLE_EQ(BucketQuantileOf(0.5, {{1, std::nan("")}, {2, std::nan("")}, {kInfinity, std::nan("")}}), 2)
      << "as in Prometheus: beyond all bounds";
  EXPECT_DOUBLE_EQ(BucketQuantileOf(0.1, {{-1, 5}, {kInfinity, 10}}), -1);  // a first bucket below 0 has no start
}

TEST(BucketQuantile, RaisesCountsThatFall) {
  std::vector<Bucket> falling = {{1, 10}, {2, 5}, {kInfinity, 12}};
  EXPECT_TRUE(BucketQuantile(0.9, falling).repaired);
  std::vector<Bucket> rounding = {{1, 10}, {2, 10 - 1e-13}, {kInfinity, 12}};
  EXPECT_FALSE(BucketQuantile(0.9, rounding).repaired) << "the error of arithmetic is no fault of the data";
}

TEST(BucketFraction, IsTheShareBetween) {
  std::vector<Bucket> buckets = {{1, 2}, {2, 6}, {4, 8}, {kInfinity, 10}};
  EXPECT_DOUBLE_EQ(BucketFraction(1, 2, buckets), 0.4);
  EXPECT_DOUBLE_EQ(BucketFraction(0, 1.5, buckets), 0.4);
  EXPECT_DOUBLE_EQ(BucketFraction(-kInfinity, kInfinity, buckets), 1);
  EXPECT_DOUBLE_EQ(BucketFraction(2, 1, buckets), 0);
  EXPECT_TRUE(std::isnan(BucketFraction(std::nan(""), 1, buckets)));
}

}  // namespace
}  // namespace inferd::metrics::promql
