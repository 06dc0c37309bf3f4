// Moments and durations as parameters of Prometheus's HTTP API. Pure; nothing for what is neither.
#pragma once

#include <optional>
#include <string_view>

#include "metrics/series/querier.h"

namespace inferd::daemon {

// Seconds since 1970 with decimals, or RFC 3339: "2015-07-01T20:10:30.781Z", "2015-07-01T22:10:30+02:00".
std::optional<metrics::Millis> ParseQueryTime(std::string_view text);

// Seconds with decimals, or a duration of PromQL: "1h30m".
std::optional<metrics::Millis> ParseQueryDuration(std::string_view text);

}  // namespace inferd::daemon
