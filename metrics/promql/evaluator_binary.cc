// Binary operators: arithmetic and comparison between scalars, between a vector and a scalar, and between two vectors whose series are
// matched by their labels (https://prometheus.io/docs/prometheus/latest/querying/operators/#vector-matching).
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "metrics/promql/evaluator.h"

namespace inferd::metrics::promql {
namespace {

double Arithmetic(BinaryOp op, double left, double right) {
  switch (op) {
    case BinaryOp::kAdd: return left + right;
    case BinaryOp::kSubtract: return left - right;
    case BinaryOp::kMultiply: return left * right;
    case BinaryOp::kDivide: return left / right;
    case BinaryOp::kModulo: return std::fmod(left, right);
    case BinaryOp::kPower: return std::pow(left, right);
    case BinaryOp::kAtan2: return std::atan2(left, right);
    default: return std::numeric_limits<double>::quiet_NaN();
  }
}

bool Compare(BinaryOp op, double left, double right) {
  switch (op) {
    case BinaryOp::kEqual: return left == right;
    case BinaryOp::kNotEqual: return left != right;
    case BinaryOp::kGreater: return left > right;
    case BinaryOp::kLess: return left < right;
    case BinaryOp::kGreaterOrEqual: return left >= right;
    case BinaryOp::kLessOrEqual: return left <= right;
    default: return false;
  }
}

// The result for two present operands. A comparison without `bool` gives `kept` where it holds, and nothing where not.
std::optional<double> Apply(const Binary& binary, double left, double right, double kept) {
  if (!IsComparison(binary.op)) return Arithmetic(binary.op, left, right);
  const bool holds = Compare(binary.op, left, right);
  if (binary.return_bool) return holds ? 1 : 0;
  return holds ? std::optional(kept) : std::nullopt;
}

bool DropsName(const Binary& binary) { return !IsComparison(binary.op) || binary.return_bool; }

// What series of both sides must share to belong together.
Labels MatchingLabels(const Matching& matching, const Labels& labels) {
  return matching.on ? labels.Only(matching.labels) : labels.Without(matching.labels).WithoutName();
}

// Which series of both sides belong together: groups of equal matching labels.
struct Groups {
  std::vector<std::size_t> of_left;  // the group of each row
  std::vector<std::size_t> of_right;
  std::vector<std::vector<std::size_t>> right_rows;  // of each group
  std::vector<std::size_t> left_count;
};

Groups GroupRows(const Matching& matching, const StepMatrix& left, const StepMatrix& right) {
  std::unordered_map<Labels, std::size_t, LabelsHash> ids;
  const auto group_of = [&](const Labels& labels) { return ids.try_emplace(MatchingLabels(matching, labels), ids.size()).first->second; };
  Groups groups;
  for (std::size_t row = 0; row < left.rows(); ++row) groups.of_left.push_back(group_of(left.labels(row)));
  for (std::size_t row = 0; row < right.rows(); ++row) groups.of_right.push_back(group_of(right.labels(row)));
  groups.right_rows.resize(ids.size());
  groups.left_count.resize(ids.size());
  for (std::size_t row = 0; row < right.rows(); ++row) groups.right_rows[groups.of_right[row]].push_back(row);
  for (const std::size_t group : groups.of_left) ++groups.left_count[group];
  return groups;
}

std::vector<bool> StepsWithValues(const StepMatrix& matrix) {
  std::vector<bool> any(matrix.steps());
  for (std::size_t row = 0; row < matrix.rows(); ++row) {
    const auto values = matrix.Row(row);
    for (std::size_t step = 0; step < values.size(); ++step) any[step] = any[step] || !IsAbsent(values[step]);
  }
  return any;
}

// Steps at which a row of the group, among `of_row`, has a value.
std::vector<std::vector<bool>> PresenceOf(const StepMatrix& matrix, const std::vector<std::size_t>& of_row, std::size_t groups) {
  std::vector<std::vector<bool>> present(groups);
  for (std::size_t row = 0; row < matrix.rows(); ++row) {
    auto& group = present[of_row[row]];
    group.resize(matrix.steps());
    const auto values = matrix.Row(row);
    for (std::size_t step = 0; step < values.size(); ++step) group[step] = group[step] || !IsAbsent(values[step]);
  }
  return present;
}

// The labels of a result: those of the "many" side, or the common ones.
Labels ResultLabels(const Binary& binary, const Labels& many, const Labels& one) {
  const Matching& matching = binary.matching;
  Labels labels = DropsName(binary) ? many.WithoutName() : many;
  if (matching.cardinality == Cardinality::kOneToOne) {
    labels = matching.on ? labels.Only(matching.labels) : labels.Without(matching.labels);
  }
  for (const std::string& name : matching.include) labels = labels.With(name, one.Get(name));
  return labels;
}

// A value of the "one" side may stand only once for its group at each step at which both sides have any value.
Result<> RequireUniqueOnes(const Matching& matching, const Groups& groups, const StepMatrix& one, const std::vector<bool>& both,
                           std::string_view side) {
  std::vector<std::size_t> holder(one.steps());
  for (std::size_t group = 0; group < groups.right_rows.size(); ++group) {
    const auto& rows = groups.right_rows[group];
    if (rows.size() < 2) continue;
    constexpr std::size_t kNobody = static_cast<std::size_t>(-1);
    std::ranges::fill(holder, kNobody);
    for (const std::size_t row : rows) {
      const auto values = one.Row(row);
      for (std::size_t step = 0; step < values.size(); ++step) {
        if (!both[step] || IsAbsent(values[step])) continue;
        if (holder[step] != kNobody) {
          return Error(Code::kInvalidArgument, "found duplicate series for the match group " +
                                                   MatchingLabels(matching, one.labels(row)).ToString() + " on the " + std::string(side) +
                                                   " hand-side of the operation: [" + one.labels(row).ToString() + ", " +
                                                   one.labels(holder[step]).ToString() +
                                                   "];many-to-many matching not allowed: matching labels must be unique on one side");
        }
        holder[step] = row;
      }
    }
  }
  return {};
}

}  // namespace

Result<std::vector<double>> Evaluator::ScalarBinary(const Binary& binary, const Steps& steps) {
  INFERD_ASSIGN_OR_RETURN(auto left, Scalar(*binary.left, steps));
  INFERD_ASSIGN_OR_RETURN(const auto right, Scalar(*binary.right, steps));
  for (std::size_t step = 0; step < steps.count; ++step) left[step] = *Apply(binary, left[step], right[step], 0);
  return left;
}

Result<StepMatrix> Evaluator::VectorBinary(const Binary& binary, const Steps& steps) {
  if (binary.left->type == ValueType::kScalar) {
    INFERD_ASSIGN_OR_RETURN(const auto scalar, Scalar(*binary.left, steps));
    INFERD_ASSIGN_OR_RETURN(StepMatrix vector, Vector(*binary.right, steps));
    return VectorWithScalar(binary, std::move(vector), scalar, true);
  }
  INFERD_ASSIGN_OR_RETURN(StepMatrix left, Vector(*binary.left, steps));
  if (binary.right->type == ValueType::kScalar) {
    INFERD_ASSIGN_OR_RETURN(const auto scalar, Scalar(*binary.right, steps));
    return VectorWithScalar(binary, std::move(left), scalar, false);
  }
  INFERD_ASSIGN_OR_RETURN(const StepMatrix right, Vector(*binary.right, steps));
  return IsSetOperator(binary.op) ? SetOperation(binary, left, right) : Match(binary, left, right);
}

Result<StepMatrix> Evaluator::VectorWithScalar(const Binary& binary, StepMatrix vector, const std::vector<double>& scalar,
                                               bool scalar_left) {
  for (std::size_t row = 0; row < vector.rows(); ++row) {
    const auto values = vector.Row(row);
    for (std::size_t step = 0; step < values.size(); ++step) {
      const double value = values[step];
      if (IsAbsent(value)) continue;
      const auto result = scalar_left ? Apply(binary, scalar[step], value, value) : Apply(binary, value, scalar[step], value);
      values[step] = result.value_or(kAbsent);
    }
    if (DropsName(binary)) vector.set_labels(row, vector.labels(row).WithoutName());
  }
  if (DropsName(binary)) INFERD_RETURN_IF_ERROR(vector.MergeEqualLabels());
  return vector;
}

Result<StepMatrix> Evaluator::SetOperation(const Binary& binary, const StepMatrix& left, const StepMatrix& right) {
  const Groups groups = GroupRows(binary.matching, left, right);
  const bool is_or = binary.op == BinaryOp::kOr;
  INFERD_RETURN_IF_ERROR(Spend((left.rows() + (is_or ? right.rows() : 0)) * left.steps()));
  StepMatrix result(left.steps());
  if (is_or) {
    const auto in_left = PresenceOf(left, groups.of_left, groups.right_rows.size());
    for (std::size_t row = 0; row < left.rows(); ++row) std::ranges::copy(left.Row(row), result.Append(left.labels(row)).begin());
    for (std::size_t row = 0; row < right.rows(); ++row) {
      const auto& hidden = in_left[groups.of_right[row]];
      const auto from = right.Row(row);
      const auto to = result.Append(right.labels(row));
      for (std::size_t step = 0; step < from.size(); ++step) {
        if (hidden.empty() || !hidden[step]) to[step] = from[step];
      }
    }
    INFERD_RETURN_IF_ERROR(result.MergeEqualLabels());
    return result;
  }
  const auto in_right = PresenceOf(right, groups.of_right, groups.right_rows.size());
  for (std::size_t row = 0; row < left.rows(); ++row) {
    const auto& found = in_right[groups.of_left[row]];
    const auto from = left.Row(row);
    const auto to = result.Append(left.labels(row));
    for (std::size_t step = 0; step < from.size(); ++step) {
      const bool is_there = !found.empty() && found[step];
      if (is_there == (binary.op == BinaryOp::kAnd)) to[step] = from[step];
    }
  }
  return result;
}

Result<StepMatrix> Evaluator::Match(const Binary& binary, const StepMatrix& left, const StepMatrix& right) {
  const Cardinality cardinality = binary.matching.cardinality;
  const bool swapped = cardinality == Cardinality::kOneToMany;
  const StepMatrix& many = swapped ? right : left;
  const StepMatrix& one = swapped ? left : right;
  const Groups groups = GroupRows(binary.matching, many, one);
  std::vector<bool> both = StepsWithValues(many);
  const std::vector<bool> has_one = StepsWithValues(one);
  for (std::size_t step = 0; step < both.size(); ++step) both[step] = both[step] && has_one[step];
  INFERD_RETURN_IF_ERROR(RequireUniqueOnes(binary.matching, groups, one, both, swapped ? "left" : "right"));

  StepMatrixBuilder result(many.steps());
  // For one to one: the steps at which a group has its result already.
  std::vector<std::vector<bool>> taken(groups.right_rows.size());
  for (std::size_t many_row = 0; many_row < many.rows(); ++many_row) {
    const std::size_t group = groups.of_left[many_row];
    const bool watch = cardinality == Cardinality::kOneToOne && groups.left_count[group] > 1;
    if (watch) taken[group].resize(many.steps());
    const auto many_values = many.Row(many_row);
    for (const std::size_t one_row : groups.right_rows[group]) {
      INFERD_RETURN_IF_ERROR(Spend(many.steps()));
      const auto one_values = one.Row(one_row);
      const std::size_t row = result.RowOf(ResultLabels(binary, many.labels(many_row), one.labels(one_row)));
      for (std::size_t step = 0; step < many_values.size(); ++step) {
        if (IsAbsent(many_values[step]) || IsAbsent(one_values[step])) continue;
        const double left_value = swapped ? one_values[step] : many_values[step];
        const double right_value = swapped ? many_values[step] : one_values[step];
        const auto value = Apply(binary, left_value, right_value, left_value);
        if (!value) continue;
        if (watch) {
          if (taken[group][step]) {
            return Error(Code::kInvalidArgument,
                         "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)");
          }
          taken[group][step] = true;
        }
        if (auto set = result.Set(row, step, *value); !set) {
          if (cardinality == Cardinality::kOneToOne) return tl::unexpected(std::move(set).error());
          return Error(Code::kInvalidArgument, "multiple matches for labels: grouping labels must ensure unique matches");
        }
      }
    }
  }
  return result.Take();
}

}  // namespace inferd::metrics::promql
