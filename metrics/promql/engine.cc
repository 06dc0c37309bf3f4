#include "metrics/promql/engine.h"

#include <algorithm>
#include <string>
#include <utility>

#include "metrics/promql/evaluator.h"

namespace inferd::metrics::promql {
namespace {

QueryResult WithNotes(Value value, const Evaluator& evaluator) {
  return {.value = std::move(value),
          .warnings = {evaluator.warnings().begin(), evaluator.warnings().end()},
          .infos = {evaluator.infos().begin(), evaluator.infos().end()}};
}

Vector ToVector(const StepMatrix& matrix, Millis time) {
  Vector vector;
  vector.reserve(matrix.rows());
  for (std::size_t row = 0; row < matrix.rows(); ++row) {
    const double value = matrix.Row(row)[0];
    if (!IsAbsent(value)) vector.push_back({matrix.labels(row), time, value});
  }
  return vector;
}

Matrix ToMatrix(const StepMatrix& rows, const Steps& steps) {
  Matrix matrix;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const auto values = rows.Row(row);
    Series series{.labels = rows.labels(row), .samples = {}};
    for (std::size_t step = 0; step < values.size(); ++step) {
      if (!IsAbsent(values[step])) series.samples.push_back({steps.At(step), values[step]});
    }
    if (!series.samples.empty()) matrix.push_back(std::move(series));
  }
  std::ranges::sort(matrix, {}, &Series::labels);
  return matrix;
}

// The samples of a range vector as they are: what an instant query of "metric[5m]" shows.
Matrix RawSamples(const RangeInput& input, const Steps& steps) {
  Matrix matrix;
  for (std::size_t i = 0; i < input.size(); ++i) {
    Series series{.labels = input.labels(i), .samples = {}};
    input.Load(i, series.samples);
    std::erase_if(series.samples, [&](const Sample& s) { return s.time <= input.Start(steps, 0) || s.time > input.End(steps, 0); });
    if (!series.samples.empty()) matrix.push_back(std::move(series));
  }
  std::ranges::sort(matrix, {}, &Series::labels);
  return matrix;
}

}  // namespace

Result<QueryResult> QueryInstant(const Node& expr, const Querier& querier, Millis time, const EngineOptions& options) {
  Evaluator evaluator(querier, options, time, time);
  const Steps steps{.start = time};
  switch (expr.type) {
    case ValueType::kString: return WithNotes(StringValue{time, Unwrapped(expr).Get<Text>()->value}, evaluator);
    case ValueType::kScalar: {
      INFERD_ASSIGN_OR_RETURN(const auto values, evaluator.Scalar(expr, steps));
      return WithNotes(ScalarValue{time, values[0]}, evaluator);
    }
    case ValueType::kVector: {
      INFERD_ASSIGN_OR_RETURN(const StepMatrix matrix, evaluator.Vector(expr, steps));
      return WithNotes(ToVector(matrix, time), evaluator);
    }
    case ValueType::kMatrix: {
      INFERD_ASSIGN_OR_RETURN(const RangeInput input, evaluator.Range(expr, steps));
      return WithNotes(RawSamples(input, steps), evaluator);
    }
  }
  return Error(Code::kInternal, "unknown type of expression");
}

Result<QueryResult> QueryRange(const Node& expr, const Querier& querier, Millis start, Millis end, Millis step,
                               const EngineOptions& options) {
  if (expr.type != ValueType::kScalar && expr.type != ValueType::kVector) {
    return Error(Code::kInvalidArgument,
                 "invalid expression type " + Quoted(TypeName(expr.type)) + " for range query, must be Scalar or instant Vector");
  }
  if (step <= 0) return Error(Code::kInvalidArgument, "zero or negative query resolution step widths are not accepted");
  if (end < start) return Error(Code::kInvalidArgument, "end timestamp must not be before start time");
  const Millis count = (end - start) / step + 1;
  if (count > options.max_steps) {
    return Error(Code::kInvalidArgument, "exceeded maximum resolution of " + std::to_string(options.max_steps) + " points per timeseries");
  }
  const Steps steps{.start = start, .interval = step, .count = static_cast<std::size_t>(count)};
  Evaluator evaluator(querier, options, start, end);
  StepMatrix matrix(steps.count);
  if (expr.type == ValueType::kScalar) {
    INFERD_ASSIGN_OR_RETURN(const auto values, evaluator.Scalar(expr, steps));
    std::ranges::copy(values, matrix.Append({}).begin());
  } else {
    INFERD_ASSIGN_OR_RETURN(matrix, evaluator.Vector(expr, steps));
  }
  return WithNotes(ToMatrix(matrix, steps), evaluator);
}

}  // namespace inferd::metrics::promql
