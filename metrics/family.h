// Families for the exposition, described by the catalogue: a caller gives a metric's id and its values, and nothing else about it.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string_view>
#include <vector>

#include "metrics/catalogue.h"

namespace inferd::metrics {

// Builds one family. Not thread-safe.
class FamilyBuilder {
 public:
  explicit FamilyBuilder(Metric metric);

  // One series of a counter or gauge; label values in the catalogue's order.
  void Add(std::initializer_list<std::string_view> labels, double value);
  // One series of a histogram.
  void Add(std::initializer_list<std::string_view> labels, const prometheus::Histogram& histogram);

  prometheus::MetricFamily Take() { return std::move(family_); }

 private:
  prometheus::ClientMetric& Append(std::initializer_list<std::string_view> labels);

  const MetricInfo& info_;
  prometheus::MetricFamily family_;
};

// A counter or gauge without labels.
prometheus::MetricFamily OneSeries(Metric metric, double value);

// A histogram with the catalogue's buckets.
prometheus::Histogram::BucketBoundaries BucketsOf(Metric metric);

}  // namespace inferd::metrics
