#include "daemon/observability/form.h"

#include <algorithm>

#include "daemon/api/percent.h"

namespace inferd::daemon {
namespace {

// A plus is a space here.
std::string Decode(std::string_view text) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '+', ' ');
  return PercentDecode(plain);
}

}  // namespace

void Form::Add(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    pairs_.emplace_back(Decode(pair.substr(0, equals)), equals == std::string_view::npos ? std::string() : Decode(pair.substr(equals + 1)));
  }
}

std::optional<std::string_view> Form::Find(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value.empty() ? std::nullopt : std::optional<std::string_view>(value);
  }
  return std::nullopt;
}

std::vector<std::string> Form::All(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : pairs_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

}  // namespace inferd::daemon
