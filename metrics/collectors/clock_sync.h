// Whether the system clock is synchronised, and how far it is off, as the kernel knows it (adjtimex(2)). A sandbox that keeps services away
// from the clock keeps them from asking, too; systemd-timesyncd's flag then says whether, though not how far.
#pragma once

#include <sys/timex.h>

#include <functional>
#include <string>
#include <utility>

#include "metrics/collector.h"

namespace inferd::metrics {

class ClockCollector final : public Collector {
 public:
  using Adjtimex = std::function<int(struct timex*)>;
  // `timesyncd`: the folder that systemd-timesyncd.service(8) keeps its file "synchronized" in.
  explicit ClockCollector(Adjtimex adjtimex = ::adjtimex, std::string timesyncd = "/run/systemd/timesync")
      : adjtimex_(std::move(adjtimex)), timesyncd_(std::move(timesyncd)) {}
  std::string_view name() const override { return "clock"; }
  Result<> Collect(MonotonicTime now, Families& families) override;

 private:
  const Adjtimex adjtimex_;
  const std::string timesyncd_;
};

}  // namespace inferd::metrics
