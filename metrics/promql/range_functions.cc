#include "metrics/promql/range_functions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "metrics/promql/quantile.h"

namespace inferd::metrics::promql {
namespace {

double Seconds(Millis duration) { return static_cast<double>(duration) / 1000; }

// The change from the first to the last sample, a counter's resets added back, stretched to the ends of the window: to an end that is
// within 1.1 average intervals of its nearest sample fully, else by half an interval; a counter not beyond where it would have been 0.
std::optional<double> Extrapolated(const Window& window, bool counter, bool per_second) {
  const auto& samples = window.samples;
  if (samples.size() < 2) return std::nullopt;
  double change = samples.back().value - samples.front().value;
  if (counter) {
    double previous = samples.front().value;
    for (const Sample& sample : samples.subspan(1)) {
      if (sample.value < previous) change += previous;
      previous = sample.value;
    }
  }
  const double sampled = Seconds(samples.back().time - samples.front().time);
  const double average = sampled / static_cast<double>(samples.size() - 1);
  const double threshold = average * 1.1;
  double to_start = Seconds(samples.front().time - window.start);
  double to_end = Seconds(window.end - samples.back().time);
  if (to_start >= threshold) to_start = average / 2;
  if (counter && change > 0 && samples.front().value >= 0) to_start = std::min(to_start, sampled * (samples.front().value / change));
  if (to_end >= threshold) to_end = average / 2;
  double factor = (sampled + to_start + to_end) / sampled;
  if (per_second) factor /= Seconds(window.end - window.start);
  return change * factor;
}

struct Line {
  double slope = 0;
  double intercept = 0;  // at the time asked for
};

// Least squares with compensated sums. Values that never change give a flat line, or no line at all when they are infinite.
Line Regression(std::span<const Sample> samples, Millis intercept_time) {
  const double first = samples.front().value;
  if (std::ranges::all_of(samples, [&](const Sample& s) { return s.value == first; })) {
    if (std::isinf(first)) return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
    return {0, first};
  }
  CompensatedSum x;
  CompensatedSum y;
  CompensatedSum xy;
  CompensatedSum xx;
  for (const Sample& sample : samples) {
    const double seconds = Seconds(sample.time - intercept_time);
    x.Add(seconds);
    y.Add(sample.value);
    xy.Add(seconds * sample.value);
    xx.Add(seconds * seconds);
  }
  const auto n = static_cast<double>(samples.size());
  const double sum_x = x.sum() + x.compensation();
  const double sum_y = y.sum() + y.compensation();
  const double covariance = (xy.sum() + xy.compensation()) - sum_x * sum_y / n;
  const double variance = (xx.sum() + xx.compensation()) - sum_x * sum_x / n;
  const double slope = covariance / variance;
  return {slope, sum_y / n - slope * sum_x / n};
}

RunningVariance Variance(std::span<const Sample> samples) {
  RunningVariance variance;
  for (const Sample& sample : samples) variance.Add(sample.value);
  return variance;
}

}  // namespace

std::optional<double> Rate(const Window& window) { return Extrapolated(window, true, true); }
std::optional<double> Increase(const Window& window) { return Extrapolated(window, true, false); }
std::optional<double> Delta(const Window& window) { return Extrapolated(window, false, false); }

std::optional<double> Irate(const Window& window) {
  if (window.samples.size() < 2) return std::nullopt;
  const Sample& last = window.samples.back();
  const Sample& previous = window.samples[window.samples.size() - 2];
  if (last.time == previous.time) return std::nullopt;
  // After a reset the counter has counted from 0.
  const double change = last.value < previous.value ? last.value : last.value - previous.value;
  return change / Seconds(last.time - previous.time);
}

std::optional<double> Idelta(const Window& window) {
  if (window.samples.size() < 2) return std::nullopt;
  return window.samples.back().value - window.samples[window.samples.size() - 2].value;
}

std::optional<double> Deriv(const Window& window) {
  if (window.samples.size() < 2) return std::nullopt;
  return Regression(window.samples, window.samples.front().time).slope;
}

std::optional<double> PredictLinear(const Window& window) {
  if (window.samples.size() < 2) return std::nullopt;
  const Line line = Regression(window.samples, window.now);
  return line.slope * window.parameter + line.intercept;
}

std::optional<double> SumOverTime(const Window& window) {
  CompensatedSum sum;
  for (const Sample& sample : window.samples) sum.Add(sample.value);
  return sum.value();
}

std::optional<double> AvgOverTime(const Window& window) {
  RunningMean mean;
  for (const Sample& sample : window.samples) mean.Add(sample.value);
  return mean.value();
}

std::optional<double> MinOverTime(const Window& window) {
  double least = window.samples.front().value;
  for (const Sample& sample : window.samples) {
    if (sample.value < least || std::isnan(least)) least = sample.value;
  }
  return least;
}

std::optional<double> MaxOverTime(const Window& window) {
  double most = window.samples.front().value;
  for (const Sample& sample : window.samples) {
    if (sample.value > most || std::isnan(most)) most = sample.value;
  }
  return most;
}

std::optional<double> CountOverTime(const Window& window) { return static_cast<double>(window.samples.size()); }
std::optional<double> LastOverTime(const Window& window) { return window.samples.back().value; }
std::optional<double> PresentOverTime(const Window&) { return 1; }
std::optional<double> StdvarOverTime(const Window& window) { return Variance(window.samples).value(); }
std::optional<double> StddevOverTime(const Window& window) { return std::sqrt(Variance(window.samples).value()); }

std::optional<double> QuantileOverTime(const Window& window) {
  std::vector<double> values;
  values.reserve(window.samples.size());
  for (const Sample& sample : window.samples) values.push_back(sample.value);
  return Quantile(window.parameter, values);
}

std::optional<double> Changes(const Window& window) {
  int changes = 0;
  double previous = window.samples.front().value;
  for (const Sample& sample : window.samples) {
    if (sample.value != previous && !(std::isnan(sample.value) && std::isnan(previous))) ++changes;
    previous = sample.value;
  }
  return changes;
}

std::optional<double> Resets(const Window& window) {
  int resets = 0;
  double previous = window.samples.front().value;
  for (const Sample& sample : window.samples) {
    if (sample.value < previous) ++resets;
    previous = sample.value;
  }
  return resets;
}

}  // namespace inferd::metrics::promql
