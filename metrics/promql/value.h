// What a query gives back. Plain values.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "metrics/series/querier.h"

namespace inferd::metrics::promql {

struct ScalarValue {
  Millis time = 0;
  double value = 0;
};

struct StringValue {
  Millis time = 0;
  std::string value;
};

struct VectorSample {
  Labels labels;
  Millis time = 0;
  double value = 0;
};
using Vector = std::vector<VectorSample>;  // in the order that sort, topk and the like gave it

struct Series {
  Labels labels;
  std::vector<Sample> samples;  // by time
};
using Matrix = std::vector<Series>;  // sorted by labels

using Value = std::variant<ScalarValue, StringValue, Vector, Matrix>;

struct QueryResult {
  Value value;
  std::vector<std::string> warnings;  // "PromQL warning: ..."; the answer is doubtful
  std::vector<std::string> infos;     // "PromQL info: ..."; the query may not mean what it says
};

}  // namespace inferd::metrics::promql
