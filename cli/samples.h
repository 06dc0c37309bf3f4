// A set of measured values and what one wants to know of it. Keeps every value (4 bytes each), so percentiles are exact.
#pragma once

#include <cstddef>
#include <vector>

namespace inferd::cli {

struct Summary {
  std::size_t count = 0;
  double mean = 0, p50 = 0, p90 = 0, p95 = 0, p99 = 0, max = 0;  // 0 when there is no value
};

class Samples {
 public:
  void Add(double value) { values_.push_back(static_cast<float>(value)); }
  std::size_t count() const { return values_.size(); }
  Summary Summarize() const;

 private:
  std::vector<float> values_;
};

// The value of rank ceil(quantile x n) of ascending values (nearest rank); quantile in (0, 1]. Requires a value.
double NearestRank(const std::vector<float>& ascending, double quantile);

}  // namespace inferd::cli
