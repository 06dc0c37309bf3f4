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
      last_busy_(models_.size(), 0),
      joules_(models_.size(), 0) {}

Result<> EnergyCollector::Collect(MonotonicTime /*now*/, Families& families) {
  std::optional<double> joules;
  std::size_t source = 0;
  for (; source < sources_.size() && !joules; ++source) joules = sources_[source]();
  // Nothing is shown on a machine that never told its energy: a zero would say that the tokens were free.
  if (!joules && !source_) return Error(Code::kUnavailable, "neither processor nor GPU tells its energy");

  const std::vector<double> busy = busy_seconds_();
  std::vector<double> worked(models_.size(), 0);
  for (std::size_t m = 0; m < models_.size() && m < busy.size(); ++m) worked[m] = std::max(0.0, busy[m] - last_busy_[m]);
  if (joules) {
    // Counters of two sources have nothing to do with each other, and one that was reset starts anew.
    if (source_ == source) {
      const std::vector<double> shares = ShareEnergy(*joules - last_joules_, worked);
      for (std::size_t m = 0; m < models_.size(); ++m) joules_[m] += shares[m];
    }
    source_ = source;
    last_joules_ = *joules;
    last_busy_ = busy;
    last_busy_.resize(models_.size(), 0);
  }
  FamilyBuilder energy(Metric::kEnergy);
  for (std::size_t m = 0; m < models_.size(); ++m) energy.Add({models_[m]}, joules_[m]);
  families.push_back(energy.Take());
  if (!joules) return Error(Code::kUnavailable, "neither processor nor GPU tells its energy any more");
  return {};
}

}  // namespace inferd::metrics
