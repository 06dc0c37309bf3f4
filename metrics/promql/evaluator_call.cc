// Function calls (https://prometheus.io/docs/prometheus/latest/querying/functions/).
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "metrics/promql/evaluator.h"
#include "runtime/base/utf8.h"

namespace inferd::metrics::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Long windows that overlap are read over and over: the time is looked at after so many samples.
constexpr std::size_t kSamplesBetweenLooks = 1U << 16U;

// How many steps of a regular expression count as much as a sample.
constexpr std::uint64_t kRegexStepsOfSample = 32;

const std::string& TextOf(const Node& node) { return Unwrapped(node).Get<Text>()->value; }

// What absent() knows about the series that is not there: the labels that equalities name. A name with a second condition is left out, but
// for one that comes before its first equality. As in Prometheus, what excludes series comes last, wherever it is written.
Labels LabelsOfAbsent(const Node& node) {
  const Node& inner = Unwrapped(node);
  const std::vector<Matcher>* matchers = nullptr;
  if (const auto* selector = inner.Get<VectorSelector>()) matchers = &selector->matchers;
  if (const auto* matrix = inner.Get<MatrixSelector>()) matchers = &matrix->selector.matchers;
  if (matchers == nullptr) return {};
  const auto excludes = [](const Matcher& matcher) {
    return (matcher.kind() == MatchKind::kNotEqual || matcher.kind() == MatchKind::kNotRegex) && matcher.Matches("");
  };
  std::map<std::string, std::string> known;
  std::set<std::string> named;  // by an equality
  for (const bool last : {false, true}) {
    for (const Matcher& matcher : *matchers) {
      if (matcher.name() == kMetricName || excludes(matcher) != last) continue;
      if (matcher.kind() == MatchKind::kEqual && named.insert(matcher.name()).second) {
        known[matcher.name()] = matcher.value();
      } else {
        known.erase(matcher.name());
      }
    }
  }
  std::vector<Label> labels;
  for (const auto& [name, value] : known) labels.push_back({name, value});
  return Labels::From(std::move(labels));
}

bool EndsLikeACounter(std::string_view name) {
  return name.ends_with("_total") || name.ends_with("_sum") || name.ends_with("_count") || name.ends_with("_bucket");
}

// Changes every present value by change(value, step) and drops the metric's name.
template <typename Change>
Result<StepMatrix> Mapped(StepMatrix vector, const Change& change) {
  for (std::size_t row = 0; row < vector.rows(); ++row) {
    vector.set_labels(row, vector.labels(row).WithoutName());
    const auto values = vector.Row(row);
    for (std::size_t step = 0; step < values.size(); ++step) {
      if (!IsAbsent(values[step])) values[step] = change(values[step], step);
    }
  }
  INFERD_RETURN_IF_ERROR(vector.MergeEqualLabels());
  return vector;
}

// Larger and smaller of two as Go has them: an infinity that decides the matter does so even against what is no number.
double Larger(double a, double b) {
  if (a == kInfinity || b == kInfinity) return kInfinity;
  return std::isnan(a) || std::isnan(b) ? kNan : std::max(a, b);
}
double Smaller(double a, double b) { return -Larger(-a, -b); }

// Rows in order of their values; what is no number comes last, whichever way.
StepMatrix Sorted(const StepMatrix& vector, bool descending) {
  std::vector<std::size_t> order(vector.rows());
  for (std::size_t row = 0; row < order.size(); ++row) order[row] = row;
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    const double x = vector.Row(a)[0];
    const double y = vector.Row(b)[0];
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
    return descending ? x > y : x < y;
  });
  StepMatrix result(vector.steps());
  result.Reserve(vector.rows());
  for (const std::size_t row : order) std::ranges::copy(vector.Row(row), result.Append(vector.labels(row)).begin());
  return result;
}

}  // namespace

Result<StepMatrix> Evaluator::CallFunction(const Call& call, const Steps& steps) {
  const auto& implementation = call.function->implementation;
  if (const auto* math = std::get_if<MathFunction>(&implementation)) return MapValues(call, *math, steps);
  if (const auto* range = std::get_if<RangeFunction>(&implementation)) return OverRange(call, *range, steps);
  return CallSpecial(call, std::get<Special>(implementation), steps);
}

Result<StepMatrix> Evaluator::MapValues(const Call& call, MathFunction function, const Steps& steps) {
  if (!call.arguments.empty()) {
    INFERD_ASSIGN_OR_RETURN(StepMatrix vector, Vector(*call.arguments[0], steps));
    return Mapped(std::move(vector), [&](double value, std::size_t) { return function(value); });
  }
  INFERD_RETURN_IF_ERROR(Spend(steps.count));
  StepMatrix result(steps.count);
  const auto row = result.Append({});
  for (std::size_t step = 0; step < steps.count; ++step) row[step] = function(std::floor(static_cast<double>(steps.At(step)) / 1000));
  return result;
}

Result<StepMatrix> Evaluator::OverRange(const Call& call, RangeFunction function, const Steps& steps) {
  const Node* range_node = nullptr;
  std::vector<double> parameter(steps.count);
  for (const NodePtr& argument : call.arguments) {
    if (argument->type == ValueType::kMatrix) {
      range_node = argument.get();
    } else {
      INFERD_ASSIGN_OR_RETURN(parameter, Scalar(*argument, steps));
    }
  }
  const std::string_view name = call.function->name;
  INFERD_ASSIGN_OR_RETURN(const RangeInput input, Range(*range_node, steps));
  const bool keeps_name = name == "last_over_time";
  const bool is_quantile = name == "quantile_over_time";
  const bool wants_counter = name == "rate" || name == "increase";

  INFERD_RETURN_IF_ERROR(Spend(input.size() * steps.count));
  StepMatrix result(steps.count);
  result.Reserve(input.size());
  std::vector<Sample> samples;
  std::size_t unlooked = 0;  // samples since the last look at the time
  for (std::size_t series = 0; series < input.size(); ++series) {
    input.Load(series, samples);
    INFERD_RETURN_IF_ERROR(Spend(samples.size()));
    if (samples.empty()) continue;
    const auto row = result.Append(keeps_name ? input.labels(series) : input.labels(series).WithoutName());
    bool any = false;
    std::size_t first = 0;
    std::size_t last = 0;  // one behind
    for (std::size_t step = 0; step < steps.count; ++step) {
      const Millis start = input.Start(steps, step);
      const Millis end = input.End(steps, step);
      while (last < samples.size() && samples[last].time <= end) ++last;
      while (first < last && samples[first].time <= start) ++first;
      if (first == last) continue;
      if (is_quantile) WarnOfQuantile(parameter[step]);
      if (unlooked += last - first; unlooked >= kSamplesBetweenLooks) {
        INFERD_RETURN_IF_ERROR(Spend(0));
        unlooked = 0;
      }
      const auto value = function({.samples = std::span(samples).subspan(first, last - first),
                                   .start = start,
                                   .end = end,
                                   .now = steps.At(step),
                                   .parameter = parameter[step]});
      if (!value) continue;
      row[step] = *value;
      any = true;
    }
    if (!any) {
      result.RemoveLastRow();
      continue;
    }
    const auto metric = input.labels(series).metric_name();
    if (wants_counter && !metric.empty() && !EndsLikeACounter(metric)) {
      Inform("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: " + Quoted(metric));
    }
  }
  INFERD_RETURN_IF_ERROR(result.RequireUniqueLabels());
  return result;
}

Result<StepMatrix> Evaluator::CallSpecial(const Call& call, Special special, const Steps& steps) {
  const auto argument = [&](std::size_t i) -> const Node& { return *call.arguments[i]; };
  switch (special) {
    case Special::kAbsent: return Absent(call, steps);
    case Special::kAbsentOverTime: return AbsentOverTime(call, steps);
    case Special::kClamp:
    case Special::kClampMax:
    case Special::kClampMin: return Clamp(call, special, steps);
    case Special::kHistogramFraction:
    case Special::kHistogramQuantile: return Histogram(call, special, steps);
    case Special::kLabelJoin: return LabelJoin(call, steps);
    case Special::kLabelReplace: return LabelReplace(call, steps);
    case Special::kNativeHistogram: INFERD_RETURN_IF_ERROR(Vector(argument(0), steps)); return StepMatrix(steps.count);
    case Special::kRound: {
      std::vector<double> unit(steps.count, 1);
      if (call.arguments.size() > 1) {
        INFERD_ASSIGN_OR_RETURN(unit, Scalar(argument(1), steps));
      }
      INFERD_ASSIGN_OR_RETURN(StepMatrix vector, Vector(argument(0), steps));
      // Halves go up. The inverse keeps units such as 0.1 exact.
      return Mapped(std::move(vector), [&](double value, std::size_t step) {
        const double inverse = 1 / unit[step];
        return std::floor(value * inverse + 0.5) / inverse;
      });
    }
    case Special::kSort:
    case Special::kSortDesc: {
      INFERD_ASSIGN_OR_RETURN(StepMatrix vector, Vector(argument(0), steps));
      // A range query's answer is ordered by labels.
      if (steps.count > 1) return vector;
      return Sorted(vector, special == Special::kSortDesc);
    }
    case Special::kTimestamp: return Timestamp(call, steps);
    case Special::kVector: {
      INFERD_ASSIGN_OR_RETURN(const auto values, Scalar(argument(0), steps));
      StepMatrix result(steps.count);
      std::ranges::copy(values, result.Append({}).begin());
      return result;
    }
    case Special::kPi:
    case Special::kScalar:
    case Special::kTime: break;  // scalars
  }
  return Error(Code::kInternal, "not a vector: " + std::string(call.function->name));
}

Result<StepMatrix> Evaluator::Absent(const Call& call, const Steps& steps) {
  INFERD_ASSIGN_OR_RETURN(const StepMatrix vector, Vector(*call.arguments[0], steps));
  StepMatrix result(steps.count);
  const auto row = result.Append(LabelsOfAbsent(*call.arguments[0]));
  std::ranges::fill(row, 1);
  for (std::size_t series = 0; series < vector.rows(); ++series) {
    const auto values = vector.Row(series);
    for (std::size_t step = 0; step < steps.count; ++step) {
      if (!IsAbsent(values[step])) row[step] = kAbsent;
    }
  }
  return result;
}

Result<StepMatrix> Evaluator::AbsentOverTime(const Call& call, const Steps& steps) {
  INFERD_ASSIGN_OR_RETURN(const RangeInput input, Range(*call.arguments[0], steps));
  INFERD_RETURN_IF_ERROR(Spend(steps.count));
  StepMatrix result(steps.count);
  const auto row = result.Append(LabelsOfAbsent(*call.arguments[0]));
  std::ranges::fill(row, 1);
  std::vector<Sample> samples;
  for (std::size_t series = 0; series < input.size(); ++series) {
    input.Load(series, samples);
    INFERD_RETURN_IF_ERROR(Spend(samples.size()));
    for (std::size_t step = 0; step < steps.count; ++step) {
      const auto first = std::ranges::upper_bound(samples, input.Start(steps, step), {}, &Sample::time);
      if (first != samples.end() && first->time <= input.End(steps, step)) row[step] = kAbsent;
    }
  }
  return result;
}

Result<StepMatrix> Evaluator::Clamp(const Call& call, Special special, const Steps& steps) {
  std::vector<double> low(steps.count, -kInfinity);
  std::vector<double> high(steps.count, kInfinity);
  const bool has_low = special != Special::kClampMax;
  const bool has_high = special != Special::kClampMin;
  if (has_low) {
    INFERD_ASSIGN_OR_RETURN(low, Scalar(*call.arguments[1], steps));
  }
  if (has_high) {
    INFERD_ASSIGN_OR_RETURN(high, Scalar(*call.arguments.back(), steps));
  }
  INFERD_ASSIGN_OR_RETURN(StepMatrix vector, Vector(*call.arguments[0], steps));
  return Mapped(std::move(vector), [&](double value, std::size_t step) {
    if (low[step] > high[step]) return kAbsent;
    if (has_high) value = Smaller(high[step], value);
    return has_low ? Larger(low[step], value) : value;
  });
}

Result<StepMatrix> Evaluator::Timestamp(const Call& call, const Steps& steps) {
  const Node& inner = Unwrapped(*call.arguments[0]);
  if (const auto* selector = inner.Get<VectorSelector>()) {
    INFERD_ASSIGN_OR_RETURN(StepMatrix vector, Select(*selector, steps, true));
    return Mapped(std::move(vector), [](double value, std::size_t) { return value; });
  }
  INFERD_ASSIGN_OR_RETURN(StepMatrix vector, Vector(inner, steps));
  return Mapped(std::move(vector), [&](double, std::size_t step) { return static_cast<double>(steps.At(step)) / 1000; });
}

Result<StepMatrix> Evaluator::LabelReplace(const Call& call, const Steps& steps) {
  const std::string& destination = TextOf(*call.arguments[1]);
  const std::string& replacement = TextOf(*call.arguments[2]);
  const std::string& source = TextOf(*call.arguments[3]);
  const std::string& pattern = TextOf(*call.arguments[4]);
  // First, as in Prometheus; and then no more than one of many nested calls has its expression in memory.
  INFERD_ASSIGN_OR_RETURN(StepMatrix vector, Vector(*call.arguments[0], steps));
  const auto regex = Regex::Compile(pattern);
  if (!regex) {
    return Error(Code::kInvalidArgument, "invalid regular expression in label_replace(): " + pattern + ": " + regex.error().message);
  }
  if (destination.empty() || !IsValidUtf8(destination)) {
    return Error(Code::kInvalidArgument, "invalid destination label name in label_replace(): " + destination);
  }
  std::vector<std::string_view> groups;
  for (std::size_t row = 0; row < vector.rows(); ++row) {
    const Labels labels = vector.labels(row);
    const std::string_view value = labels.Get(source);
    INFERD_RETURN_IF_ERROR(Spend(regex->MostSteps(value.size()) / kRegexStepsOfSample));
    if (!regex->Match(value, groups)) continue;
    // The longest that it can become: no group is longer than the value.
    INFERD_RETURN_IF_ERROR(
        SpendLabel(replacement.size() + static_cast<std::uint64_t>(std::ranges::count(replacement, '$')) * value.size()));
    vector.set_labels(row, labels.With(destination, regex->Expand(replacement, groups)));
  }
  INFERD_RETURN_IF_ERROR(vector.RequireUniqueLabels());
  return vector;
}

Result<StepMatrix> Evaluator::LabelJoin(const Call& call, const Steps& steps) {
  const std::string& destination = TextOf(*call.arguments[1]);
  const std::string& separator = TextOf(*call.arguments[2]);
  std::vector<std::string> sources;
  for (std::size_t i = 3; i < call.arguments.size(); ++i) {
    sources.push_back(TextOf(*call.arguments[i]));
    if (sources.back().empty() || !IsValidUtf8(sources.back())) {
      return Error(Code::kInvalidArgument, "invalid source label name in label_join(): " + sources.back());
    }
  }
  if (destination.empty() || !IsValidUtf8(destination)) {
    return Error(Code::kInvalidArgument, "invalid destination label name in label_join(): " + destination);
  }
  INFERD_ASSIGN_OR_RETURN(StepMatrix vector, Vector(*call.arguments[0], steps));
  for (std::size_t row = 0; row < vector.rows(); ++row) {
    const Labels labels = vector.labels(row);
    std::string joined;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const std::string_view value = labels.Get(sources[i]);
      INFERD_RETURN_IF_ERROR(SpendLabel(separator.size() + value.size()));
      if (i > 0) joined += separator;
      joined += value;
    }
    vector.set_labels(row, labels.With(destination, joined));
  }
  INFERD_RETURN_IF_ERROR(vector.RequireUniqueLabels());
  return vector;
}

}  // namespace inferd::metrics::promql
