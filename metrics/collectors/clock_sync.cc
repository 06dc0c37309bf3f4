#include "metrics/collectors/clock_sync.h"

#include <cerrno>
#include <system_error>

#include "metrics/family.h"

namespace inferd::metrics {

Result<> ClockCollector::Collect(MonotonicTime /*now*/, Families& families) {
  struct timex state {};  // modes 0: look and change nothing
  const int verdict = adjtimex_(&state);
  if (verdict < 0) return Error(Code::kIo, "adjtimex: " + std::generic_category().message(errno));
  const double unit = (state.status & STA_NANO) != 0 ? 1e-9 : 1e-6;
  families.push_back(OneSeries(Metric::kClockOffset, static_cast<double>(state.offset) * unit));
  families.push_back(OneSeries(Metric::kClockSynchronized, verdict != TIME_ERROR && (state.status & STA_UNSYNC) == 0 ? 1 : 0));
  return {};
}

}  // namespace inferd::metrics
