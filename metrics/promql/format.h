// Numbers and durations as Prometheus reads and writes them. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "metrics/series/querier.h"

namespace inferd::metrics::promql {

// Shortest text that reads back as the same value, without an exponent: "1", "0.1", "+Inf", "-Inf", "NaN". In answers and as the label
// of count_values.
std::string FormatValue(double value);

// "1h30m", "5m", "250ms": units y w d h m s ms, each at most once and from the largest to the smallest. Nothing for anything else, and
// for what does not fit into 292 years.
std::optional<Millis> ParseDuration(std::string_view text);
std::string FormatDuration(Millis duration);

// A number as PromQL writes it: decimal, hexadecimal, octal with a leading 0, underscores between digits, Inf and NaN in any case.
std::optional<double> ParseNumber(std::string_view text);

}  // namespace inferd::metrics::promql
