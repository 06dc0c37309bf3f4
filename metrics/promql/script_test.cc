#include "metrics/promql/script_test.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "metrics/promql/engine.h"
#include "metrics/promql/format.h"
#include "metrics/promql/memory_series.h"
#include "metrics/promql/parser.h"
#include "metrics/promql/script_parse.h"

namespace inferd::metrics::promql {
namespace {

// Nothing when all is well, else what is wrong.
using Complaint = std::optional<std::string>;

// Equal but for a millionth, relatively.
bool Agrees(double a, double b) {
  if (IsStale(a) || IsStale(b)) return IsStale(a) && IsStale(b);
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  constexpr double kTolerance = 1e-6;
  const double total = std::abs(a) + std::abs(b);
  if (a == 0 || b == 0 || total < std::numeric_limits<double>::min())
    return std::abs(a - b) < kTolerance * std::numeric_limits<double>::min();
  return std::abs(a - b) / std::min(total, std::numeric_limits<double>::max()) < kTolerance;
}

std::vector<Sample> SamplesOf(const NotedSeries& series, Millis start, Millis step) {
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < series.values.size(); ++i) {
    if (series.values[i].kind == NotedValue::Kind::kValue)
      samples.push_back({start + static_cast<Millis>(i) * step, series.values[i].value});
  }
  return samples;
}

Complaint CompareSamples(const Labels& labels, const std::vector<Sample>& wanted, const std::vector<Sample>& got) {
  for (std::size_t i = 0; i < std::max(wanted.size(), got.size()); ++i) {
    const auto text = [&](const std::vector<Sample>& samples) {
      return i < samples.size() ? FormatValue(samples[i].value) + " at " + FormatDuration(samples[i].time) : std::string("nothing more");
    };
    if (i < wanted.size() && i < got.size() && wanted[i].time == got[i].time && Agrees(wanted[i].value, got[i].value)) continue;
    return labels.ToString() + ": expected " + text(wanted) + ", got " + text(got);
  }
  return std::nullopt;
}

Complaint CompareMatrix(const EvalCommand& eval, const Matrix& matrix, Millis start, Millis step) {
  std::map<Labels, std::vector<Sample>> wanted;
  for (const NotedSeries& series : eval.series) wanted[series.labels] = SamplesOf(series, start, step);
  for (const Series& series : matrix) {
    const auto found = wanted.find(series.labels);
    if (found == wanted.end()) return "unexpected series " + series.labels.ToString();
    if (auto complaint = CompareSamples(series.labels, found->second, series.samples)) return complaint;
    wanted.erase(found);
  }
  for (const auto& [labels, samples] : wanted) {
    if (!samples.empty()) return "expected series " + labels.ToString() + " is not there";
  }
  return std::nullopt;
}

Complaint CompareVector(const EvalCommand& eval, const Vector& vector) {
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const VectorSample& sample = vector[i];
    const auto found = std::ranges::find(eval.series, sample.labels, &NotedSeries::labels);
    if (found == eval.series.end()) return "unexpected series " + sample.labels.ToString() + " with value " + FormatValue(sample.value);
    const auto position = static_cast<std::size_t>(found - eval.series.begin());
    if (eval.ordered && position != i) {
      return sample.labels.ToString() + " is at place " + std::to_string(i + 1) + ", expected at " + std::to_string(position + 1);
    }
    const NotedValue& wanted = found->values[0];
    if (wanted.kind != NotedValue::Kind::kValue || !Agrees(wanted.value, sample.value)) {
      return sample.labels.ToString() + ": expected " + FormatValue(wanted.value) + ", got " + FormatValue(sample.value);
    }
  }
  for (const NotedSeries& series : eval.series) {
    if (std::ranges::find(vector, series.labels, &VectorSample::labels) == vector.end()) {
      return "expected series " + series.labels.ToString() + " is not there";
    }
  }
  return std::nullopt;
}

Complaint CompareValue(const EvalCommand& eval, const Value& value) {
  if (eval.text) {
    const auto* text = std::get_if<StringValue>(&value);
    if (text == nullptr) return "expected a string";
    return text->value == *eval.text ? std::nullopt : Complaint("expected string " + Quoted(*eval.text) + ", got " + Quoted(text->value));
  }
  if (eval.scalar) {
    const auto* scalar = std::get_if<ScalarValue>(&value);
    if (scalar == nullptr) return "expected a scalar";
    if (Agrees(*eval.scalar, scalar->value)) return std::nullopt;
    return "expected " + FormatValue(*eval.scalar) + ", got " + FormatValue(scalar->value);
  }
  if (const auto* vector = std::get_if<Vector>(&value)) return CompareVector(eval, *vector);
  if (const auto* matrix = std::get_if<Matrix>(&value)) {
    if (eval.range) return CompareMatrix(eval, *matrix, eval.start, eval.step);
    if (!eval.range_vector) return "the query gave a range vector; say \"expect range vector\"";
    return CompareMatrix(eval, *matrix, eval.range_vector->start, eval.range_vector->step);
  }
  return "expected a vector, got a scalar or a string";
}

// Every expectation has its message, and, if there is one at all, every message its expectation.
Complaint CompareMessages(std::string_view kind, const std::vector<ExpectedMessage>& wanted, bool none,
                          const std::vector<std::string>& got) {
  if (none && !got.empty()) return "unexpected " + std::string(kind) + ": " + got.front();
  if (wanted.empty()) return std::nullopt;
  for (const ExpectedMessage& expected : wanted) {
    if (std::ranges::none_of(got, [&](const std::string& message) { return expected.Matches(message); })) {
      return "expected " + std::string(kind) + " is not there" + (got.empty() ? "" : "; got: " + got.front());
    }
  }
  for (const std::string& message : got) {
    if (std::ranges::none_of(wanted, [&](const ExpectedMessage& expected) { return expected.Matches(message); })) {
      return "unexpected " + std::string(kind) + ": " + message;
    }
  }
  return std::nullopt;
}

class Runner {
 public:
  ScriptReport Run(std::string_view text) {
    ParsedScript script = ParseScript(text);
    for (const Command& command : script.commands) {
      if (const auto* load = std::get_if<LoadCommand>(&command.as)) Load(*load);
      if (std::holds_alternative<ClearCommand>(command.as)) {
        series_.Clear();
        native_.clear();
      }
      if (const auto* eval = std::get_if<EvalCommand>(&command.as)) Eval(*eval, command.line);
    }
    for (ScriptFault& fault : script.faults) Fail(fault.line, std::move(fault.message));
    std::ranges::stable_sort(report_.failures, {}, &ScriptReport::Failure::line);
    return std::move(report_);
  }

 private:
  void Fail(std::size_t line, std::string message) {
    ++report_.failed;
    report_.failures.push_back({line, std::move(message)});
  }

  void Load(const LoadCommand& load) {
    for (const NotedSeries& series : load.series) {
      for (const Sample& sample : SamplesOf(series, 0, load.interval)) series_.Add(series.labels, sample);
      if (std::ranges::find(series.values, NotedValue::Kind::kNativeHistogram, &NotedValue::kind) != series.values.end()) {
        native_.push_back(series.labels);
      }
      const std::string_view name = series.labels.metric_name();
      if (load.with_custom_buckets && name.ends_with("_bucket")) {
        native_.push_back(series.labels.With(kMetricName, name.substr(0, name.size() - 7)).With(kBucketLabel, ""));
      }
    }
  }

  // Whether the answer depends on native histograms.
  bool NeedsNative(const Node& expr, const EvalCommand& eval) const {
    for (const NotedSeries& series : eval.series) {
      if (std::ranges::find(series.values, NotedValue::Kind::kNativeHistogram, &NotedValue::kind) != series.values.end()) return true;
    }
    bool found = false;
    Walk(expr, [&](const Node& node) {
      const auto* selector = node.Get<VectorSelector>();
      if (const auto* matrix = node.Get<MatrixSelector>()) selector = &matrix->selector;
      if (selector == nullptr) return;
      found = found || std::ranges::any_of(native_, [&](const Labels& labels) { return MatchesAll(selector->matchers, labels); });
    });
    return found;
  }

  void Eval(const EvalCommand& eval, std::size_t line) {
    const auto expr = Parse(eval.expr);
    if (!expr && expr.error().code == Code::kUnsupported) {
      ++report_.skipped;
      return;
    }
    if (expr && NeedsNative(**expr, eval)) {
      ++report_.skipped;
      return;
    }
    const auto complaint = expr ? Check(eval, **expr) : CheckFailure(eval, expr.error());
    if (complaint) {
      Fail(line, eval.expr + ": " + *complaint);
    } else {
      ++report_.passed;
    }
  }

  static Complaint CheckFailure(const EvalCommand& eval, const Status& status) {
    if (eval.fail.empty()) return "failed: " + status.message;
    for (const ExpectedMessage& expected : eval.fail) {
      if (!expected.Matches(status.message)) return "failed with another message: " + status.message;
    }
    return std::nullopt;
  }

  Complaint Check(const EvalCommand& eval, const Node& expr) const {
    const auto result =
        eval.range ? QueryRange(expr, series_, eval.start, eval.end, eval.step, {}) : QueryInstant(expr, series_, eval.start, {});
    if (!result) return CheckFailure(eval, result.error());
    if (!eval.fail.empty()) return "expected to fail, and did not";
    if (auto complaint = CompareMessages("warning", eval.warn, eval.no_warn, result->warnings)) return complaint;
    if (auto complaint = CompareMessages("info", eval.info, eval.no_info, result->infos)) return complaint;
    if (auto complaint = CompareValue(eval, result->value)) return complaint;
    return eval.range || eval.ordered ? std::nullopt : CheckAsRange(eval, expr, result->value);
  }

  // An instant query must say the same as the middle step of a range query.
  Complaint CheckAsRange(const EvalCommand& eval, const Node& expr, const Value& instant) const {
    constexpr Millis kStep = 60'000;
    const auto* vector = std::get_if<Vector>(&instant);
    bool depends_on_range = false;
    Walk(expr, [&](const Node& node) {
      const auto fixed = [&](const TimeShift& shift) {
        depends_on_range = depends_on_range || shift.at.kind == At::Kind::kStart || shift.at.kind == At::Kind::kEnd;
      };
      if (const auto* selector = node.Get<VectorSelector>()) fixed(selector->shift);
      if (const auto* matrix = node.Get<MatrixSelector>()) fixed(matrix->selector.shift);
      if (const auto* subquery = node.Get<Subquery>()) fixed(subquery->shift);
    });
    if (vector == nullptr || depends_on_range) return std::nullopt;
    const auto range = QueryRange(expr, series_, eval.start - kStep, eval.start + kStep, kStep, {});
    // The steps beside it may fail where this one does not.
    if (!range) return std::nullopt;
    std::map<Labels, double> wanted;
    for (const VectorSample& sample : *vector) wanted[sample.labels] = sample.value;
    for (const Series& series : std::get<Matrix>(range->value)) {
      for (const Sample& sample : series.samples) {
        if (sample.time != eval.start) continue;
        const auto found = wanted.find(series.labels);
        if (found == wanted.end() || !Agrees(found->second, sample.value)) {
          return "as a step of a range query " + series.labels.ToString() + " is " + FormatValue(sample.value);
        }
        wanted.erase(found);
      }
    }
    if (!wanted.empty()) return "as a step of a range query " + wanted.begin()->first.ToString() + " is not there";
    return std::nullopt;
  }

  MemorySeries series_;
  std::vector<Labels> native_;  // series with native histograms
  ScriptReport report_;
};

}  // namespace

ScriptReport RunScript(std::string_view script) { return Runner().Run(script); }

}  // namespace inferd::metrics::promql
