// What families say, in the form in which tests ask: "name{label=value,...}" to number.
#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <span>
#include <string>

namespace inferd::metrics {

// Labels named in `without` are left out of the keys.
inline std::map<std::string, double> SamplesOf(std::span<const prometheus::MetricFamily> families, const std::string& without = "") {
  std::map<std::string, double> samples;
  for (const prometheus::MetricFamily& family : families) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::string labels;
      for (const auto& label : metric.label) {
        if (without.find(" " + label.name + " ") != std::string::npos) continue;
        labels += (labels.empty() ? "" : ",") + label.name + "=" + label.value;
      }
      const double value = family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
      samples[family.name + (labels.empty() ? "" : "{" + labels + "}")] = value;
    }
  }
  return samples;
}

}  // namespace inferd::metrics
