// Events and lines for the tests of this folder.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "logging/events.h"
#include "logging/format.h"
#include "tests/fakes/fake_tree.h"

namespace inferd::logging {

// One field of each type.
struct Sample {
  std::string_view text = {};
  std::int64_t integer = -7;
  double number = 0.5;
  bool yes = true;
  Duration wait{};
  std::optional<std::string_view> maybe = {};
  std::optional<std::uint64_t> count = {};
  static constexpr EventType kType{
      .name = "sample", .level = Level::kInfo, .component = Component::kDaemon, .message = "sample {text}, maybe {maybe}", .help = "."};
  static constexpr auto Fields() {
    return std::tuple{Field{"text", &Sample::text, ""},  Field{"integer", &Sample::integer, ""},   Field{"number", &Sample::number, ""},
                      Field{"yes", &Sample::yes, ""},    Field{"wait_seconds", &Sample::wait, ""}, Field{"maybe", &Sample::maybe, ""},
                      Field{"count", &Sample::count, ""}};
  }
};

// 2026-11-22 04:50:00.123456789
inline constexpr WallTime kSampleTime{Duration(1795323000'123456789)};

// An event as the outputs see it. The bytes must live as long as the line.
template <typename E>
Line MakeLine(const E& event, std::string& bytes, const About& about = {}, std::uint64_t sequence = 1) {
  bytes.clear();
  Encode(event, sequence, about, bytes);
  Line line;
  line.time = kSampleTime;
  line.level = E::kType.level;
  if (!Decode(bytes, line)) std::abort();
  return line;
}

template <typename E>
std::string JsonOf(const E& event, const About& about = {}) {
  std::string bytes, out;
  AppendJsonLine(MakeLine(event, bytes, about), out);
  return out;
}

template <typename E>
std::string TextOf(const E& event, bool colour = false, const About& about = {}) {
  std::string bytes, out;
  AppendTextLine(MakeLine(event, bytes, about), colour, out);
  return out;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace inferd::logging
