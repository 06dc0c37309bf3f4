#include "alerts/template_functions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <utility>

namespace inferd::alerts {
namespace {

using Arguments = std::span<const TemplateValue>;

std::optional<std::string> NotFinite(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  return std::nullopt;
}

std::string Formatted(const char* format, double v) {
  if (const auto word = NotFinite(v)) return *word;
  std::array<char, 400> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, v);
  return buffer.data();
}

// Go's %v: the shortest that reads back as the same number, with an exponent below -4 and from 21.
std::string Shortest(double v) {
  if (const auto word = NotFinite(v)) return *word;
  std::array<char, 64> buffer{};
  const auto scientific = std::to_chars(buffer.data(), buffer.data() + buffer.size(), v, std::chars_format::scientific);
  std::string text(buffer.data(), scientific.ptr);
  const int exponent = std::stoi(text.substr(text.find('e') + 1));
  if (v != 0 && (exponent < -4 || exponent >= 21)) return text;
  return metrics::promql::FormatValue(v);
}

Result<double> AsNumber(const TemplateValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* text = std::get_if<std::string>(&value)) {
    std::string_view digits = *text;
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+')) digits.remove_prefix(1);
    if (const auto number = metrics::promql::ParseNumber(digits)) return negative ? -*number : *number;
  }
  return Wrong("not a number: " + PrintValue(value));
}

// Divides by `base` for each unit that fits, or multiplies where the value is below 1.
std::string WithPrefix(double v, double base, std::span<const std::string_view> large, std::span<const std::string_view> small) {
  std::string_view prefix;
  if (v == 0 || NotFinite(v)) return Formatted("%.4g", v);
  if (std::abs(v) >= 1) {
    for (std::size_t i = 0; i < large.size() && std::abs(v) >= base; ++i, v /= base) prefix = large[i];
  } else {
    for (std::size_t i = 0; i < small.size() && std::abs(v) < 1; ++i, v *= base) prefix = small[i];
  }
  return Formatted("%.4g", v) + std::string(prefix);
}

constexpr std::array<std::string_view, 8> kLarge = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
constexpr std::array<std::string_view, 8> kSmall = {"m", "u", "n", "p", "f", "a", "z", "y"};
constexpr std::array<std::string_view, 8> kBinary = {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};

std::string HumanizeDuration(double v) {
  if (NotFinite(v)) return Formatted("%.4g", v);
  if (v == 0) return Formatted("%.4g", v) + "s";  // with the sign of a negative zero
  if (std::abs(v) < 1) return WithPrefix(v, 1000, {}, kSmall) + "s";
  if (std::abs(v) < 60) return Formatted("%.4g", v) + "s";
  const std::string sign = v < 0 ? "-" : "";
  if (!(std::abs(v) < 1e15)) return Formatted("%.4g", v) + "s";
  const auto total = static_cast<std::int64_t>(std::abs(v));
  const std::string seconds = std::to_string(total % 60) + "s";
  const std::string minutes = std::to_string(total / 60 % 60) + "m ";
  const std::string hours = std::to_string(total / 3600 % 24) + "h ";
  if (total >= 86400) return sign + std::to_string(total / 86400) + "d " + hours + minutes + seconds;
  if (total >= 3600) return sign + hours + minutes + seconds;
  return sign + minutes + seconds;
}

// "2015-06-23 13:19:44.128 +0000 UTC"
Result<std::string> HumanizeTimestamp(double v) {
  if (const auto word = NotFinite(v)) return *word;
  constexpr double kMost = 9.2e9;  // seconds whose nanoseconds fit into 64 bits
  if (std::abs(v) > kMost) return Wrong(Shortest(v) + " cannot be represented as a timestamp");
  const auto millis = std::chrono::milliseconds(std::llround(v * 1000));
  const auto time = std::chrono::sys_time<std::chrono::milliseconds>(millis);
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02u %02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
  std::string text = buffer.data();
  if (const auto rest = clock.subseconds().count(); rest != 0) {
    std::snprintf(buffer.data(), buffer.size(), ".%03d", static_cast<int>(rest));
    text += buffer.data();
    while (text.ends_with('0')) text.pop_back();
  }
  return text + " +0000 UTC";
}

std::string Cased(std::string text, bool upper) {
  for (char& c : text) {
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (!upper && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string Titled(std::string text) {
  bool first = true;
  for (char& c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '\'';
    if (first && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    first = !letter;
  }
  return text;
}

// "host:port" and "[::1]:port" without the port; anything else as it is.
std::string StripPort(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return text;
  if (text.starts_with('[')) return text[colon - 1] == ']' ? text.substr(1, colon - 2) : text;
  return text.find(':') == colon ? text.substr(0, colon) : text;
}

std::string StripDomain(const std::string& text) {
  const std::string host = StripPort(text);
  const bool is_address =
      host.find(':') != std::string::npos || std::ranges::all_of(host, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
  if (is_address) return text;
  return host.substr(0, host.find('.')) + text.substr(host.size());
}

// Verbs %s %v %q %d %f %e %g %t %% with flags, width and precision.
Result<std::string> Printf(Arguments arguments) {
  const auto* format = arguments.empty() ? nullptr : std::get_if<std::string>(arguments.data());
  if (format == nullptr) return Wrong("printf needs a format");
  std::string out;
  std::size_t next = 1;
  for (std::size_t i = 0; i < format->size(); ++i) {
    if ((*format)[i] != '%') {
      out.push_back((*format)[i]);
      continue;
    }
    const auto end = format->find_first_not_of("+-# 0123456789.", i + 1);
    if (end == std::string::npos) return Wrong("printf: no verb behind %");
    std::string spec = format->substr(i, end - i);
    const char verb = (*format)[end];
    i = end;
    if (verb == '%') {
      out.push_back('%');
      continue;
    }
    if (spec.size() > 12) return Wrong("printf: width or precision too large");
    if (next >= arguments.size()) return Wrong("printf: an argument is missing");
    const TemplateValue& value = arguments[next++];
    if (std::string_view("feEgG").find(verb) != std::string_view::npos) {
      INFERD_ASSIGN_OR_RETURN(const double number, AsNumber(value));
      std::array<char, 1024> buffer{};
      std::snprintf(buffer.data(), buffer.size(), (spec + verb).c_str(), number);
      out += NotFinite(number).value_or(buffer.data());
    } else if (std::string_view("svqtd").find(verb) != std::string_view::npos) {
      const std::string text = verb == 'q' ? metrics::Quoted(PrintValue(value)) : PrintValue(value);
      std::array<char, 4096> buffer{};
      std::snprintf(buffer.data(), buffer.size(), (spec + 's').c_str(), text.c_str());
      out += buffer.data();
    } else {
      return Wrong(std::string("printf: unknown verb %") + verb);
    }
  }
  return out;
}

// Less than 0, 0, or more: numbers by value, all else as text.
Result<int> Compared(const TemplateValue& a, const TemplateValue& b) {
  const auto* x = std::get_if<double>(&a);
  const auto* y = std::get_if<double>(&b);
  if (x != nullptr && y != nullptr) return *x < *y ? -1 : *x > *y ? 1 : 0;
  if (a.index() != b.index()) return Wrong("incompatible types for comparison");
  return PrintValue(a).compare(PrintValue(b));
}

template <typename Test>
Result<TemplateValue> Comparison(Arguments a, const Test& test) {
  INFERD_ASSIGN_OR_RETURN(const int order, Compared(a[0], a[1]));
  return test(order);
}

template <typename Convert>
Result<TemplateValue> OfNumber(Arguments a, const Convert& convert) {
  INFERD_ASSIGN_OR_RETURN(const double number, AsNumber(a[0]));
  return TemplateValue(convert(number));
}

struct TemplateFunction {
  std::string_view name;
  std::size_t least;
  std::size_t most;
  Result<TemplateValue> (*call)(Arguments);
};

constexpr std::size_t kAny = 100;
const std::array kFunctions = {
    TemplateFunction{"and", 1, kAny, [](Arguments a) -> Result<TemplateValue> {
      for (const auto& value : a) {
        if (!IsTrue(value)) return value;
      }
      return a.back();
    }},
    TemplateFunction{"eq", 2, kAny, [](Arguments a) -> Result<TemplateValue> {
      for (std::size_t i = 1; i < a.size(); ++i) {
        INFERD_ASSIGN_OR_RETURN(const int order, Compared(a[0], a[i]));
        if (order == 0) return true;
      }
      return false;
    }},
    TemplateFunction{"first", 1, 1, [](Arguments a) -> Result<TemplateValue> {
      const auto* samples = std::get_if<QueryValue>(a.data());
      if (samples == nullptr || samples->empty()) return Wrong("first() called on vector with no elements");
      return samples->front();
    }},
    TemplateFunction{"ge", 2, 2, [](Arguments a) { return Comparison(a, [](int order) { return order >= 0; }); }},
    TemplateFunction{"gt", 2, 2, [](Arguments a) { return Comparison(a, [](int order) { return order > 0; }); }},
    TemplateFunction{"humanize", 1, 1, [](Arguments a) { return OfNumber(a, [](double v) { return WithPrefix(v, 1000, kLarge, kSmall); }); }},
    TemplateFunction{"humanize1024", 1, 1, [](Arguments a) { return OfNumber(a, [](double v) { return WithPrefix(v, 1024, kBinary, {}); }); }},
    TemplateFunction{"humanizeDuration", 1, 1, [](Arguments a) { return OfNumber(a, HumanizeDuration); }},
    TemplateFunction{"humanizePercentage", 1, 1, [](Arguments a) { return OfNumber(a, [](double v) { return Formatted("%.4g", v * 100) + "%"; }); }},
    TemplateFunction{"humanizeTimestamp", 1, 1, [](Arguments a) -> Result<TemplateValue> {
      INFERD_ASSIGN_OR_RETURN(const double number, AsNumber(a[0]));
      return HumanizeTimestamp(number);
    }},
    TemplateFunction{"index", 2, 2, [](Arguments a) -> Result<TemplateValue> {
      if (const auto* labels = std::get_if<metrics::Labels>(a.data())) return std::string(labels->Get(PrintValue(a[1])));
      const auto* samples = std::get_if<QueryValue>(a.data());
      const auto* place = std::get_if<double>(&a[1]);
      if (samples == nullptr || place == nullptr || !(*place >= 0 && *place < static_cast<double>(samples->size()))) return Wrong("index out of range");
      return (*samples)[static_cast<std::size_t>(*place)];
    }},
    TemplateFunction{"label", 2, 2, [](Arguments a) -> Result<TemplateValue> {
      const auto* sample = std::get_if<metrics::QuerySample>(&a[1]);
      if (sample == nullptr) return Wrong("label() needs a sample");
      return std::string(sample->labels.Get(PrintValue(a[0])));
    }},
    TemplateFunction{"le", 2, 2, [](Arguments a) { return Comparison(a, [](int order) { return order <= 0; }); }},
    TemplateFunction{"len", 1, 1, [](Arguments a) -> Result<TemplateValue> {
      if (const auto* samples = std::get_if<QueryValue>(a.data())) return static_cast<double>(samples->size());
      if (const auto* labels = std::get_if<metrics::Labels>(a.data())) return static_cast<double>(labels->pairs().size());
      return static_cast<double>(PrintValue(a[0]).size());
    }},
    TemplateFunction{"lt", 2, 2, [](Arguments a) { return Comparison(a, [](int order) { return order < 0; }); }},
    TemplateFunction{"match", 2, 2, [](Arguments a) -> Result<TemplateValue> {
      INFERD_ASSIGN_OR_RETURN(const auto regex, metrics::Regex::Compile(PrintValue(a[0])));
      return regex.Finds(PrintValue(a[1]));
    }},
    TemplateFunction{"ne", 2, 2, [](Arguments a) { return Comparison(a, [](int order) { return order != 0; }); }},
    TemplateFunction{"not", 1, 1, [](Arguments a) -> Result<TemplateValue> { return !IsTrue(a[0]); }},
    TemplateFunction{"or", 1, kAny, [](Arguments a) -> Result<TemplateValue> {
      for (const auto& value : a) {
        if (IsTrue(value)) return value;
      }
      return a.back();
    }},
    TemplateFunction{"parseDuration", 1, 1, [](Arguments a) -> Result<TemplateValue> {
      const auto duration = metrics::promql::ParseDuration(PrintValue(a[0]));
      if (!duration) return Wrong("not a duration: " + PrintValue(a[0]));
      return static_cast<double>(*duration) / 1000;
    }},
    TemplateFunction{"print", 0, kAny, [](Arguments a) -> Result<TemplateValue> {
      std::string out;
      for (const auto& value : a) out += PrintValue(value);
      return out;
    }},
    TemplateFunction{"printf", 1, kAny, [](Arguments a) -> Result<TemplateValue> {
      INFERD_ASSIGN_OR_RETURN(auto text, Printf(a));
      return text;
    }},
    TemplateFunction{"reReplaceAll", 3, 3, [](Arguments a) -> Result<TemplateValue> {
      INFERD_ASSIGN_OR_RETURN(const auto regex, metrics::Regex::Compile(PrintValue(a[0])));
      return regex.ReplaceAll(PrintValue(a[2]), PrintValue(a[1]));
    }},
    TemplateFunction{"sortByLabel", 2, 2, [](Arguments a) -> Result<TemplateValue> {
      const auto* samples = std::get_if<QueryValue>(&a[1]);
      if (samples == nullptr) return Wrong("sortByLabel() needs the result of a query");
      QueryValue sorted = *samples;
      const std::string label = PrintValue(a[0]);
      std::ranges::stable_sort(sorted, {}, [&](const metrics::QuerySample& s) { return s.labels.Get(label); });
      return sorted;
    }},
    TemplateFunction{"stripDomain", 1, 1, [](Arguments a) -> Result<TemplateValue> { return StripDomain(PrintValue(a[0])); }},
    TemplateFunction{"stripPort", 1, 1, [](Arguments a) -> Result<TemplateValue> { return StripPort(PrintValue(a[0])); }},
    TemplateFunction{"title", 1, 1, [](Arguments a) -> Result<TemplateValue> { return Titled(PrintValue(a[0])); }},
    TemplateFunction{"toLower", 1, 1, [](Arguments a) -> Result<TemplateValue> { return Cased(PrintValue(a[0]), false); }},
    TemplateFunction{"toUpper", 1, 1, [](Arguments a) -> Result<TemplateValue> { return Cased(PrintValue(a[0]), true); }},
    TemplateFunction{"value", 1, 1, [](Arguments a) -> Result<TemplateValue> {
      const auto* sample = std::get_if<metrics::QuerySample>(a.data());
      if (sample == nullptr) return Wrong("value() needs a sample");
      return sample->value;
    }},
};

}  // namespace

std::string PrintValue(const TemplateValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<double>(&value)) return Shortest(*number);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* labels = std::get_if<metrics::Labels>(&value)) {
    std::string out;
    for (const auto& label : labels->pairs()) out += (out.empty() ? "" : " ") + label.name + ":" + label.value;
    return "map[" + out + "]";
  }
  if (const auto* sample = std::get_if<metrics::QuerySample>(&value)) return sample->labels.ToString() + " " + Shortest(sample->value);
  if (const auto* samples = std::get_if<QueryValue>(&value)) {
    std::string out;
    for (const auto& sample : *samples) out += (out.empty() ? "" : " ") + PrintValue(TemplateValue(sample));
    return "[" + out + "]";
  }
  return "<no value>";
}

bool IsTrue(const TemplateValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return !text->empty();
  if (const auto* number = std::get_if<double>(&value)) return *number != 0;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  if (const auto* labels = std::get_if<metrics::Labels>(&value)) return !labels->empty();
  if (const auto* samples = std::get_if<QueryValue>(&value)) return !samples->empty();
  return !std::holds_alternative<NoValue>(value);
}

tl::unexpected<Status> Wrong(std::string what) { return Error(Code::kInvalidArgument, "template: " + std::move(what)); }

bool IsTemplateFunction(std::string_view name) {
  return name == "query" || std::ranges::find(kFunctions, name, &TemplateFunction::name) != kFunctions.end();
}

Result<TemplateValue> CallTemplateFunction(std::string_view name, std::span<const TemplateValue> arguments) {
  const auto* const function = std::ranges::find(kFunctions, name, &TemplateFunction::name);
  if (function == kFunctions.end()) return Wrong("function \"" + std::string(name) + "\" not defined");
  if (arguments.size() < function->least || arguments.size() > function->most) {
    return Wrong("wrong number of arguments for " + std::string(name) + ": " + std::to_string(arguments.size()));
  }
  return function->call(arguments);
}

}  // namespace inferd::alerts
