// What /metrics shows: the families of every registered source, in one order. Sources are asked at each scrape and read copies; none waits
// for the model. Collect may be called from several threads at once.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/exemplars.h"
#include "metrics/exposition.h"
#include "metrics/series_budget.h"
#include "runtime/base/clock.h"

namespace inferd::metrics {

class Registry {
 public:
  // `most_series`: of one answer (series_budget.h).
  explicit Registry(std::size_t most_series = 20000) : budget_(most_series) {}

  // Sources must be thread-safe (prometheus::Collectable says so) and outlive the registry.
  void Add(const prometheus::Collectable& source) { sources_.push_back(&source); }

  // Sorted by name, with the registry's own account. A source that throws is left out; its failure is counted.
  std::vector<prometheus::MetricFamily> Collect() const;
  std::uint64_t failures() const { return failures_.load(); }
  // Label values that did not fit into the budget so far.
  std::uint64_t overflowed() const { return budget_.overflowed(); }

 private:
  std::vector<const prometheus::Collectable*> sources_;
  mutable std::atomic<std::uint64_t> failures_{0};
  mutable SeriesBudget budget_;
};

// Answers scrapes and measures its own cost. Thread-safe.
class Scraper final : public prometheus::Collectable {
 public:
  // All must outlive the scraper, which adds itself to the registry. `exemplars` may be nullptr.
  Scraper(Registry& registry, const Clock& clock, const ExemplarTable* exemplars = nullptr);

  // The body of one answer. `names`: only these families; empty for all.
  std::string Scrape(Format format, const std::vector<std::string>& names);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Registry& registry_;
  const Clock& clock_;
  const ExemplarTable* const exemplars_;
  std::atomic<std::uint64_t> scrapes_{0};
  prometheus::Histogram duration_;
};

}  // namespace inferd::metrics
