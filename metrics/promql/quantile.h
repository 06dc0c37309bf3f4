// Quantiles of plain values and of classic histograms, and sums that lose no small terms. Pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace inferd::metrics::promql {

// Sum with the compensation of Neumaier (Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, 1974).
class CompensatedSum {
 public:
  CompensatedSum() = default;
  explicit CompensatedSum(double start) : sum_(start) {}
  void Add(double value);
  double sum() const { return sum_; }
  double compensation() const { return compensation_; }
  double value() const;
  void Scale(double factor);

 private:
  double sum_ = 0;
  double compensation_ = 0;
};

// Mean that stays finite while the sum of finite values would not.
class RunningMean {
 public:
  void Add(double value);
  double value() const;  // requires at least one value

 private:
  CompensatedSum sum_;  // of the values; once they overflow, their mean
  double count_ = 0;
  bool incremental_ = false;
};

// Population variance in one pass (Welford 1962), with compensated sums.
class RunningVariance {
 public:
  void Add(double value);
  double value() const { return squares_.value() / count_; }  // requires at least one value

 private:
  CompensatedSum mean_;
  CompensatedSum squares_;
  double count_ = 0;
};

// The q-quantile with linear interpolation between the two nearest. q below 0 gives -Inf, above 1 +Inf, NaN or no values NaN. Values
// that are not numbers count as the smallest. Reorders `values`.
double Quantile(double q, std::span<double> values);

struct Bucket {
  double upper_bound = 0;
  double count = 0;  // cumulative
};

// What is computed from a classic histogram. `repaired`: counts that fell where they must rise were raised, which deserves a note.
struct BucketResult {
  double value = 0;
  bool repaired = false;
};
// Both sort `buckets` and change them. The last must reach +Inf, or the result is NaN.
BucketResult BucketQuantile(double q, std::vector<Bucket>& buckets);
// Share of observations between lower and upper.
double BucketFraction(double lower, double upper, std::vector<Bucket>& buckets);

}  // namespace inferd::metrics::promql
