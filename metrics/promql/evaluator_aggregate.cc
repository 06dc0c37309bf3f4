// Aggregations over the series of a vector (https://prometheus.io/docs/prometheus/latest/querying/operators/#aggregation-operators).
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "metrics/promql/evaluator.h"
#include "metrics/promql/format.h"
#include "metrics/promql/quantile.h"
#include "runtime/base/utf8.h"

namespace inferd::metrics::promql {
namespace {

Labels GroupLabels(const Aggregate& aggregate, const Labels& labels) {
  if (!aggregate.without) return labels.Only(aggregate.grouping);
  std::vector<std::string> dropped = aggregate.grouping;
  dropped.emplace_back(kMetricName);
  return labels.Without(dropped);
}

struct Group {
  Labels labels;
  std::vector<std::size_t> rows;
};

// In the order in which they first appear.
std::vector<Group> GroupRows(const Aggregate& aggregate, const StepMatrix& input) {
  std::vector<Group> groups;
  std::unordered_map<Labels, std::size_t, LabelsHash> ids;
  for (std::size_t row = 0; row < input.rows(); ++row) {
    Labels labels = GroupLabels(aggregate, input.labels(row));
    const auto [found, is_new] = ids.try_emplace(labels, groups.size());
    if (is_new) groups.push_back({std::move(labels), {}});
    groups[found->second].rows.push_back(row);
  }
  return groups;
}

// One accumulator per operator: Add for each value, then value().
struct Sum {
  CompensatedSum sum;
  bool first = true;
  void Add(double v) {
    if (first) sum = CompensatedSum(v);
    if (!first) sum.Add(v);
    first = false;
  }
  double value() const { return sum.value(); }
};
struct Count {
  double count = 0;
  void Add(double) { ++count; }
  double value() const { return count; }
};
struct One {
  void Add(double) {}
  static double value() { return 1; }
};
struct Min {
  double least = std::numeric_limits<double>::quiet_NaN();
  void Add(double v) {
    if (v < least || std::isnan(least)) least = v;
  }
  double value() const { return least; }
};
struct Max {
  double most = std::numeric_limits<double>::quiet_NaN();
  void Add(double v) {
    if (v > most || std::isnan(most)) most = v;
  }
  double value() const { return most; }
};
struct Stddev {
  RunningVariance variance;
  void Add(double v) { variance.Add(v); }
  double value() const { return std::sqrt(variance.value()); }
};

template <typename Accumulator>
StepMatrix Accumulate(const std::vector<Group>& groups, const StepMatrix& input) {
  StepMatrix result(input.steps());
  result.Reserve(groups.size());
  for (const Group& group : groups) {
    std::vector<Accumulator> accumulators(input.steps());
    std::vector<bool> any(input.steps());
    for (const std::size_t row : group.rows) {
      const auto values = input.Row(row);
      for (std::size_t step = 0; step < values.size(); ++step) {
        if (IsAbsent(values[step])) continue;
        accumulators[step].Add(values[step]);
        any[step] = true;
      }
    }
    const auto out = result.Append(group.labels);
    for (std::size_t step = 0; step < out.size(); ++step) {
      if (any[step]) out[step] = accumulators[step].value();
    }
  }
  return result;
}

StepMatrix Quantiles(const std::vector<Group>& groups, const StepMatrix& input, const std::vector<double>& q) {
  StepMatrix result(input.steps());
  std::vector<double> values;
  for (const Group& group : groups) {
    const auto out = result.Append(group.labels);
    for (std::size_t step = 0; step < out.size(); ++step) {
      values.clear();
      for (const std::size_t row : group.rows) {
        if (!IsAbsent(input.Row(row)[step])) values.push_back(input.Row(row)[step]);
      }
      if (!values.empty()) out[step] = Quantile(q[step], values);
    }
  }
  return result;
}

// Whether `a` stands before `b` in the answer of topk or bottomk. What is no number comes last.
bool Before(double a, double b, bool top) {
  if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
  return top ? a > b : a < b;
}

// Keeps the k first of each group at each step. For a single step the rows come out in order of rank, group after group.
StepMatrix Ranked(const std::vector<Group>& groups, const StepMatrix& input, const std::vector<double>& k, bool top) {
  StepMatrix result(input.steps());
  for (const Group& group : groups) {
    std::vector<std::vector<bool>> kept(group.rows.size(), std::vector<bool>(input.steps()));
    std::vector<std::size_t> order;  // positions in group.rows
    for (std::size_t step = 0; step < input.steps(); ++step) {
      order.clear();
      for (std::size_t i = 0; i < group.rows.size(); ++i) {
        if (!IsAbsent(input.Row(group.rows[i])[step])) order.push_back(i);
      }
      std::ranges::stable_sort(
          order, [&](std::size_t a, std::size_t b) { return Before(input.Row(group.rows[a])[step], input.Row(group.rows[b])[step], top); });
      const double most = std::min(k[step], static_cast<double>(order.size()));
      order.resize(most < 1 ? 0 : static_cast<std::size_t>(most));
      for (const std::size_t i : order) kept[i][step] = true;
    }
    if (input.steps() > 1) {
      order.resize(group.rows.size());
      for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    }
    for (const std::size_t i : order) {
      const auto from = input.Row(group.rows[i]);
      const auto to = result.Append(input.labels(group.rows[i]));
      for (std::size_t step = 0; step < from.size(); ++step) {
        if (kept[i][step]) to[step] = from[step];
      }
    }
  }
  return result;
}

Result<> CheckCounts(const std::vector<double>& k) {
  if (std::ranges::any_of(k, [](double value) { return std::isnan(value); })) {
    return Error(Code::kInvalidArgument, "Parameter value is NaN");
  }
  if (std::ranges::max(k) < 1) return {};
  constexpr double kMost = 9223372036854775808.0;  // 2^63
  for (const double value : k) {
    if (value >= kMost) return Error(Code::kInvalidArgument, "Scalar value " + FormatValue(value) + " overflows int64");
    if (value <= -kMost) return Error(Code::kInvalidArgument, "Scalar value " + FormatValue(value) + " underflows int64");
  }
  return {};
}

}  // namespace

Result<StepMatrix> Evaluator::AggregateVector(const Aggregate& aggregate, const Steps& steps) {
  std::vector<double> parameter;
  if (aggregate.parameter && aggregate.parameter->type == ValueType::kScalar) {
    INFERD_ASSIGN_OR_RETURN(parameter, Scalar(*aggregate.parameter, steps));
  }
  INFERD_ASSIGN_OR_RETURN(const StepMatrix input, Vector(*aggregate.expr, steps));
  INFERD_RETURN_IF_ERROR(Spend(input.rows() * steps.count));
  if (aggregate.op == AggregateOp::kCountValues) return CountValues(aggregate, input);
  const std::vector<Group> groups = GroupRows(aggregate, input);
  switch (aggregate.op) {
    case AggregateOp::kSum: return Accumulate<Sum>(groups, input);
    case AggregateOp::kAvg: return Accumulate<RunningMean>(groups, input);
    case AggregateOp::kCount: return Accumulate<Count>(groups, input);
    case AggregateOp::kMin: return Accumulate<Min>(groups, input);
    case AggregateOp::kMax: return Accumulate<Max>(groups, input);
    case AggregateOp::kGroup: return Accumulate<One>(groups, input);
    case AggregateOp::kStdvar: return Accumulate<RunningVariance>(groups, input);
    case AggregateOp::kStddev: return Accumulate<Stddev>(groups, input);
    case AggregateOp::kQuantile:
      for (const double q : parameter) WarnOfQuantile(q);
      return Quantiles(groups, input, parameter);
    case AggregateOp::kTopk:
    case AggregateOp::kBottomk:
      INFERD_RETURN_IF_ERROR(CheckCounts(parameter));
      return Ranked(groups, input, parameter, aggregate.op == AggregateOp::kTopk);
    case AggregateOp::kCountValues: break;
  }
  return Error(Code::kInternal, "unknown aggregation");
}

Result<StepMatrix> Evaluator::CountValues(const Aggregate& aggregate, const StepMatrix& input) {
  const std::string& label = Unwrapped(*aggregate.parameter).Get<Text>()->value;
  if (label.empty() || !IsValidUtf8(label)) return Error(Code::kInvalidArgument, "invalid label name " + Quoted(label));
  Aggregate grouping{
      .op = aggregate.op, .parameter = nullptr, .expr = nullptr, .without = aggregate.without, .grouping = aggregate.grouping};
  if (!aggregate.without) grouping.grouping.push_back(label);
  StepMatrix result(input.steps());
  std::unordered_map<Labels, std::size_t, LabelsHash> rows;
  for (std::size_t row = 0; row < input.rows(); ++row) {
    INFERD_RETURN_IF_ERROR(Spend(0));  // a text and a look-up for each value take their time
    const auto values = input.Row(row);
    for (std::size_t step = 0; step < values.size(); ++step) {
      if (IsAbsent(values[step])) continue;
      const Labels labels = GroupLabels(grouping, input.labels(row).With(label, FormatValue(values[step])));
      const auto [found, is_new] = rows.try_emplace(labels, result.rows());
      if (is_new) {
        INFERD_RETURN_IF_ERROR(Spend(input.steps()));
        result.Append(labels);
      }
      double& count = result.Row(found->second)[step];
      count = IsAbsent(count) ? 1 : count + 1;
    }
  }
  return result;
}

}  // namespace inferd::metrics::promql
