#include "metrics/promql/memory_series.h"

#include <algorithm>
#include <utility>

namespace inferd::metrics::promql {
namespace {

class Selected final : public SeriesSet {
 public:
  using Entry = std::pair<Labels, std::shared_ptr<const std::vector<Sample>>>;
  explicit Selected(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  std::size_t size() const override { return entries_.size(); }
  const Labels& labels(std::size_t series) const override { return entries_[series].first; }
  void Read(std::size_t series, Millis from, Millis to, std::vector<Sample>& out) const override {
    const auto& samples = *entries_[series].second;
    const auto first = std::ranges::lower_bound(samples, from, {}, &Sample::time);
    const auto last = std::ranges::upper_bound(samples, to, {}, &Sample::time);
    if (first < last) out.insert(out.end(), first, last);
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace

void MemorySeries::Add(const Labels& labels, Sample sample) {
  auto& samples = series_[labels];
  // A selection may hold the vector: then the change goes into a copy.
  if (!samples || samples.use_count() > 1) samples = std::make_shared<std::vector<Sample>>(samples ? *samples : std::vector<Sample>());
  const auto place = std::ranges::lower_bound(*samples, sample.time, {}, &Sample::time);
  if (place != samples->end() && place->time == sample.time) {
    *place = sample;
  } else {
    samples->insert(place, sample);
  }
}

std::unique_ptr<SeriesSet> MemorySeries::Select(std::span<const Matcher> matchers, Millis from, Millis to) const {
  std::vector<Selected::Entry> entries;
  for (const auto& [labels, samples] : series_) {
    if (samples->empty() || samples->front().time > to || samples->back().time < from) continue;
    if (MatchesAll(matchers, labels)) entries.emplace_back(labels, samples);
  }
  return std::make_unique<Selected>(std::move(entries));
}

}  // namespace inferd::metrics::promql
