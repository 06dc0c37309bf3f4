#include "metrics/promql/step_matrix.h"

#include <algorithm>
#include <unordered_set>

namespace inferd::metrics::promql {

Status SameLabelset() { return {Code::kInvalidArgument, "vector cannot contain metrics with the same labelset"}; }

std::span<double> StepMatrix::Append(Labels labels) {
  labels_.push_back(std::move(labels));
  values_.resize(labels_.size() * steps_, kAbsent);
  return Row(labels_.size() - 1);
}

void StepMatrix::Reserve(std::size_t rows) {
  labels_.reserve(rows);
  values_.reserve(rows * steps_);
}

void StepMatrix::RemoveLastRow() {
  labels_.pop_back();
  values_.resize(labels_.size() * steps_);
}

Result<> StepMatrix::MergeEqualLabels() {
  std::unordered_map<Labels, std::size_t, LabelsHash> first;
  first.reserve(rows());
  std::size_t kept = 0;
  for (std::size_t row = 0; row < rows(); ++row) {
    const auto [found, is_new] = first.try_emplace(labels_[row], kept);
    if (is_new) {
      if (kept != row) {
        labels_[kept] = labels_[row];
        std::ranges::copy(Row(row), Row(kept).begin());
      }
      ++kept;
      continue;
    }
    const auto from = Row(row);
    const auto to = Row(found->second);
    for (std::size_t step = 0; step < steps_; ++step) {
      if (IsAbsent(from[step])) continue;
      if (!IsAbsent(to[step])) return tl::unexpected(SameLabelset());
      to[step] = from[step];
    }
  }
  labels_.resize(kept);
  values_.resize(kept * steps_);
  return {};
}

Result<> StepMatrix::RequireUniqueLabels() const {
  std::unordered_set<Labels, LabelsHash> seen;
  seen.reserve(rows());
  for (std::size_t row = 0; row < rows(); ++row) {
    if (HasValue(row) && !seen.insert(labels_[row]).second) return tl::unexpected(SameLabelset());
  }
  return {};
}

bool StepMatrix::HasValue(std::size_t row) const { return !std::ranges::all_of(Row(row), IsAbsent); }

std::size_t StepMatrixBuilder::RowOf(const Labels& labels) {
  const auto [found, is_new] = rows_.try_emplace(labels, matrix_.rows());
  if (is_new) matrix_.Append(labels);
  return found->second;
}

Result<> StepMatrixBuilder::Set(std::size_t row, std::size_t step, double value) {
  double& cell = matrix_.Row(row)[step];
  if (!IsAbsent(cell)) return tl::unexpected(SameLabelset());
  cell = value;
  return {};
}

}  // namespace inferd::metrics::promql
