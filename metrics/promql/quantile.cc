#include "metrics/promql/quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace inferd::metrics::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Differences between cumulative counts that are smaller than this, relatively, come from arithmetic and not from the data.
constexpr double kSmallDelta = 1e-12;

bool AlmostEqual(double a, double b) {
  if (a == b) return true;
  const double total = std::abs(a) + std::abs(b);
  const double difference = std::abs(a - b);
  constexpr double kMinNormal = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || total < kMinNormal) return difference < kSmallDelta * kMinNormal;
  return difference / std::min(total, std::numeric_limits<double>::max()) < kSmallDelta;
}

// Buckets of one bound become one.
void MergeEqualBounds(std::vector<Bucket>& buckets) {
  std::size_t last = 0;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper_bound == buckets[last].upper_bound) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  buckets.resize(last + 1);
}

// Cumulative counts must not fall. Gives whether some fell by more than arithmetic explains.
bool MakeMonotonic(std::vector<Bucket>& buckets) {
  bool repaired = false;
  double highest = buckets[0].count;
  for (Bucket& bucket : buckets) {
    if (bucket.count == highest) continue;
    if (AlmostEqual(highest, bucket.count)) {
      bucket.count = highest;
    } else if (bucket.count < highest) {
      bucket.count = highest;
      repaired = true;
    } else {
      highest = bucket.count;
    }
  }
  return repaired;
}

// Sorts; false when there is no +Inf bucket.
bool Arrange(std::vector<Bucket>& buckets) {
  std::ranges::stable_sort(buckets, {}, &Bucket::upper_bound);
  return !buckets.empty() && buckets.back().upper_bound == kInfinity;
}

}  // namespace

void CompensatedSum::Add(double value) {
  const double total = sum_ + value;
  if (std::isinf(total)) {
    compensation_ = 0;
  } else if (std::abs(sum_) >= std::abs(value)) {
    compensation_ += (sum_ - total) + value;
  } else {
    compensation_ += (value - total) + sum_;
  }
  sum_ = total;
}

double CompensatedSum::value() const { return std::isinf(sum_) ? sum_ : sum_ + compensation_; }

void CompensatedSum::Scale(double factor) {
  sum_ *= factor;
  compensation_ *= factor;
}

void RunningMean::Add(double value) {
  count_ += 1;
  if (!incremental_) {
    CompensatedSum next = count_ == 1 ? CompensatedSum(value) : sum_;
    if (count_ > 1) next.Add(value);
    if (count_ == 1 || !std::isinf(next.sum())) {
      sum_ = next;
      return;
    }
    incremental_ = true;
    sum_.Scale(1 / (count_ - 1));
  }
  sum_.Scale((count_ - 1) / count_);
  sum_.Add(value / count_);
}

double RunningMean::value() const {
  if (incremental_) return sum_.sum() + sum_.compensation();
  return sum_.sum() / count_ + sum_.compensation() / count_;
}

void RunningVariance::Add(double value) {
  count_ += 1;
  const double delta = value - (mean_.sum() + mean_.compensation());
  mean_.Add(delta / count_);
  squares_.Add(delta * (value - (mean_.sum() + mean_.compensation())));
}

double Quantile(double q, std::span<double> values) {
  if (values.empty() || std::isnan(q)) return kNan;
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  std::ranges::sort(values, [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; });
  const double rank = q * (static_cast<double>(values.size()) - 1);
  const double lower = std::max(0.0, std::floor(rank));
  const double upper = std::min(static_cast<double>(values.size()) - 1, lower + 1);
  const double weight = rank - std::floor(rank);
  return values[static_cast<std::size_t>(lower)] * (1 - weight) + values[static_cast<std::size_t>(upper)] * weight;
}

BucketResult BucketQuantile(double q, std::vector<Bucket>& buckets) {
  if (std::isnan(q)) return {kNan};
  if (q < 0) return {-kInfinity};
  if (q > 1) return {kInfinity};
  if (!Arrange(buckets)) return {kNan};
  MergeEqualBounds(buckets);
  const bool repaired = MakeMonotonic(buckets);
  if (buckets.size() < 2 || buckets.back().count == 0) return {kNan, repaired};
  double rank = q * buckets.back().count;
  const auto last = buckets.end() - 1;
  const auto found = std::ranges::find_if(buckets.begin(), last, [&](const Bucket& bucket) { return bucket.count >= rank; });
  if (found == last) return {(last - 1)->upper_bound, repaired};
  if (found == buckets.begin() && found->upper_bound <= 0) return {found->upper_bound, repaired};
  double start = 0;
  double count = found->count;
  if (found != buckets.begin()) {
    start = (found - 1)->upper_bound;
    count -= (found - 1)->count;
    rank -= (found - 1)->count;
  }
  return {start + (found->upper_bound - start) * (rank / count), repaired};
}

double BucketFraction(double lower, double upper, std::vector<Bucket>& buckets) {
  if (!Arrange(buckets)) return kNan;
  MergeEqualBounds(buckets);
  const double total = buckets.back().count;
  if (total == 0 || std::isnan(total) || std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  // How many observations lie below a value, by linear interpolation inside its bucket. The first bucket starts at 0, or, when it ends at
  // or below 0, has no start: then nothing inside it can be placed.
  const auto below = [&](double value) {
    double previous = 0;
    double start = buckets[0].upper_bound > 0 ? 0 : -kInfinity;
    for (const Bucket& bucket : buckets) {
      if (value <= start) return previous;
      if (value <= bucket.upper_bound) {
        if (value == bucket.upper_bound) return bucket.count;
        if (std::isinf(start)) return previous;
        if (std::isinf(bucket.upper_bound)) return previous;
        return previous + (bucket.count - previous) * (value - start) / (bucket.upper_bound - start);
      }
      previous = bucket.count;
      start = bucket.upper_bound;
    }
    return previous;
  };
  return (std::min(below(upper), total) - std::min(below(lower), total)) / total;
}

}  // namespace inferd::metrics::promql
