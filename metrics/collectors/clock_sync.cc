#include "metrics/collectors/clock_sync.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "metrics/family.h"
#include "runtime/base/errno_text.h"

namespace inferd::metrics {

Result<> ClockCollector::Collect(MonotonicTime /*now*/, Families& families) {
  struct timex state {};  // modes 0: look and change nothing
  const int verdict = adjtimex_(&state);
  const int error = errno;
  std::error_code unknown;
  if (verdict < 0 && error == EPERM && std::filesystem::exists(timesyncd_, unknown)) {
    families.push_back(OneSeries(Metric::kClockSynchronized, std::filesystem::exists(timesyncd_ + "/synchronized", unknown) ? 1 : 0));
    return {};
  }
  if (verdict < 0) return Error(Code::kIo, "adjtimex: " + ErrnoText(error));
  const double unit = (state.status & STA_NANO) != 0 ? 1e-9 : 1e-6;
  families.push_back(OneSeries(Metric::kClockOffset, static_cast<double>(state.offset) * unit));
  families.push_back(OneSeries(Metric::kClockSynchronized, verdict != TIME_ERROR && (state.status & STA_UNSYNC) == 0 ? 1 : 0));
  return {};
}

}  // namespace inferd::metrics
