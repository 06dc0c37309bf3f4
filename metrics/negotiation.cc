#include "metrics/negotiation.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

namespace inferd::metrics {
namespace {

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

bool Same(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// A weight from 0 to 1. What is no weight asks for nothing.
double Quality(std::string_view text) {
  double quality = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), quality, std::chars_format::fixed);
  return error == std::errc() && end == text.data() + text.size() && quality >= 0 && quality <= 1 ? quality : 0;
}

// One element of a list: "text/plain;version=0.0.4;q=0.5".
struct Wish {
  std::string_view value;
  std::string_view version;
  double quality = 1;
};

// Takes the next one off the front of `header`, which is not empty.
Wish NextWish(std::string_view& header) {
  std::string_view element = Next(header, ',');
  Wish wish;
  wish.value = Next(element, ';');
  while (!element.empty()) {
    std::string_view parameter = Next(element, ';');
    const std::string_view name = Next(parameter, '=');
    std::string_view value = Trim(parameter);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    if (Same(name, "q")) wish.quality = Quality(value);
    if (Same(name, "version")) wish.version = value;
  }
  return wish;
}

// Keeps the better of two weights for the same thing.
void Raise(std::optional<double>& quality, double to) { quality = std::max(quality.value_or(0), to); }

}  // namespace

Format ChooseFormat(std::string_view accept) {
  std::optional<double> open, text, any_text, anything;
  while (!accept.empty()) {
    const Wish wish = NextWish(accept);
    if (Same(wish.value, "application/openmetrics-text") && (wish.version.empty() || wish.version == "1.0.0")) Raise(open, wish.quality);
    if (Same(wish.value, "text/plain") && (wish.version.empty() || wish.version == "0.0.4")) Raise(text, wish.quality);
    if (wish.value == "text/*") Raise(any_text, wish.quality);
    if (wish.value == "*/*") Raise(anything, wish.quality);
  }
  const double open_quality = open.value_or(0);
  // The most specific range counts.
  const double text_quality = text ? *text : any_text ? *any_text : anything.value_or(0);
  return open_quality > 0 && open_quality >= text_quality ? Format::kOpenMetrics : Format::kText;
}

std::string_view ContentType(Format format) {
  return format == Format::kText ? "text/plain; version=0.0.4; charset=utf-8"
                                 : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

bool AcceptsGzip(std::string_view accept_encoding) {
  std::optional<double> gzip, anything;
  while (!accept_encoding.empty()) {
    const Wish wish = NextWish(accept_encoding);
    if (Same(wish.value, "gzip") || Same(wish.value, "x-gzip")) Raise(gzip, wish.quality);
    if (wish.value == "*") Raise(anything, wish.quality);
  }
  return (gzip ? *gzip : anything.value_or(0)) > 0;
}

}  // namespace inferd::metrics
