// From the families that a scrape shows to the series that the history keeps: the same names, labels and values that Prometheus would have
// after scraping them; a histogram becomes its buckets, its sum and its count. Not thread-safe.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "metrics/series/labels.h"
#include "metrics/store/history.h"

namespace inferd::metrics {

class SampleMaker {
 public:
  // Labels are made when a series appears and used again in each later round, until one without it.
  std::vector<SeriesValue> Make(std::span<const prometheus::MetricFamily> families);

 private:
  struct Known {
    std::vector<Labels> labels;  // one series, or a histogram's buckets, sum and count
    std::uint64_t round = 0;
  };
  const std::vector<Labels>& LabelsOf(const prometheus::MetricFamily& family, const prometheus::ClientMetric& metric);

  std::unordered_map<std::string, Known> known_;
  std::string key_;
  std::uint64_t round_ = 0;
};

// The bound of a bucket as Prometheus 3 writes it into the label le: 1.0, 0.005, 1e+06, +Inf.
std::string BucketBound(double bound);

}  // namespace inferd::metrics
