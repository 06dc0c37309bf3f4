// Series kept as plain vectors: the data of test scripts and rule tests.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "metrics/series/querier.h"

namespace inferd::metrics::promql {

// Not thread-safe while it is changed; what Select gave stays as it was.
class MemorySeries final : public Querier {
 public:
  // Puts the sample in its place by time; one of the same time is replaced.
  void Add(const Labels& labels, Sample sample);
  void Clear() { series_.clear(); }

  std::unique_ptr<SeriesSet> Select(std::span<const Matcher> matchers, Millis from, Millis to) const override;

 private:
  std::map<Labels, std::shared_ptr<std::vector<Sample>>> series_;
};

}  // namespace inferd::metrics::promql
