// Keeps the number of series in an answer of /metrics bounded. Most labels have a closed set of values (catalogue.h); values of the others,
// such as model, path or gpu, come from the configuration and the machine, and are few until the day they are not. When the series go over
// the budget, values that do not fit become "other": counters and histograms are added up, of gauges the largest stays. Values that appear
// first in the answer are kept first, and sources give them in a fixed order, so the same ones are kept at every scrape. Thread-safe.
#pragma once

#include <prometheus/metric_family.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace inferd::metrics {

// A histogram counts as one for each bucket, and two.
std::size_t CountSeries(std::span<const prometheus::MetricFamily> families);

class SeriesBudget {
 public:
  explicit SeriesBudget(std::size_t most) : most_(most) {}

  // How many series there are in the end.
  std::size_t Apply(std::vector<prometheus::MetricFamily>& families);

  // Label values, or combinations of them, that ever became "other".
  std::uint64_t overflowed() const { return overflowed_.load(); }

 private:
  const std::size_t most_;
  std::atomic<std::uint64_t> overflowed_{0};
  std::mutex mutex_;
  std::unordered_set<std::string> refused_;  // under mutex_
};

}  // namespace inferd::metrics
