// Evidence that outlives the moment: a text saved to the state directory before a stalled daemon is ended, and when a critical alert fires.
// Bounded in number and bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/views.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::daemon {

struct FlightDataLimits {
  std::size_t files = 8;
  std::uint64_t bytes = 16U << 20U;  // of all files together, and of one
};

// Writes `text` to a new file flight-YYYYMMDDTHHMMSS.mmmZ.txt in `folder`, which is made when it is missing; whoever looks sees the whole
// file or none. Then removes the oldest files over the limits, never the new one. The new file's path. kIo when it cannot be written,
// kResourceExhausted when it alone is over the limit. Thread-safe.
Result<std::string> SaveFlightData(const std::string& folder, std::string_view text, WallTime now, const FlightDataLimits& limits = {});

// What is seen of the engines from outside: a stalled one cannot be asked. `why` heads it. Comment lines of Prometheus's text format, so
// that an exposition may follow and its tools read the whole.
std::string EnginesAsComments(const Views& views, std::string_view why);

}  // namespace inferd::daemon
