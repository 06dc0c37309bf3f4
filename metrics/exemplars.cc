#include "metrics/exemplars.h"

#include <algorithm>
#include <cassert>

#include "runtime/base/utf8.h"

namespace inferd::metrics {
namespace {

std::size_t CodePoints(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string KeyOf(std::string_view name, auto begin, auto end) {
  std::string key(name);
  for (auto label = begin; label != end; ++label) key.append(1, '\xFF').append(*label);  // no UTF-8 text has this byte
  return key;
}

}  // namespace

std::string ExemplarLabels(std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
  std::string out;
  std::size_t used = 0;
  for (const auto& [name, raw] : labels) {
    const std::string value = IsValidUtf8(raw) ? std::string(raw) : ReplaceInvalidUtf8(raw);
    const std::size_t points = CodePoints(name) + CodePoints(value);
    if (value.empty() || used + points > kExemplarCodePoints) continue;
    used += points;
    out.append(out.empty() ? "" : ",").append(name).append("=\"");
    for (const char c : value) {
      if (c == '\\' || c == '"') out += '\\';
      out += c == '\n' ? ' ' : c;
    }
    out += '"';
  }
  return out;
}

ExemplarTable::Series::Series(Metric metric) : info_(Describe(metric)), places_(info_.buckets.size() + 1) {}

void ExemplarTable::Series::Note(double value, const std::string& labels, WallTime at) {
  if (labels.empty()) return;
  // The first bound that is not below the value: buckets include their upper bound.
  const auto bucket = std::lower_bound(info_.buckets.begin(), info_.buckets.end(), value) - info_.buckets.begin();
  const std::lock_guard lock(mutex_);
  std::optional<Exemplar>& place = places_[static_cast<std::size_t>(bucket)];
  if (!place || place->at < at) place = Exemplar{labels, value, at};
}

void ExemplarTable::Series::Read(std::vector<std::optional<Exemplar>>& places) const {
  const std::lock_guard lock(mutex_);
  places = places_;
}

ExemplarTable::Series& ExemplarTable::Add(Metric metric, std::initializer_list<std::string_view> labels) {
  const MetricInfo& info = Describe(metric);
  assert(labels.size() == info.labels.size());
  Series& series = series_.emplace_back(metric);
  by_key_.emplace(KeyOf(info.name, labels.begin(), labels.end()), &series);
  if (!Has(info.name)) names_.push_back(info.name);
  return series;
}

const ExemplarTable::Series* ExemplarTable::Find(std::string_view name, const std::vector<std::string_view>& labels) const {
  const auto found = by_key_.find(KeyOf(name, labels.begin(), labels.end()));
  return found == by_key_.end() ? nullptr : found->second;
}

bool ExemplarTable::Has(std::string_view name) const { return std::find(names_.begin(), names_.end(), name) != names_.end(); }

}  // namespace inferd::metrics
