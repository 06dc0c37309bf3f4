// Shares the machine's measured energy among the models, so that joules per generated token can be computed: that of the processors, on
// which engines compute, and apart from it that of the GPUs, which says what those drew meanwhile and not what the tokens cost. The
// counters come from other collectors; this one only divides.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/collector.h"

namespace inferd::metrics {

// How `joules` spent in an interval are shared by models whose engines were busy for `busy_seconds` each in it: in proportion. An interval
// in which no engine was busy is charged to none, an interval with work is charged in full, waiting included: that is what the work cost.
std::vector<double> ShareEnergy(double joules, std::span<const double> busy_seconds);

class EnergyCollector final : public Collector {
 public:
  struct Source {
    std::string_view name;                        // value of the label source; one of the catalogue's
    std::function<std::optional<double>()> read;  // a counter of joules, or nothing while it cannot be read
  };
  // Seconds that each engine has been busy in all, the step in progress included, in the order of `models`. Between a step's end and its
  // being added up a reading may be low for a moment.
  using BusySeconds = std::function<std::vector<double>()>;
  EnergyCollector(std::vector<std::string> models, std::vector<Source> sources, BusySeconds busy_seconds);

  std::string_view name() const override { return "energy"; }
  // kUnavailable while no source can be read.
  Result<> Collect(MonotonicTime now, Families& families) override;

 private:
  std::vector<std::string> models_;
  std::vector<Source> sources_;
  BusySeconds busy_seconds_;
  // Of one source.
  struct Account {
    std::optional<double> last_joules;  // nothing while it cannot be read
    std::vector<double> joules;         // by model; empty until it was read for the first time
  };
  std::vector<Account> accounts_;
  std::vector<double> last_busy_;
};

}  // namespace inferd::metrics
