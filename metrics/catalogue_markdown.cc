// docs/METRICS.md, made from the catalogue. Separate from the table so that the table is all there is to read in catalogue.cc.
#include <array>
#include <charconv>
#include <string>

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
    {"Process", "What Prometheus's client libraries export for every process, under the names that dashboards expect."},
}};

void AppendNumber(std::string& out, double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
  out.append(text.data(), end);
}

void AppendLabels(std::string& out, const MetricInfo& metric) {
  bool first = true;
  for (const Label& label : metric.labels) {
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

// One line for each label with a closed set of values, in the order in which labels first appear.
void AppendLabelValues(std::string& out) {
  std::string seen = " ";
  for (const MetricInfo& metric : Catalogue()) {
    for (const Label& label : metric.labels) {
      const std::string key = std::string(label.name) + " ";
      if (label.values.empty() || seen.find(" " + key) != std::string::npos) continue;
      seen += key;
      out.append("- `").append(label.name).append("`: ");
      bool first = true;
      for (const std::string_view value : label.values) {
        if (!first) out += ", ";
        first = false;
        out.append(value);
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
      "Units are base units: seconds, bytes, ratios from 0 to 1. Counters end in `_total`. Every counter and every known label "
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
