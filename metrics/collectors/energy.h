// Shares the machine's measured energy among the models, so that joules per generated token can be computed. The counters come from other
// collectors; this one only divides.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metrics/collector.h"

namespace inferd::metrics {

// How `joules` spent in an interval are shared by models whose engines were busy for `busy_seconds` each in it: in proportion. An interval
// in which no engine was busy is charged to none, an interval with work is charged in full, waiting included: that is what the work cost.
std::vector<double> ShareEnergy(double joules, std::span<const double> busy_seconds);

class EnergyCollector final : public Collector {
 public:
  // A counter of joules, or nothing while it cannot be read. The first of `sources` that can be read is used.
  using Source = std::function<std::optional<double>()>;
  // Seconds that each engine has been busy in all, in the order of `models`.
  using BusySeconds = std::function<std::vector<double>()>;
  EnergyCollector(std::vector<std::string> models, std::vector<Source> sources, BusySeconds busy_seconds);

  std::string_view name() const override { return "energy"; }
  // kUnavailable while no source can be read.
  Result<> Collect(MonotonicTime now, Families& families) override;

 private:
  std::vector<std::string> models_;
  std::vector<Source> sources_;
  BusySeconds busy_seconds_;
  std::optional<std::size_t> source_;  // that last_joules_ was read from
  double last_joules_ = 0;
  std::vector<double> last_busy_;
  std::vector<double> joules_;  // by model
};

}  // namespace inferd::metrics
