// The table of PromQL's functions: name, argument types, result type and what computes it. The parser checks calls by it, the evaluator
// runs them by it. Holds every function of Prometheus 3.5 that is not experimental; those that read native histograms find none in float
// samples and give an empty vector.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "metrics/promql/ast.h"
#include "metrics/series/querier.h"

namespace inferd::metrics::promql {

// What a function over a range vector sees of one series at one step: samples with start < time <= end, no stale markers among them.
struct Window {
  std::span<const Sample> samples;  // at least one
  Millis start = 0;
  Millis end = 0;
  Millis now = 0;        // the step's time, without the selector's offset
  double parameter = 0;  // the scalar argument, for functions with one
};

using MathFunction = double (*)(double value);                          // of each sample of a vector; without argument: of time()
using RangeFunction = std::optional<double> (*)(const Window& window);  // nothing: the series has no result at this step

// Those whose arguments or results do not fit one of the patterns above.
enum class Special : std::uint8_t {
  kAbsent,
  kAbsentOverTime,
  kClamp,
  kClampMax,
  kClampMin,
  kHistogramFraction,
  kHistogramQuantile,
  kLabelJoin,
  kLabelReplace,
  kNativeHistogram,  // nothing for floats
  kPi,
  kRound,
  kScalar,
  kSort,
  kSortDesc,
  kTime,
  kTimestamp,
  kVector,
};

struct Function {
  std::string_view name;
  std::array<ValueType, 5> arguments{};
  std::size_t argument_count = 0;
  int optional = 0;  // of the arguments, how many may be left out; -1: the last may be given any number of times, or never
  ValueType result = ValueType::kVector;
  std::variant<MathFunction, RangeFunction, Special> implementation;
  // Its value depends on the step's time even when its arguments do not.
  bool depends_on_step = false;
};

std::span<const Function> Functions();
const Function* FindFunction(std::string_view name);

// Whether Prometheus 3.5 has this function, or aggregation, behind its flag for experimental ones.
bool IsExperimental(std::string_view name);

}  // namespace inferd::metrics::promql
