#include "metrics/promql/evaluator.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "metrics/promql/format.h"

namespace inferd::metrics::promql {
namespace {

// The last multiple of `interval` that is not after `time`.
Millis AlignedDown(Millis time, Millis interval) {
  const Millis rest = time % interval;
  return time - (rest < 0 ? rest + interval : rest);
}

StepMatrix Repeated(const StepMatrix& once, std::size_t steps) {
  StepMatrix result(steps);
  result.Reserve(once.rows());
  for (std::size_t row = 0; row < once.rows(); ++row) std::ranges::fill(result.Append(once.labels(row)), once.Row(row)[0]);
  return result;
}

}  // namespace

void RangeInput::Load(std::size_t series, std::vector<Sample>& out) const {
  out.clear();
  if (set_) {
    set_->Read(series, from_, to_, out);
    std::erase_if(out, [](const Sample& sample) { return IsStale(sample.value); });
    return;
  }
  const auto row = inner_->Row(series);
  for (std::size_t step = 0; step < row.size(); ++step) {
    if (!IsAbsent(row[step])) out.push_back({inner_steps_.At(step), row[step]});
  }
}

Evaluator::Evaluator(const Querier& querier, const EngineOptions& options, Millis start, Millis end)
    : querier_(querier), options_(options), query_start_(start), query_end_(end) {
  if (options.clock != nullptr) deadline_ = options.clock->Now() + options.timeout;
}

Result<> Evaluator::Spend(std::uint64_t samples) {
  spent_ += samples;
  if (samples > options_.max_samples || spent_ > options_.max_samples) {
    return Error(Code::kResourceExhausted, "query processing would load too many samples into memory");
  }
  if (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed)) {
    return Error(Code::kCancelled, "query was canceled in expression evaluation");
  }
  if (deadline_ && options_.clock->Now() > *deadline_) {
    return Error(Code::kDeadlineExceeded, "query timed out in expression evaluation");
  }
  return {};
}

Result<> Evaluator::SpendLabel(std::uint64_t bytes) {
  label_bytes_ += bytes;
  if (bytes > options_.max_label_bytes || label_bytes_ > options_.max_label_bytes) {
    return Error(Code::kResourceExhausted, "query processing would make labels that are too long altogether");
  }
  return {};
}

std::optional<Millis> Evaluator::FixedTime(const TimeShift& shift) const {
  switch (shift.at.kind) {
    case At::Kind::kNone: return std::nullopt;
    case At::Kind::kTime: return shift.at.time;
    case At::Kind::kStart: return query_start_;
    case At::Kind::kEnd: return query_end_;
  }
  return std::nullopt;
}

void Evaluator::WarnOfQuantile(double q) {
  if (std::isnan(q) || q < 0 || q > 1) Warn("quantile value should be between 0 and 1, got " + FormatValue(q));
}

Result<std::vector<double>> Evaluator::Scalar(const Node& node, const Steps& steps) {
  INFERD_RETURN_IF_ERROR(Spend(steps.count));
  if (const auto* number = node.Get<Number>()) return std::vector<double>(steps.count, number->value);
  if (const auto* paren = node.Get<Paren>()) return Scalar(*paren->expr, steps);
  if (const auto* binary = node.Get<Binary>()) return ScalarBinary(*binary, steps);
  if (const auto* unary = node.Get<Unary>()) {
    INFERD_ASSIGN_OR_RETURN(auto values, Scalar(*unary->expr, steps));
    if (unary->negative) std::ranges::transform(values, values.begin(), std::negate<>());
    return values;
  }
  if (const auto* call = node.Get<Call>(); call != nullptr && std::holds_alternative<Special>(call->function->implementation)) {
    std::vector<double> values(steps.count, std::numeric_limits<double>::quiet_NaN());
    switch (std::get<Special>(call->function->implementation)) {
      case Special::kPi: std::ranges::fill(values, std::numbers::pi); return values;
      case Special::kTime:
        for (std::size_t step = 0; step < steps.count; ++step) values[step] = static_cast<double>(steps.At(step)) / 1000;
        return values;
      case Special::kScalar: {
        INFERD_ASSIGN_OR_RETURN(const StepMatrix vector, Vector(*call->arguments[0], steps));
        for (std::size_t step = 0; step < steps.count; ++step) {
          int present = 0;
          for (std::size_t row = 0; row < vector.rows(); ++row) {
            const double value = vector.Row(row)[step];
            if (IsAbsent(value)) continue;
            values[step] = ++present == 1 ? value : std::numeric_limits<double>::quiet_NaN();
          }
        }
        return values;
      }
      default: break;
    }
  }
  return Error(Code::kInternal, "not a scalar: " + Print(node));
}

Result<StepMatrix> Evaluator::Vector(const Node& node, const Steps& steps) {
  if (!node.step_invariant || steps.count == 1) return VectorOnce(node, steps);
  INFERD_ASSIGN_OR_RETURN(const StepMatrix once, VectorOnce(node, Steps{.start = steps.start}));
  INFERD_RETURN_IF_ERROR(Spend(once.rows() * steps.count));
  return Repeated(once, steps.count);
}

Result<StepMatrix> Evaluator::VectorOnce(const Node& node, const Steps& steps) {
  if (const auto* selector = node.Get<VectorSelector>()) return Select(*selector, steps, false);
  if (const auto* call = node.Get<Call>()) return CallFunction(*call, steps);
  if (const auto* aggregate = node.Get<Aggregate>()) return AggregateVector(*aggregate, steps);
  if (const auto* binary = node.Get<Binary>()) return VectorBinary(*binary, steps);
  if (const auto* paren = node.Get<Paren>()) return Vector(*paren->expr, steps);
  if (const auto* unary = node.Get<Unary>()) {
    INFERD_ASSIGN_OR_RETURN(StepMatrix vector, Vector(*unary->expr, steps));
    if (!unary->negative) return vector;
    return Negate(std::move(vector));
  }
  return Error(Code::kInternal, "not an instant vector: " + Print(node));
}

Result<StepMatrix> Evaluator::Negate(StepMatrix vector) {
  for (std::size_t row = 0; row < vector.rows(); ++row) {
    vector.set_labels(row, vector.labels(row).WithoutName());
    for (double& value : vector.Row(row)) {
      if (!IsAbsent(value)) value = -value;
    }
  }
  INFERD_RETURN_IF_ERROR(vector.RequireUniqueLabels());
  return vector;
}

Result<StepMatrix> Evaluator::Select(const VectorSelector& selector, const Steps& steps, bool timestamps) {
  const auto fixed = FixedTime(selector.shift);
  const auto reference = [&](std::size_t step) { return fixed.value_or(steps.At(step)) - selector.shift.offset; };
  const Millis from = reference(0) - options_.lookback + 1;
  const Millis to = reference(steps.count - 1);
  const auto set = querier_.Select(selector.matchers, from, to);
  INFERD_RETURN_IF_ERROR(Spend(set->size() * steps.count));
  StepMatrix result(steps.count);
  result.Reserve(set->size());
  std::vector<Sample> samples;
  for (std::size_t series = 0; series < set->size(); ++series) {
    samples.clear();
    set->Read(series, from, to, samples);
    INFERD_RETURN_IF_ERROR(Spend(samples.size()));
    if (samples.empty()) continue;
    const auto row = result.Append(set->labels(series));
    bool any = false;
    std::size_t next = 0;  // the first sample after the step
    for (std::size_t step = 0; step < steps.count; ++step) {
      const Millis at = reference(step);
      while (next < samples.size() && samples[next].time <= at) ++next;
      if (next == 0) continue;
      const Sample& latest = samples[next - 1];
      if (latest.time <= at - options_.lookback || IsStale(latest.value)) continue;
      row[step] = timestamps ? static_cast<double>(latest.time) / 1000 : latest.value;
      any = true;
    }
    if (!any) result.RemoveLastRow();
  }
  return result;
}

Result<RangeInput> Evaluator::Range(const Node& node, const Steps& steps) {
  if (const auto* paren = node.Get<Paren>()) return Range(*paren->expr, steps);
  RangeInput input;
  if (const auto* matrix = node.Get<MatrixSelector>()) {
    input.fixed_ = FixedTime(matrix->selector.shift);
    input.offset_ = matrix->selector.shift.offset;
    input.range_ = matrix->range;
    input.from_ = input.Start(steps, 0) + 1;
    input.to_ = input.End(steps, steps.count - 1);
    input.set_ = querier_.Select(matrix->selector.matchers, input.from_, input.to_);
    return input;
  }
  const auto* subquery = node.Get<Subquery>();
  if (subquery == nullptr) return Error(Code::kInternal, "not a range vector: " + Print(node));
  input.fixed_ = FixedTime(subquery->shift);
  input.offset_ = subquery->shift.offset;
  input.range_ = subquery->range;
  const Millis interval = subquery->step == 0 ? options_.subquery_step : subquery->step;
  const Millis first = AlignedDown(input.Start(steps, 0), interval) + interval;
  const Millis last = input.End(steps, steps.count - 1);
  if (last < first) {
    input.inner_.emplace(0);
    return input;
  }
  const auto count = static_cast<std::uint64_t>((last - first) / interval) + 1;
  INFERD_RETURN_IF_ERROR(Spend(count));
  input.inner_steps_ = {.start = first, .interval = interval, .count = static_cast<std::size_t>(count)};
  INFERD_ASSIGN_OR_RETURN(input.inner_, Vector(*subquery->expr, input.inner_steps_));
  return input;
}

}  // namespace inferd::metrics::promql
