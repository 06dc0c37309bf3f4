// Evaluates a tree at all steps of a query at once. One query, one evaluator, one thread; for engine.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "metrics/promql/ast.h"
#include "metrics/promql/engine.h"
#include "metrics/promql/functions.h"
#include "metrics/promql/step_matrix.h"

namespace inferd::metrics::promql {

// The samples of a range vector, series by series, and where the window of each step lies.
class RangeInput {
 public:
  std::size_t size() const { return set_ ? set_->size() : inner_->rows(); }
  const Labels& labels(std::size_t series) const { return set_ ? set_->labels(series) : inner_->labels(series); }
  // Replaces `out` by the samples of one series, without stale markers.
  void Load(std::size_t series, std::vector<Sample>& out) const;
  // The window at a step: start < time <= end.
  Millis End(const Steps& steps, std::size_t step) const { return fixed_.value_or(steps.At(step)) - offset_; }
  Millis Start(const Steps& steps, std::size_t step) const { return End(steps, step) - range_; }

 private:
  friend class Evaluator;
  std::unique_ptr<SeriesSet> set_;  // of a selector
  Millis from_ = 0;
  Millis to_ = 0;
  std::optional<StepMatrix> inner_;  // of a subquery
  Steps inner_steps_;
  std::optional<Millis> fixed_;  // the moment that "@" names
  Millis offset_ = 0;
  Millis range_ = 0;
};

class Evaluator {
 public:
  // The query's first and last step are what start() and end() mean.
  Evaluator(const Querier& querier, const EngineOptions& options, Millis start, Millis end);

  // Each requires a node of that type.
  Result<std::vector<double>> Scalar(const Node& node, const Steps& steps);  // one value a step
  Result<StepMatrix> Vector(const Node& node, const Steps& steps);           // a row may have no value at all
  Result<RangeInput> Range(const Node& node, const Steps& steps);

  const std::set<std::string>& warnings() const { return warnings_; }
  const std::set<std::string>& infos() const { return infos_; }

 private:
  // Counts samples that are about to be read or made. Fails when the query has had its share of samples or of time, or is to stop.
  Result<> Spend(std::uint64_t samples);
  // The same for the bytes of a label's value that is about to be made: without it each call in a call could make them eight times as long.
  Result<> SpendLabel(std::uint64_t bytes);
  std::optional<Millis> FixedTime(const TimeShift& shift) const;

  Result<StepMatrix> VectorOnce(const Node& node, const Steps& steps);
  // Latest sample of each series at each step; with `timestamps` its time in seconds instead of its value.
  Result<StepMatrix> Select(const VectorSelector& selector, const Steps& steps, bool timestamps);
  Result<StepMatrix> Negate(StepMatrix vector);

  // evaluator_binary.cc
  Result<std::vector<double>> ScalarBinary(const Binary& binary, const Steps& steps);
  Result<StepMatrix> VectorBinary(const Binary& binary, const Steps& steps);
  Result<StepMatrix> VectorWithScalar(const Binary& binary, StepMatrix vector, const std::vector<double>& scalar, bool scalar_left);
  Result<StepMatrix> SetOperation(const Binary& binary, const StepMatrix& left, const StepMatrix& right);
  Result<StepMatrix> Match(const Binary& binary, const StepMatrix& left, const StepMatrix& right);

  // evaluator_aggregate.cc
  Result<StepMatrix> AggregateVector(const Aggregate& aggregate, const Steps& steps);
  Result<StepMatrix> CountValues(const Aggregate& aggregate, const StepMatrix& input);

  // evaluator_call.cc
  Result<StepMatrix> CallFunction(const Call& call, const Steps& steps);
  Result<StepMatrix> MapValues(const Call& call, MathFunction function, const Steps& steps);
  Result<StepMatrix> OverRange(const Call& call, RangeFunction function, const Steps& steps);
  Result<StepMatrix> CallSpecial(const Call& call, Special special, const Steps& steps);
  Result<StepMatrix> Absent(const Call& call, const Steps& steps);
  Result<StepMatrix> AbsentOverTime(const Call& call, const Steps& steps);
  Result<StepMatrix> Clamp(const Call& call, Special special, const Steps& steps);
  Result<StepMatrix> Timestamp(const Call& call, const Steps& steps);
  Result<StepMatrix> LabelReplace(const Call& call, const Steps& steps);
  Result<StepMatrix> LabelJoin(const Call& call, const Steps& steps);

  // evaluator_histogram.cc
  Result<StepMatrix> Histogram(const Call& call, Special special, const Steps& steps);

  void WarnOfQuantile(double q);
  void Warn(std::string text) { warnings_.insert("PromQL warning: " + std::move(text)); }
  void Inform(std::string text) { infos_.insert("PromQL info: " + std::move(text)); }

  const Querier& querier_;
  const EngineOptions& options_;
  Millis query_start_;
  Millis query_end_;
  std::optional<MonotonicTime> deadline_;
  std::uint64_t spent_ = 0;
  std::uint64_t label_bytes_ = 0;
  std::set<std::string> warnings_;
  std::set<std::string> infos_;
};

}  // namespace inferd::metrics::promql
