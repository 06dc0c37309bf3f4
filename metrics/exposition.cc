#include "metrics/exposition.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "metrics/exemplars.h"
#include "metrics/series_budget.h"
#include "runtime/base/utf8.h"

namespace inferd::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

std::string_view TypeName(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter: return "counter";
    case prometheus::MetricType::Gauge: return "gauge";
    case prometheus::MetricType::Histogram: return "histogram";
    case prometheus::MetricType::Summary: return "summary";
    default: return "untyped";
  }
}

void AppendCount(std::string& out, std::uint64_t value) {
  std::array<char, 20> buffer;
  out.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr);
}

// The shortest text that reads back as the same number.
void AppendNumber(std::string& out, double value) {
  constexpr double kFixedIsShortest = 1e5;  // of whole numbers below: the common case, in a fraction of the time
  if (value >= 0 && value < kFixedIsShortest && value == std::floor(value) && !std::signbit(value)) {
    AppendCount(out, static_cast<std::uint64_t>(value));
  } else if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    std::array<char, 32> buffer;
    out.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr);
  }
}

// Label values and help: backslash and newline are escaped, the quote in label values (and in OpenMetrics' help).
void AppendEscaped(std::string& out, const std::string& text, bool quotes) {
  const auto plain = [](char c) { return static_cast<unsigned char>(c) < 0x80 && c != '\\' && c != '\n' && c != '"'; };
  if (std::all_of(text.begin(), text.end(), plain)) {
    out += text;
    return;
  }
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

// What is the same for several samples is put together once: the labels and the beginning of a line for each series, the text of a bound
// for all series of a family, and mostly for the next family too.
class Writer {
 public:
  Writer(Format format, const ExemplarTable* exemplars, std::size_t samples) : format_(format), exemplars_(exemplars) {
    constexpr std::size_t kLine = 128;  // a little more than most lines take
    out_.reserve(samples * kLine);
  }

  void Family(const MetricFamily& family) {
    std::string_view name = family.name;
    constexpr std::string_view kTotal = "_total";
    // OpenMetrics names a counter without the suffix that its samples carry.
    if (format_ == Format::kOpenMetrics && family.type == prometheus::MetricType::Counter && name.ends_with(kTotal))
      name.remove_suffix(kTotal.size());
    out_.append("# HELP ").append(name).append(" ");
    AppendEscaped(out_, family.help, format_ == Format::kOpenMetrics);
    out_.append("\n# TYPE ").append(name).append(" ").append(TypeName(family.type)).append("\n");
    const bool has_exemplars = format_ == Format::kOpenMetrics && exemplars_ != nullptr && exemplars_->Has(family.name);
    if (!has_exemplars) places_.clear();
    for (const ClientMetric& metric : family.metric) {
      ReadLabels(metric);
      if (has_exemplars) ReadExemplars(family.name, metric);
      Series(family, metric);
    }
  }

  std::string Finish() {
    if (format_ == Format::kOpenMetrics) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
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
    if (const ExemplarTable::Series* series = exemplars_->Find(name, values)) {
      series->Read(places_);
    } else {
      places_.clear();
    }
  }

  void Series(const MetricFamily& family, const ClientMetric& metric) {
    switch (family.type) {
      case prometheus::MetricType::Counter:
        BeginSample(family.name, "");
        AppendNumber(out_, metric.counter.value);
        EndSample(0);
        return;
      case prometheus::MetricType::Histogram: Histogram(family.name, metric.histogram); return;
      default:
        BeginSample(family.name, "");
        AppendNumber(out_, metric.gauge.value);
        out_ += '\n';
        return;
    }
  }

  void Histogram(const std::string& name, const ClientMetric::Histogram& histogram) {
    begin_.assign(name).append("_bucket{").append(labels_).append(labels_.empty() ? "le=\"" : ",le=\"");
    for (std::size_t i = 0; i < histogram.bucket.size(); ++i) {
      out_.append(begin_).append(BoundText(i, histogram.bucket[i].upper_bound));
      AppendCount(out_, histogram.bucket[i].cumulative_count);
      EndSample(i);
    }
    BeginSample(name, "_sum");
    AppendNumber(out_, histogram.sample_sum);
    out_ += '\n';
    BeginSample(name, "_count");
    AppendCount(out_, histogram.sample_count);
    out_ += '\n';
  }

  void BeginSample(const std::string& name, std::string_view suffix) {
    out_.append(name).append(suffix);
    if (!labels_.empty()) out_.append("{").append(labels_).append("}");
    out_ += ' ';
  }

  // `place`: of its exemplar.
  void EndSample(std::size_t place) {
    if (place < places_.size() && places_[place]) AppendExemplar(*places_[place]);
    out_ += '\n';
  }

  // The `place`-th bound of a histogram, with what closes the labels after it.
  const std::string& BoundText(std::size_t place, double bound) {
    if (place >= bounds_.size()) bounds_.resize(place + 1);
    auto& [number, text] = bounds_[place];
    if (text.empty() || number != std::bit_cast<std::uint64_t>(bound)) {
      number = std::bit_cast<std::uint64_t>(bound);
      text.clear();
      AppendNumber(text, bound);
      // OpenMetrics wants floats, so that 1 and 1.0 are not two series.
      if (format_ == Format::kOpenMetrics && text.find_first_of(".eIN") == std::string::npos) text += ".0";
      text += "\"} ";
    }
    return text;
  }

  void AppendExemplar(const Exemplar& exemplar) {
    out_.append(" # {").append(exemplar.labels).append("} ");
    AppendNumber(out_, exemplar.value);
    out_ += ' ';
    // Seconds; milliseconds are what Prometheus keeps.
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(exemplar.at.time_since_epoch()).count();
    std::array<char, 32> buffer;
    out_.append(
        buffer.data(),
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), static_cast<double>(milliseconds) / 1e3, std::chars_format::fixed).ptr);
  }

  const Format format_;
  const ExemplarTable* const exemplars_;
  std::string out_;
  std::string labels_;                                         // of the series being written
  std::string begin_;                                          // of the lines of its buckets
  std::vector<std::optional<Exemplar>> places_;                // its exemplars
  std::vector<std::pair<std::uint64_t, std::string>> bounds_;  // bits of the bound, text
};

}  // namespace

std::string Render(std::span<const MetricFamily> families, Format format, const ExemplarTable* exemplars) {
  Writer writer(format, exemplars, CountSeries(families));
  for (const MetricFamily& family : families) writer.Family(family);
  return writer.Finish();
}

}  // namespace inferd::metrics
