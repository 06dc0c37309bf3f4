#include "metrics/family.h"

#include <cassert>
#include <string>
#include <utility>

namespace inferd::metrics {
namespace {

prometheus::MetricType TypeOf(MetricType type) {
  switch (type) {
    case MetricType::kCounter: return prometheus::MetricType::Counter;
    case MetricType::kGauge: return prometheus::MetricType::Gauge;
    case MetricType::kHistogram: return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

}  // namespace

FamilyBuilder::FamilyBuilder(Metric metric) : info_(Describe(metric)) {
  family_.name = info_.name;
  family_.help = info_.help;
  family_.type = TypeOf(info_.type);
}

prometheus::ClientMetric& FamilyBuilder::Append(std::initializer_list<std::string_view> labels) {
  assert(labels.size() == info_.labels.size());
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  metric.label.reserve(labels.size());
  std::size_t i = 0;
  for (const std::string_view value : labels) {
    metric.label.push_back({std::string(info_.labels[i].name), std::string(value)});
    ++i;
  }
  return metric;
}

void FamilyBuilder::Add(std::initializer_list<std::string_view> labels, double value) {
  prometheus::ClientMetric& metric = Append(labels);
  if (info_.type == MetricType::kCounter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void FamilyBuilder::Add(std::initializer_list<std::string_view> labels, const prometheus::Histogram& histogram) {
  assert(info_.type == MetricType::kHistogram);
  Append(labels).histogram = histogram.Collect().histogram;
}

prometheus::MetricFamily OneSeries(Metric metric, double value) {
  FamilyBuilder builder(metric);
  builder.Add({}, value);
  return builder.Take();
}

prometheus::Histogram::BucketBoundaries BucketsOf(Metric metric) {
  const auto buckets = Describe(metric).buckets;
  return {buckets.begin(), buckets.end()};
}

}  // namespace inferd::metrics
