// The values of a vector at every step of an evaluation: a row per series, a column per step. The evaluator's working form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "metrics/series/labels.h"
#include "metrics/series/querier.h"
#include "runtime/base/status.h"

namespace inferd::metrics::promql {

// Fills the cells without a sample. Stale markers never get past a selector, so no value has these bits.
inline const double kAbsent = kStaleMarker;
inline bool IsAbsent(double value) { return IsStale(value); }

// The moments of an evaluation: start, start + interval, ...
struct Steps {
  Millis start = 0;
  Millis interval = 1;
  std::size_t count = 1;

  Millis At(std::size_t step) const { return start + static_cast<Millis>(step) * interval; }
  Millis last() const { return At(count - 1); }
};

class StepMatrix {
 public:
  explicit StepMatrix(std::size_t steps) : steps_(steps) {}

  std::size_t rows() const { return labels_.size(); }
  std::size_t steps() const { return steps_; }
  const Labels& labels(std::size_t row) const { return labels_[row]; }
  void set_labels(std::size_t row, Labels labels) { labels_[row] = std::move(labels); }
  std::span<double> Row(std::size_t row) { return std::span(values_).subspan(row * steps_, steps_); }
  std::span<const double> Row(std::size_t row) const { return std::span(values_).subspan(row * steps_, steps_); }

  // A new row of absent values. Invalidates spans.
  std::span<double> Append(Labels labels);
  void Reserve(std::size_t rows);
  void RemoveLastRow();

  // Joins the rows of equal labels into one. Fails when two have a value at the same step: a vector cannot hold a series twice.
  Result<> MergeEqualLabels();
  // Fails when two rows with values have equal labels, at whatever steps those are. A row without any is no series.
  Result<> RequireUniqueLabels() const;
  // Whether the row has a value at any step.
  bool HasValue(std::size_t row) const;

 private:
  std::size_t steps_;
  std::vector<Labels> labels_;
  std::vector<double> values_;
};

// Rows found by their labels: for results that are put together step by step.
class StepMatrixBuilder {
 public:
  explicit StepMatrixBuilder(std::size_t steps) : matrix_(steps) {}
  // The row of that series, a new one of absent values if need be.
  std::size_t RowOf(const Labels& labels);
  // Fails when that row has a value at that step already.
  Result<> Set(std::size_t row, std::size_t step, double value);
  std::size_t rows() const { return matrix_.rows(); }
  StepMatrix Take() { return std::move(matrix_); }

 private:
  StepMatrix matrix_;
  std::unordered_map<Labels, std::size_t, LabelsHash> rows_;
};

// "vector cannot contain metrics with the same labelset"
Status SameLabelset();

}  // namespace inferd::metrics::promql
