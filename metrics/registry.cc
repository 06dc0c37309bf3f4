#include "metrics/registry.h"

#include <algorithm>
#include <exception>
#include <iterator>

#include "metrics/family.h"

namespace inferd::metrics {

std::vector<prometheus::MetricFamily> Registry::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  for (const prometheus::Collectable* source : sources_) {
    try {
      auto collected = source->Collect();
      families.insert(families.end(), std::make_move_iterator(collected.begin()), std::make_move_iterator(collected.end()));
    } catch (const std::exception&) {
      // An exception that left a server's thread would end the process; one source less is the smaller loss.
      failures_.fetch_add(1);
    }
  }
  const auto sort = [&] { std::sort(families.begin(), families.end(), [](const auto& a, const auto& b) { return a.name < b.name; }); };
  sort();  // the budget keeps what comes first
  constexpr std::size_t kOwn = 2;
  const std::size_t series = budget_.Apply(families) + kOwn;
  families.push_back(OneSeries(Metric::kSeries, static_cast<double>(series)));
  families.push_back(OneSeries(Metric::kLabelOverflow, static_cast<double>(budget_.overflowed())));
  sort();
  return families;
}

Scraper::Scraper(Registry& registry, const Clock& clock, const ExemplarTable* exemplars)
    : registry_(registry), clock_(clock), exemplars_(exemplars), duration_(BucketsOf(Metric::kScrapeDuration)) {
  registry.Add(*this);
}

std::string Scraper::Scrape(Format format, const std::vector<std::string>& names) {
  const MonotonicTime start = clock_.Now();
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  if (!names.empty()) {
    std::erase_if(families, [&](const auto& family) { return std::find(names.begin(), names.end(), family.name) == names.end(); });
  }
  std::string text = Render(families, format, exemplars_);
  scrapes_.fetch_add(1);
  duration_.Observe(ToSeconds(clock_.Now() - start));
  return text;
}

std::vector<prometheus::MetricFamily> Scraper::Collect() const {
  FamilyBuilder scrapes(Metric::kScrapes);
  scrapes.Add({}, static_cast<double>(scrapes_.load()));
  FamilyBuilder duration(Metric::kScrapeDuration);
  duration.Add({}, duration_);
  return {scrapes.Take(), duration.Take()};
}

}  // namespace inferd::metrics
