// The short way in which tests of rules and queries write series: `name{a="b"} 1 2+3x4 _ _x2 stale`
// (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series). Pure functions.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "metrics/series/labels.h"
#include "runtime/base/status.h"

namespace inferd::metrics::promql {

struct NotedValue {
  enum class Kind : std::uint8_t { kValue, kNone, kNativeHistogram };
  Kind kind = Kind::kValue;
  double value = 0;  // may be the stale marker
};

struct NotedSeries {
  Labels labels;
  std::vector<NotedValue> values;
};

// "1 2+3x4 _": 2+3x4 is 2, 5, 8, 11, 14; 1x3 is four ones; _x3 is three gaps. Fails with what is malformed, and for more than a million
// values.
Result<std::vector<NotedValue>> ParseNotedValues(std::string_view text);

Result<NotedSeries> ParseNotedSeries(std::string_view line);

}  // namespace inferd::metrics::promql
