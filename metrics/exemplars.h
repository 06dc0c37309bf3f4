// Exemplars: for a counter, or for each bucket of a histogram, one request that moved it lately. They lead from a figure to a trace and to
// a log line (OpenMetrics 1.0, "Exemplars"). prometheus-cpp has no room for them, so they live in a table beside its objects, by series.
// Series are added while the program starts; afterwards any thread may note and read.
#pragma once

#include <deque>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "metrics/catalogue.h"
#include "runtime/base/clock.h"

namespace inferd::metrics {

// Names and values of an exemplar's labels together may have this many code points.
inline constexpr std::size_t kExemplarCodePoints = 128;

// An exemplar's label set as the exposition writes it, without braces. A label that would go over the limit is left out.
std::string ExemplarLabels(std::initializer_list<std::pair<std::string_view, std::string_view>> labels);

struct Exemplar {
  std::string labels;  // ExemplarLabels
  double value = 0;    // what was observed, or added to the counter
  WallTime at{};
};

class ExemplarTable {
 public:
  // One series. A counter has one place, a histogram one for each bucket, +Inf included.
  class Series {
   public:
    explicit Series(Metric metric);
    // Takes the place of an older one; one that comes late is dropped, or Prometheus would refuse it as out of order.
    void Note(double value, const std::string& labels, WallTime at);
    // Into `places`, by bucket. Who reads one series after the other into the same vector allocates little.
    void Read(std::vector<std::optional<Exemplar>>& places) const;

   private:
    const MetricInfo& info_;
    mutable std::mutex mutex_;
    std::vector<std::optional<Exemplar>> places_;
  };

  // Label values in the catalogue's order. The series lives as long as the table.
  Series& Add(Metric metric, std::initializer_list<std::string_view> labels);

  // nullptr when no series of that name and those label values was added.
  const Series* Find(std::string_view name, const std::vector<std::string_view>& labels) const;
  // Whether any series of the family was added.
  bool Has(std::string_view name) const;

 private:
  std::deque<Series> series_;
  std::unordered_map<std::string, const Series*> by_key_;
  std::vector<std::string_view> names_;
};

}  // namespace inferd::metrics
