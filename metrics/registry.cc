#include "metrics/registry.h"

#include <algorithm>
#include <exception>
#include <iterator>

#include "metrics/family.h"

namespace inferd::metrics {

namespace {

// Families of the same name become one: the exposition wants each in one piece, and several sources may give series of it. `families` are
// sorted by name.
void Join(std::vector<prometheus::MetricFamily>& families) {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < families.size(); ++i) {
    auto& from = families[i].metric;
    if (families[i].name == families[kept].name) {
      auto& to = families[kept].metric;
      to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    } else if (++kept != i) {
      families[kept] = std::move(families[i]);
    }
  }
  if (!families.empty()) families.resize(kept + 1);
}

}  // namespace

std::optional<std::vector<prometheus::MetricFamily>> Registry::Ask(const Source& source) const {
  std::optional<std::vector<prometheus::MetricFamily>> families;
  std::string trouble;
  try {
    families = source.collectable.Collect();
  } catch (const std::exception& error) {
    // An exception that left a server's thread would end the process; one source less is the smaller loss.
    trouble = error.what();
  }
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    changed = families ? failing_.erase(source.name) > 0 : failing_.insert(source.name).second;
  }
  if (changed && note_) {
    const std::string who = "metrics of " + std::string(source.name);
    if (families) {
      note_(NoteLevel::kInfo, who + ": there again");
    } else {
      note_(NoteLevel::kWarning, who + " are missing: " + trouble);
    }
  }
  return families;
}

std::vector<prometheus::MetricFamily> Registry::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  FamilyBuilder up(Metric::kCollectorUp);
  for (const Source& source : sources_) {
    auto collected = Ask(source);
    up.Add({source.name}, collected ? 1 : 0);
    if (collected) families.insert(families.end(), std::make_move_iterator(collected->begin()), std::make_move_iterator(collected->end()));
  }
  families.push_back(up.Take());
  const auto sort = [&] {
    std::stable_sort(families.begin(), families.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  };
  sort();  // the budget keeps what comes first
  Join(families);
  constexpr std::size_t kOwn = 2;
  const std::size_t series = budget_.Apply(families) + kOwn;
  families.push_back(OneSeries(Metric::kSeries, static_cast<double>(series)));
  families.push_back(OneSeries(Metric::kLabelOverflow, static_cast<double>(budget_.overflowed())));
  sort();
  return families;
}

Scraper::Scraper(Registry& registry, const Clock& clock, const ExemplarTable* exemplars)
    : registry_(registry), clock_(clock), exemplars_(exemplars), duration_(BucketsOf(Metric::kScrapeDuration)) {
  registry.Add("scrapes", *this);
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
