#include "cli/samples.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace inferd::cli {

double NearestRank(const std::vector<float>& ascending, double quantile) {
  assert(!ascending.empty() && quantile > 0 && quantile <= 1);
  // 0.9 x 10 is a little more than 9 in binary: without the tolerance its rank would be 10.
  const auto rank = static_cast<std::size_t>(std::ceil(quantile * static_cast<double>(ascending.size()) - 1e-9));
  return static_cast<double>(ascending[std::clamp<std::size_t>(rank, 1, ascending.size()) - 1]);
}

Summary Samples::Summarize() const {
  if (values_.empty()) return {};
  std::vector<float> sorted = values_;
  std::ranges::sort(sorted);
  Summary summary;
  summary.count = sorted.size();
  summary.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(sorted.size());
  summary.p50 = NearestRank(sorted, 0.50);
  summary.p90 = NearestRank(sorted, 0.90);
  summary.p95 = NearestRank(sorted, 0.95);
  summary.p99 = NearestRank(sorted, 0.99);
  summary.max = static_cast<double>(sorted.back());
  return summary;
}

}  // namespace inferd::cli
