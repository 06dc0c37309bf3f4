#include "metrics/collectors/energy.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "metrics/family.h"

namespace inferd::metrics {

std::vector<double> ShareEnergy(double joules, std::span<const double> busy_seconds) {
  std::vector<double> shares(busy_seconds.size(), 0);
  const double all = std::accumulate(busy_seconds.begin(), busy_seconds.end(), 0.0);
  if (all <= 0 || joules <= 0) return shares;
  std::transform(busy_seconds.begin(), busy_seconds.end(), shares.begin(), [&](double busy) { return joules * busy / all; });
  return shares;
}

EnergyCollector::EnergyCollector(std::vector<std::string> models, std::vector<Source> sources, BusySeconds busy_seconds)
    : models_(std::move(models)),
      sources_(std::move(sources)),
      busy_seconds_(std::move(busy_seconds)),
      accounts_(sources_.size()),
      last_busy_(models_.size(), 0) {}

Result<> EnergyCollector::Collect(MonotonicTime /*now*/, Families& families) {
  std::vector<double> busy = busy_seconds_();
  busy.resize(models_.size(), 0);
  std::vector<double> worked(models_.size(), 0);
  for (std::size_t m = 0; m < models_.size(); ++m) {
    worked[m] = std::max(0.0, busy[m] - last_busy_[m]);
    // A low reading must not make the same work count twice.
    last_busy_[m] = std::max(last_busy_[m], busy[m]);
  }

  FamilyBuilder energy(Metric::kEnergy);
  bool any = false;
  for (std::size_t s = 0; s < sources_.size(); ++s) {
    Account& account = accounts_[s];
    const std::optional<double> joules = sources_[s].read();
    if (joules) {
      any = true;
      account.joules.resize(models_.size(), 0);
      // After a gap the counter may be another one's: it starts anew.
      if (account.last_joules) {
        const std::vector<double> shares = ShareEnergy(*joules - *account.last_joules, worked);
        for (std::size_t m = 0; m < models_.size(); ++m) account.joules[m] += shares[m];
      }
    }
    account.last_joules = joules;
    // Nothing is shown of what was never told: a zero would say that the tokens were free.
    for (std::size_t m = 0; m < account.joules.size(); ++m) energy.Add({models_[m], sources_[s].name}, account.joules[m]);
  }
  prometheus::MetricFamily family = energy.Take();
  if (!family.metric.empty()) families.push_back(std::move(family));
  if (!any) return Error(Code::kUnavailable, "neither processor nor GPU tells its energy");
  return {};
}

}  // namespace inferd::metrics
