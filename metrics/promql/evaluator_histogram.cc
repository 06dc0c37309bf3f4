// histogram_quantile and histogram_fraction over classic histograms: series that share all labels but "le", the upper bound of a bucket.
#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "metrics/promql/evaluator.h"
#include "metrics/promql/quantile.h"

namespace inferd::metrics::promql {
namespace {

std::optional<double> UpperBound(std::string_view le) {
  if (le.starts_with('+')) le.remove_prefix(1);
  double bound = 0;
  const auto [end, error] = std::from_chars(le.data(), le.data() + le.size(), bound);
  if (le.empty() || error != std::errc() || end != le.data() + le.size()) return std::nullopt;
  return bound;
}

struct HistogramRows {
  Labels labels;                                     // without "le", with the name
  std::vector<std::pair<std::size_t, double>> rows;  // row and upper bound
};

std::string ForMetric(const Labels& labels) { return " for metric name " + Quoted(labels.metric_name()); }

}  // namespace

Result<StepMatrix> Evaluator::Histogram(const Call& call, Special special, const Steps& steps) {
  const bool quantile = special == Special::kHistogramQuantile;
  INFERD_ASSIGN_OR_RETURN(const auto first, Scalar(*call.arguments[0], steps));  // the quantile, or the lower bound
  std::vector<double> upper;
  if (quantile) {
    for (const double q : first) WarnOfQuantile(q);
  } else {
    INFERD_ASSIGN_OR_RETURN(upper, Scalar(*call.arguments[1], steps));
  }
  INFERD_ASSIGN_OR_RETURN(const StepMatrix vector, Vector(*call.arguments.back(), steps));

  std::vector<HistogramRows> histograms;
  std::unordered_map<Labels, std::size_t, LabelsHash> ids;
  const std::vector<std::string> bucket_label = {std::string(kBucketLabel)};
  for (std::size_t row = 0; row < vector.rows(); ++row) {
    if (!vector.HasValue(row)) continue;
    const Labels& labels = vector.labels(row);
    const auto bound = UpperBound(labels.Get(kBucketLabel));
    if (!bound) {
      Warn("bucket label \"le\" is missing or has a malformed value of " + Quoted(labels.Get(kBucketLabel)) + ForMetric(labels));
      continue;
    }
    Labels rest = labels.Without(bucket_label);
    const auto [found, is_new] = ids.try_emplace(rest, histograms.size());
    if (is_new) histograms.push_back({std::move(rest), {}});
    histograms[found->second].rows.emplace_back(row, *bound);
  }

  INFERD_RETURN_IF_ERROR(Spend(histograms.size() * steps.count));
  StepMatrix result(steps.count);
  std::vector<Bucket> buckets;
  for (const HistogramRows& histogram : histograms) {
    const auto out = result.Append(histogram.labels.WithoutName());
    for (std::size_t step = 0; step < steps.count; ++step) {
      buckets.clear();
      for (const auto& [row, bound] : histogram.rows) {
        if (!IsAbsent(vector.Row(row)[step])) buckets.push_back({bound, vector.Row(row)[step]});
      }
      if (buckets.empty()) continue;
      if (!quantile) {
        out[step] = BucketFraction(first[step], upper[step], buckets);
        continue;
      }
      const BucketResult found = BucketQuantile(first[step], buckets);
      out[step] = found.value;
      if (found.repaired) {
        Inform(
            "input to histogram_quantile needed to be fixed for monotonicity (see "
            "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)" +
            ForMetric(histogram.labels));
      }
    }
  }
  INFERD_RETURN_IF_ERROR(result.MergeEqualLabels());
  return result;
}

}  // namespace inferd::metrics::promql
