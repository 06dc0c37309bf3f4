// What /metrics shows: the families of every registered source, in one order. Sources are asked at each scrape and read copies; none waits
// for the model. Collect may be called from several threads at once.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/collector.h"
#include "metrics/exemplars.h"
#include "metrics/exposition.h"
#include "metrics/series_budget.h"
#include "runtime/base/clock.h"

namespace inferd::metrics {

class Registry {
 public:
  // `most_series`: of one answer (series_budget.h). `note` hears of a source that begins to fail, or to work again; it may be empty.
  explicit Registry(std::size_t most_series = 20000, NoteSink note = {}) : note_(std::move(note)), budget_(most_series) {}

  // Before the first Collect. Sources must be thread-safe (prometheus::Collectable says so) and outlive the registry. `name`: a value of
  // the label collector in the catalogue.
  void Add(std::string_view name, const prometheus::Collectable& source) { sources_.push_back({name, source}); }

  // Sorted by name, with the registry's own account. A source that throws is left out, and inferd_collector_up says so.
  std::vector<prometheus::MetricFamily> Collect() const;
  // Label values that did not fit into the budget so far.
  std::uint64_t overflowed() const { return budget_.overflowed(); }

 private:
  struct Source {
    std::string_view name;
    const prometheus::Collectable& collectable;
  };
  // The families of one source; nothing when it throws.
  std::optional<std::vector<prometheus::MetricFamily>> Ask(const Source& source) const;

  const NoteSink note_;
  std::vector<Source> sources_;
  mutable SeriesBudget budget_;
  mutable std::mutex mutex_;
  mutable std::set<std::string_view> failing_;  // under mutex_
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
