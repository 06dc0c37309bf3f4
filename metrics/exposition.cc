#include "metrics/exposition.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>

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
  explicit Writer(Format format) : format_(format) {}

  void Family(const MetricFamily& family) {
    std::string_view name = family.name;
    constexpr std::string_view kTotal = "_total";
    // OpenMetrics names a counter without the suffix that its samples carry.
    if (format_ == Format::kOpenMetrics && family.type == MetricType::Counter && name.ends_with(kTotal)) name.remove_suffix(kTotal.size());
    out_.append("# HELP ").append(name).append(" ");
    AppendEscaped(out_, family.help, format_ == Format::kOpenMetrics);
    out_.append("\n# TYPE ").append(name).append(" ").append(TypeName(family.type)).append("\n");
    for (const ClientMetric& metric : family.metric) Series(family, metric);
  }

  std::string Finish() {
    if (format_ == Format::kOpenMetrics) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  void Series(const MetricFamily& family, const ClientMetric& metric) {
    switch (family.type) {
      case MetricType::Counter: Sample(family.name, "", metric, nullptr, metric.counter.value); return;
      case MetricType::Histogram: Histogram(family.name, metric); return;
      default: Sample(family.name, "", metric, nullptr, metric.gauge.value); return;
    }
  }

  void Histogram(const std::string& name, const ClientMetric& metric) {
    for (const ClientMetric::Bucket& bucket : metric.histogram.bucket) {
      std::string bound;
      AppendNumber(bound, bucket.upper_bound);
      // OpenMetrics wants floats, so that 1 and 1.0 are not two series.
      if (format_ == Format::kOpenMetrics && bound.find_first_of(".eIN") == std::string::npos) bound += ".0";
      Sample(name, "_bucket", metric, &bound, bucket.cumulative_count);
    }
    Sample(name, "_sum", metric, nullptr, metric.histogram.sample_sum);
    Sample(name, "_count", metric, nullptr, metric.histogram.sample_count);
  }

  template <typename Number>
  void Sample(const std::string& name, std::string_view suffix, const ClientMetric& metric, const std::string* bound, Number value) {
    out_.append(name).append(suffix);
    if (!metric.label.empty() || bound != nullptr) {
      char separator = '{';
      for (const ClientMetric::Label& label : metric.label) {
        out_.append(1, separator).append(label.name).append("=\"");
        AppendEscaped(out_, label.value, true);
        out_ += '"';
        separator = ',';
      }
      if (bound != nullptr) out_.append(1, separator).append("le=\"").append(*bound).append("\"");
      out_ += '}';
    }
    out_ += ' ';
    AppendNumber(out_, value);
    out_ += '\n';
  }

  const Format format_;
  std::string out_;
};

std::string_view Trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes what comes before `separator` off the front of `text`.
std::string_view Next(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const std::string_view piece = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return Trim(piece);
}

}  // namespace

Format ChooseFormat(std::string_view accept) {
  double best_open = 0;
  double best_text = 0;
  while (!accept.empty()) {
    std::string_view range = Next(accept, ',');
    const std::string_view type = Next(range, ';');
    double quality = 1;
    bool version_fits = true;
    while (!range.empty()) {
      const std::string_view parameter = Next(range, ';');
      if (parameter.starts_with("q=")) quality = std::strtod(std::string(parameter.substr(2)).c_str(), nullptr);
      if (parameter.starts_with("version="))
        version_fits = parameter == "version=1.0.0" || parameter == "version=0.0.1" || parameter == "version=0.0.4";
    }
    if (!version_fits) continue;
    if (type == "application/openmetrics-text") best_open = std::max(best_open, quality);
    if (type == "text/plain" || type == "text/*" || type == "*/*") best_text = std::max(best_text, quality);
  }
  return best_open > 0 && best_open >= best_text ? Format::kOpenMetrics : Format::kText;
}

std::string_view ContentType(Format format) {
  return format == Format::kText ? "text/plain; version=0.0.4; charset=utf-8"
                                 : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

std::string Render(std::span<const MetricFamily> families, Format format) {
  Writer writer(format);
  for (const MetricFamily& family : families) writer.Family(family);
  return writer.Finish();
}

}  // namespace inferd::metrics
