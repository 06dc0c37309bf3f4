#include "metrics/series_budget.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "metrics/catalogue.h"

namespace inferd::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

constexpr std::string_view kOther = "other";

std::size_t SamplesOf(const MetricFamily& family, const ClientMetric& metric) {
  return family.type == prometheus::MetricType::Histogram ? metric.histogram.bucket.size() + 2 : 1;
}

// Indices of the labels whose values are not a closed set.
std::vector<std::size_t> OpenLabels(const MetricFamily& family) {
  std::vector<std::size_t> open;
  const MetricInfo* info = FindMetric(family.name);
  for (std::size_t i = 0; info != nullptr && i < info->labels.size(); ++i) {
    if (info->labels[i].values.empty()) open.push_back(i);
  }
  return open;
}

// What is kept or refused as one: the open labels and their values. Empty when there are none, or when all are "other" already.
std::string KeyOf(const ClientMetric& metric, const std::vector<std::size_t>& open) {
  std::string key;
  bool is_other = true;
  for (const std::size_t i : open) {
    is_other = is_other && metric.label[i].value == kOther;
    key.append(metric.label[i].name).append(1, '\xFE').append(metric.label[i].value).append(1, '\xFF');
  }
  return is_other ? std::string() : key;
}

void AddTo(prometheus::MetricType type, ClientMetric& sum, const ClientMetric& metric) {
  if (type == prometheus::MetricType::Counter) {
    sum.counter.value += metric.counter.value;
  } else if (type == prometheus::MetricType::Histogram) {
    for (std::size_t b = 0; b < sum.histogram.bucket.size(); ++b)
      sum.histogram.bucket[b].cumulative_count += metric.histogram.bucket[b].cumulative_count;
    sum.histogram.sample_count += metric.histogram.sample_count;
    sum.histogram.sample_sum += metric.histogram.sample_sum;
  } else {
    // Ages, ratios and temperatures: their sum means nothing, the largest is the one to look at.
    sum.gauge.value = std::max(sum.gauge.value, metric.gauge.value);
  }
}

// Series with the same labels become one.
void Merge(MetricFamily& family) {
  std::vector<ClientMetric> merged;
  std::map<std::string, std::size_t> places;
  for (ClientMetric& metric : family.metric) {
    std::string key;
    for (const ClientMetric::Label& label : metric.label) key.append(label.value).append(1, '\xFF');
    const auto [place, is_new] = places.emplace(std::move(key), merged.size());
    if (is_new) {
      merged.push_back(std::move(metric));
    } else {
      AddTo(family.type, merged[place->second], metric);
    }
  }
  family.metric = std::move(merged);
}

}  // namespace

std::size_t CountSeries(std::span<const MetricFamily> families) {
  std::size_t count = 0;
  for (const MetricFamily& family : families) {
    for (const ClientMetric& metric : family.metric) count += SamplesOf(family, metric);
  }
  return count;
}

std::size_t SeriesBudget::Apply(std::vector<MetricFamily>& families) {
  const std::size_t all = CountSeries(families);
  if (all <= most_) return all;

  std::vector<std::string> order;
  std::unordered_map<std::string, std::size_t> costs;
  std::size_t used = 0;
  for (const MetricFamily& family : families) {
    const std::vector<std::size_t> open = OpenLabels(family);
    std::size_t dearest = 0;  // room for the sum of what will not fit
    for (const ClientMetric& metric : family.metric) {
      const std::size_t samples = SamplesOf(family, metric);
      const std::string key = KeyOf(metric, open);
      if (key.empty()) {
        used += samples;
        continue;
      }
      const auto [cost, is_new] = costs.emplace(key, 0);
      if (is_new) order.push_back(key);
      cost->second += samples;
      dearest = std::max(dearest, samples);
    }
    used += dearest;
  }
  std::unordered_set<std::string> refused;
  for (const std::string& key : order) {
    if (used + costs[key] <= most_) {
      used += costs[key];
    } else {
      refused.insert(key);
    }
  }
  for (MetricFamily& family : families) {
    const std::vector<std::size_t> open = OpenLabels(family);
    bool changed = false;
    for (ClientMetric& metric : family.metric) {
      if (!refused.contains(KeyOf(metric, open))) continue;
      for (const std::size_t i : open) metric.label[i].value = kOther;
      changed = true;
    }
    if (changed) Merge(family);
  }
  {
    const std::lock_guard lock(mutex_);
    refused_.merge(refused);
    overflowed_ = refused_.size();
  }
  return CountSeries(families);
}

}  // namespace inferd::metrics
