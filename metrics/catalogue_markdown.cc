// docs/METRICS.md, made from the catalogue. Separate from the table so that the table is all there is to read in catalogue.cc.
#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string>
#include <vector>

#include "metrics/catalogue.h"

namespace inferd::metrics {
namespace {

struct SectionText {
  std::string_view title;
  std::string_view intro;
};

constexpr std::array<SectionText, kSectionCount> kSections{{
    {"Requests", "What clients ask for and what they get. Counted where it happens: at every scrape received = ended + in flight."},
    {"Queue", "What waits. The ages are of requests that are still inside, so they rise at once when something is stuck."},
    {"Engine", "What the loop thread of a model does."},
    {"Model", "What is loaded, and how hard it works the machine."},
    {"Daemon", "The daemon about itself."},
    {"Alerting", "The daemon's own history, the rules that are judged over it, and the queries that are asked of it."},
    {"GPU",
     "Read from NVIDIA's driver library (NVML) when there is one, and from sysfs for AMD. Every series carries the GPU's index, UUID and "
     "name; "
     "what a chip or driver does not support is missing, and the log says why, once."},
    {"Host", "The machine and the container around the daemon. What cannot be read is missing."},
    {"Process", "What Prometheus's client libraries export for every process, under the names that dashboards expect."},
    {"Names other tools look for",
     "The same facts under the names of other projects, exported when `observability.compat` lists `vllm` or `otel`. vLLM's dashboards and "
     "gateways that\nroute by its metrics then work unchanged."},
}};

void AppendNumber(std::string& out, double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
  out.append(text.data(), end);
}

void AppendLabels(std::string& out, const MetricInfo& metric) {
  bool first = true;
  for (const LabelInfo& label : metric.labels) {
    if (!first) out += ", ";
    first = false;
    out.append("`").append(label.name).append("`");
  }
}

void AppendRow(std::string& out, const MetricInfo& metric) {
  out.append("| `").append(metric.name).append("` | ").append(MetricTypeName(metric.type)).append(" | ");
  AppendLabels(out, metric);
  out.append(metric.labels.empty() ? "| " : " | ").append(metric.help).append(" |\n");
}

bool SameSet(std::span<const std::string_view> a, std::span<const std::string_view> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// One line for each closed set of label values, in the order in which sets first appear. A label that means something else in a later
// metric is listed again with that metric.
void AppendLabelValues(std::string& out) {
  std::vector<LabelInfo> seen;
  for (const MetricInfo& metric : Catalogue()) {
    for (const LabelInfo& label : metric.labels) {
      const auto same_name = [&label](const LabelInfo& other) { return other.name == label.name; };
      const auto same = [&](const LabelInfo& other) { return same_name(other) && SameSet(other.values, label.values); };
      if (label.values.empty() || std::any_of(seen.begin(), seen.end(), same)) continue;
      out.append("- `").append(label.name).append("`");
      if (std::any_of(seen.begin(), seen.end(), same_name)) out.append(" of `").append(metric.name).append("`");
      seen.push_back(label);
      out.append(": ");
      bool first = true;
      for (const std::string_view value : label.values) {
        if (!first) out += ", ";
        first = false;
        out.append(value.empty() ? "(empty)" : value);
      }
      out += "\n";
    }
  }
}

void AppendBuckets(std::string& out) {
  for (const MetricInfo& metric : Catalogue()) {
    if (metric.type != MetricType::kHistogram) continue;
    out.append("- `").append(metric.name).append("`:");
    for (const double bound : metric.buckets) {
      out += " ";
      AppendNumber(out, bound);
    }
    out += "\n";
  }
}

}  // namespace

std::string CatalogueMarkdown() {
  std::string out =
      "# Metrics\n\n"
      "Every metric that inferd exports at `/metrics`. This page is made from the catalogue in metrics/catalogue.cc by\n"
      "`build/dev/metrics/metrics_doc > docs/METRICS.md`; a test checks that the two agree.\n\n"
      "Units are base units: seconds, bytes, celsius, watts, joules, hertz, ratios from 0 to 1. Counters end in `_total`. Every counter "
      "and every known label "
      "value is\n"
      "exported from the start at 0, so that the first error shows as a rise and not as a new series.\n";
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    out.append("\n## ").append(kSections[i].title).append("\n\n").append(kSections[i].intro);
    out += "\n\n| metric | type | labels | help |\n|---|---|---|---|\n";
    for (const MetricInfo& metric : Catalogue()) {
      if (metric.section == static_cast<Section>(i)) AppendRow(out, metric);
    }
  }
  out +=
      "\n## Label values\n\n"
      "`model` is the name of a model in the configuration, or `other` for requests that name none of them.\n\n";
  AppendLabelValues(out);
  out += "\n## Buckets\n\nUpper bounds of the histograms; `+Inf` follows.\n\n";
  AppendBuckets(out);
  return out;
}

}  // namespace inferd::metrics
