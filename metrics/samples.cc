#include "metrics/samples.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace inferd::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

std::vector<Labels> MakeLabels(const MetricFamily& family, const ClientMetric& metric) {
  std::vector<Label> base;
  for (const ClientMetric::Label& label : metric.label) base.push_back({label.name, label.value});
  const auto with = [&](const std::string& name) {
    std::vector<Label> labels = base;
    labels.push_back({std::string(kMetricName), name});
    return labels;
  };
  if (family.type != prometheus::MetricType::Histogram) return {Labels::From(with(family.name))};
  std::vector<Labels> all;
  for (const ClientMetric::Bucket& bucket : metric.histogram.bucket) {
    auto labels = with(family.name + "_bucket");
    labels.push_back({std::string(kBucketLabel), BucketBound(bucket.upper_bound)});
    all.push_back(Labels::From(std::move(labels)));
  }
  all.push_back(Labels::From(with(family.name + "_sum")));
  all.push_back(Labels::From(with(family.name + "_count")));
  return all;
}

}  // namespace

std::string BucketBound(double bound) {
  if (std::isinf(bound)) return bound > 0 ? "+Inf" : "-Inf";
  // Go's strconv.FormatFloat(bound, 'g', -1, 64): an exponent below 1e-4 and from 1e+06 on.
  std::array<char, 32> text{};
  char* end = std::to_chars(text.data(), text.data() + text.size(), bound, std::chars_format::scientific).ptr;
  std::string out(text.data(), end);
  const int exponent = std::stoi(out.substr(out.find('e') + 1));
  if (exponent < -4 || exponent >= 6) return out;
  end = std::to_chars(text.data(), text.data() + text.size(), bound, std::chars_format::fixed).ptr;
  out.assign(text.data(), end);
  return out.find('.') == std::string::npos ? out + ".0" : out;
}

const std::vector<Labels>& SampleMaker::LabelsOf(const MetricFamily& family, const ClientMetric& metric) {
  key_.assign(family.name);
  for (const ClientMetric::Label& label : metric.label) key_.append(1, '\xFF').append(label.name).append(1, '\xFF').append(label.value);
  Known& known = known_[key_];
  const std::size_t wanted = family.type == prometheus::MetricType::Histogram ? metric.histogram.bucket.size() + 2 : 1;
  if (known.labels.size() != wanted) known.labels = MakeLabels(family, metric);
  known.round = round_;
  return known.labels;
}

std::vector<SeriesValue> SampleMaker::Make(std::span<const MetricFamily> families) {
  ++round_;
  std::size_t used = 0;
  std::vector<SeriesValue> values;
  for (const MetricFamily& family : families) {
    for (const ClientMetric& metric : family.metric) {
      const std::vector<Labels>& labels = LabelsOf(family, metric);
      ++used;
      switch (family.type) {
        case prometheus::MetricType::Counter: values.push_back({labels[0], metric.counter.value}); break;
        case prometheus::MetricType::Histogram: {
          std::size_t i = 0;
          for (const ClientMetric::Bucket& bucket : metric.histogram.bucket)
            values.push_back({labels[i++], static_cast<double>(bucket.cumulative_count)});
          values.push_back({labels[i++], metric.histogram.sample_sum});
          values.push_back({labels[i], static_cast<double>(metric.histogram.sample_count)});
          break;
        }
        default: values.push_back({labels[0], metric.gauge.value});
      }
    }
  }
  if (known_.size() > used) std::erase_if(known_, [&](const auto& entry) { return entry.second.round != round_; });
  return values;
}

}  // namespace inferd::metrics
