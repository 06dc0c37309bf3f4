#include "metrics/exposition.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "metrics/exemplars.h"
#include "runtime/base/utf8.h"

namespace inferd::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

std::string_view TypeName(MetricType type) {
  switch (type) {
    case MetricType::Counter: return "counter";
    case MetricType::Gauge: return "gauge";
    case MetricType::Histogram: return "histogram";
    case MetricType::Summary: return "summary";
    default: return "untyped";
  }
}

// The shortest text that reads back as the same number.
void AppendNumber(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
    out.append(buffer, end);
  }
}

void AppendNumber(std::string& out, std::uint64_t value) { out += std::to_string(value); }

// Label values and help: backslash and newline are escaped, the quote in label values (and in OpenMetrics' help).
void AppendEscaped(std::string& out, const std::string& text, bool quotes) {
  for (const char c : IsValidUtf8(text) ? text : ReplaceInvalidUtf8(text)) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

class Writer {
 public:
  Writer(Format format, const ExemplarTable* exemplars) : format_(format), exemplars_(exemplars) {}

  void Family(const MetricFamily& family) {
    std::string_view name = family.name;
    constexpr std::string_view kTotal = "_total";
    // OpenMetrics names a counter without the suffix that its samples carry.
    if (format_ == Format::kOpenMetrics && family.type == MetricType::Counter && name.ends_with(kTotal)) name.remove_suffix(kTotal.size());
    out_.append("# HELP ").append(name).append(" ");
    AppendEscaped(out_, family.help, format_ == Format::kOpenMetrics);
    out_.append("\n# TYPE ").append(name).append(" ").append(TypeName(family.type)).append("\n");
    const bool has_exemplars = format_ == Format::kOpenMetrics && exemplars_ != nullptr && exemplars_->Has(family.name);
    for (const ClientMetric& metric : family.metric) {
      ReadLabels(metric);
      places_.clear();
      if (has_exemplars) ReadExemplars(family.name, metric);
      Series(family, metric);
    }
  }

  std::string Finish() {
    if (format_ == Format::kOpenMetrics) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  // Once for all samples of the series.
  void ReadLabels(const ClientMetric& metric) {
    labels_.clear();
    for (const ClientMetric::Label& label : metric.label) {
      labels_.append(labels_.empty() ? "" : ",").append(label.name).append("=\"");
      AppendEscaped(labels_, label.value, true);
      labels_ += '"';
    }
  }

  void ReadExemplars(const std::string& name, const ClientMetric& metric) {
    std::vector<std::string_view> values;
    for (const ClientMetric::Label& label : metric.label) values.push_back(label.value);
    if (const ExemplarTable::Series* series = exemplars_->Find(name, values)) places_ = series->Read();
  }

  void Series(const MetricFamily& family, const ClientMetric& metric) {
    switch (family.type) {
      case MetricType::Counter: Sample(family.name, "", {}, metric.counter.value, 0); return;
      case MetricType::Histogram: Histogram(family.name, metric); return;
      default: Sample(family.name, "", {}, metric.gauge.value, kNoPlace); return;
    }
  }

  void Histogram(const std::string& name, const ClientMetric& metric) {
    std::string bound;
    std::size_t place = 0;
    for (const ClientMetric::Bucket& bucket : metric.histogram.bucket) {
      bound.clear();
      AppendNumber(bound, bucket.upper_bound);
      // OpenMetrics wants floats, so that 1 and 1.0 are not two series.
      if (format_ == Format::kOpenMetrics && bound.find_first_of(".eIN") == std::string::npos) bound += ".0";
      Sample(name, "_bucket", bound, bucket.cumulative_count, place++);
    }
    Sample(name, "_sum", {}, metric.histogram.sample_sum, kNoPlace);
    Sample(name, "_count", {}, metric.histogram.sample_count, kNoPlace);
  }

  // `bound`: of a bucket, else empty. `place`: of its exemplar.
  template <typename Number>
  void Sample(const std::string& name, std::string_view suffix, std::string_view bound, Number value, std::size_t place) {
    out_.append(name).append(suffix);
    if (!labels_.empty() || !bound.empty()) {
      out_.append("{").append(labels_);
      if (!bound.empty()) out_.append(labels_.empty() ? "le=\"" : ",le=\"").append(bound).append("\"");
      out_ += '}';
    }
    out_ += ' ';
    AppendNumber(out_, value);
    if (place < places_.size() && places_[place]) AppendExemplar(*places_[place]);
    out_ += '\n';
  }

  void AppendExemplar(const Exemplar& exemplar) {
    out_.append(" # {").append(exemplar.labels).append("} ");
    AppendNumber(out_, exemplar.value);
    out_ += ' ';
    // Seconds; milliseconds are what Prometheus keeps.
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(exemplar.at.time_since_epoch()).count();
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), static_cast<double>(milliseconds) / 1e3, std::chars_format::fixed).ptr;
    out_.append(buffer, end);
  }

  static constexpr std::size_t kNoPlace = static_cast<std::size_t>(-1);
  const Format format_;
  const ExemplarTable* const exemplars_;
  std::string out_;
  std::string labels_;                           // of the series being written
  std::vector<std::optional<Exemplar>> places_;  // its exemplars
};

}  // namespace

std::string Render(std::span<const MetricFamily> families, Format format, const ExemplarTable* exemplars) {
  Writer writer(format, exemplars);
  for (const MetricFamily& family : families) writer.Family(family);
  return writer.Finish();
}

}  // namespace inferd::metrics
