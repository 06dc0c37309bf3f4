// What /metrics shows: the families of every registered source, in one order. Sources are asked at each scrape and read copies; none waits
// for the model. Collect may be called from several threads at once.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/exposition.h"
#include "runtime/base/clock.h"

namespace inferd::metrics {

class Registry {
 public:
  // Sources must be thread-safe (prometheus::Collectable says so) and outlive the registry.
  void Add(const prometheus::Collectable& source) { sources_.push_back(&source); }

  // Sorted by name. A source that throws is left out; its failure is counted.
  std::vector<prometheus::MetricFamily> Collect() const;
  std::uint64_t failures() const { return failures_.load(); }

 private:
  std::vector<const prometheus::Collectable*> sources_;
  mutable std::atomic<std::uint64_t> failures_{0};
};

// Answers scrapes and measures its own cost. Thread-safe.
class Scraper final : public prometheus::Collectable {
 public:
  // The clock and the registry must outlive the scraper, which adds itself to the registry.
  Scraper(Registry& registry, const Clock& clock);

  // The body of one answer. `names`: only these families; empty for all.
  std::string Scrape(Format format, const std::vector<std::string>& names);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Registry& registry_;
  const Clock& clock_;
  std::atomic<std::uint64_t> scrapes_{0};
  prometheus::Histogram duration_;
};

}  // namespace inferd::metrics
