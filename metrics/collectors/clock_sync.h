// Whether the system clock is synchronised, and how far it is off, as the kernel knows it (adjtimex(2)).
#pragma once

#include <sys/timex.h>

#include <functional>

#include "metrics/collector.h"

namespace inferd::metrics {

class ClockCollector final : public Collector {
 public:
  using Adjtimex = std::function<int(struct timex*)>;
  explicit ClockCollector(Adjtimex adjtimex = ::adjtimex) : adjtimex_(std::move(adjtimex)) {}
  std::string_view name() const override { return "clock"; }
  Result<> Collect(MonotonicTime now, Families& families) override;

 private:
  Adjtimex adjtimex_;
};

}  // namespace inferd::metrics
