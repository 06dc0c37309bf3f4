#include "metrics/collectors/text_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

namespace inferd::metrics {
namespace {

std::optional<double> NumberIn(const std::string& text) {
  std::istringstream stream(text);
  double value = 0;
  if (!(stream >> value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> ReadText(const std::string& path) {
  std::ifstream in(path);
  if (!in) return std::nullopt;
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) return std::nullopt;
  return text;
}

std::optional<std::string> ReadLine(const std::string& path) {
  auto text = ReadText(path);
  if (text) text->erase(std::min(text->find('\n'), text->size()));
  return text;
}

std::optional<double> ReadNumber(const std::string& path) {
  const auto text = ReadText(path);
  return text ? NumberIn(*text) : std::nullopt;
}

std::optional<double> NumberAfter(std::string_view text, std::string_view key) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(key)) return NumberIn(line.substr(key.size()));
  }
  return std::nullopt;
}

}  // namespace inferd::metrics
