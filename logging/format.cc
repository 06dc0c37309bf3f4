#include "logging/format.h"

#include <array>
#include <chrono>
#include <cstdint>

#include "logging/json.h"
#include "runtime/base/utf8.h"

namespace inferd::logging {
namespace {

void AppendDigits(std::uint64_t value, std::size_t digits, std::string& out) {
  const std::size_t begin = out.size();
  out.append(digits, '0');
  for (std::size_t i = digits; i > 0 && value > 0; --i, value /= 10) out[begin + i - 1] = static_cast<char>('0' + value % 10);
}

// Hours, minutes, seconds, and the fraction in `digits` digits.
void AppendTimeOfDay(WallTime time, std::size_t digits, std::string& out) {
  const auto of_day = time - std::chrono::floor<std::chrono::days>(time);
  const auto micros = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(of_day).count());
  AppendDigits(micros / 3'600'000'000U, 2, out);
  out += ':';
  AppendDigits(micros / 60'000'000U % 60, 2, out);
  out += ':';
  AppendDigits(micros / 1'000'000U % 60, 2, out);
  out += '.';
  AppendDigits(digits == 3 ? micros % 1'000'000U / 1000 : micros % 1'000'000U, digits, out);
}

void AppendJsonValue(FieldType type, const Value& value, std::string& out) {
  switch (type) {
    case FieldType::kText: AppendJsonString(value.text, out); break;
    case FieldType::kNumber: AppendJsonNumber(value.number, out); break;
    case FieldType::kInteger:
    case FieldType::kBool:
    case FieldType::kSeconds: AppendValue(type, value, out); break;
  }
}

// Names are ours and need no escapes.
void AppendKey(std::string_view name, std::string& out) {
  out += ",\"";
  out += name;
  out += "\":";
}

void AppendMember(std::string_view name, std::string_view text, std::string& out) {
  if (text.empty()) return;
  AppendKey(name, out);
  AppendJsonString(text, out);
}

// Without what could drive a terminal or look like another line.
void AppendPrintable(std::string_view text, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = DecodeUtf8(text, at);
    if (point.value == kInvalidCodePoint) {
      out += "\xEF\xBF\xBD";
    } else if (point.value < 0x20 || (point.value >= 0x7F && point.value < 0xA0)) {
      out += "\\x";
      out += kHex[point.value >> 4U];
      out += kHex[point.value & 15U];
    } else if (IsBidirectionalControl(point.value)) {
      out += "\xEF\xBF\xBD";
    } else if (point.value == 0x2028 || point.value == 0x2029) {
      out += ' ';
    } else {
      out.append(text, at, point.length);
    }
    at += point.length;
  }
}

// In quotes if it holds anything that would look like another field.
void AppendField(std::string_view name, std::string_view text, std::string& out) {
  out += ' ';
  out += name;
  out += '=';
  if (!text.empty() && text.find_first_of(" =\"") == std::string_view::npos) {
    AppendPrintable(text, out);
    return;
  }
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? '\'' : c;
  AppendPrintable(quoted += '"', out);
}

bool InMessage(const EventInfo& info, std::string_view field) {
  const std::string_view message = info.type.message;
  for (std::size_t at = message.find(field); at != std::string_view::npos; at = message.find(field, at + 1)) {
    if (at > 0 && message[at - 1] == '{' && at + field.size() < message.size() && message[at + field.size()] == '}') return true;
  }
  return false;
}

// A message that is nothing but one field says that field already.
bool IsWholeMessage(const EventInfo& info, std::string_view field) {
  return info.type.message.size() == field.size() + 2 && InMessage(info, field);
}

}  // namespace

void AppendTime(WallTime time, std::string& out) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  AppendDigits(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4, out);
  out += '-';
  AppendDigits(static_cast<unsigned>(date.month()), 2, out);
  out += '-';
  AppendDigits(static_cast<unsigned>(date.day()), 2, out);
  out += 'T';
  AppendTimeOfDay(time, 6, out);
  out += 'Z';
}

void AppendJsonLine(const Line& line, std::string& out) {
  const EventType& type = line.info->type;
  out += "{\"time\":\"";
  AppendTime(line.time, out);
  out += "\",\"level\":\"";
  out += LevelName(line.level);
  out += "\",\"event\":\"";
  out += type.name;
  out += '"';
  AppendKey("message", out);
  std::string message;
  AppendMessage(line, message);
  AppendJsonString(message, out);
  out += ",\"component\":\"";
  out += ComponentName(type.component);
  out += '"';
  AppendKey("seq", out);
  AppendValue(FieldType::kInteger, {.integer = static_cast<std::int64_t>(line.sequence)}, out);
  AppendMember("request_id", line.about.request_id, out);
  AppendMember("trace_id", line.about.trace_id, out);
  AppendMember("model", line.about.model, out);
  for (std::size_t i = 0; i < line.info->fields.size(); ++i) {
    const FieldInfo& field = line.info->fields[i];
    if (!line.values[i].present || IsWholeMessage(*line.info, field.name)) continue;
    AppendKey(field.name, out);
    AppendJsonValue(field.type, line.values[i], out);
  }
  out += '}';
}

void AppendTextLine(const Line& line, bool colour, std::string& out) {
  constexpr std::array<std::string_view, kLevels> kColours{"\x1b[2m", "\x1b[36m", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[1;31m"};
  constexpr std::string_view kDim = "\x1b[2m";
  constexpr std::string_view kPlain = "\x1b[0m";
  const auto paint = [&](std::string_view code) {
    if (colour) out += code;
  };
  paint(kDim);
  AppendTimeOfDay(line.time, 3, out);
  paint(kPlain);
  out += ' ';
  paint(kColours[static_cast<std::size_t>(line.level)]);
  const std::string_view level = LevelName(line.level);
  out += level;
  paint(kPlain);
  out.append(9 - level.size(), ' ');
  std::string message;
  AppendMessage(line, message);
  AppendPrintable(message, out);
  paint(kDim);
  if (!line.about.request_id.empty()) AppendField("request_id", line.about.request_id, out);
  if (!line.about.model.empty() && !InMessage(*line.info, "model")) AppendField("model", line.about.model, out);
  std::string text;
  for (std::size_t i = 0; i < line.info->fields.size(); ++i) {
    const FieldInfo& field = line.info->fields[i];
    if (!line.values[i].present || InMessage(*line.info, field.name)) continue;
    text.clear();
    AppendValue(field.type, line.values[i], text);
    AppendField(field.name, text, out);
  }
  paint(kPlain);
}

std::vector<std::string> JournalFields(const Line& line) {
  // syslog(3)'s numbers.
  constexpr std::array<std::string_view, kLevels> kPriorities{"7", "7", "6", "4", "3", "2"};
  const EventType& type = line.info->type;
  std::vector<std::string> fields;
  fields.reserve(line.info->fields.size() + 10);
  const auto add = [&fields](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    std::string& entry = fields.emplace_back(name);
    entry += '=';
    entry += value;
  };
  std::string text;
  AppendMessage(line, text);
  std::string message;
  AppendPrintable(text, message);
  add("MESSAGE", message.empty() ? type.name : message);
  add("PRIORITY", kPriorities[static_cast<std::size_t>(line.level)]);
  add("SYSLOG_IDENTIFIER", "inferd");
  add("EVENT", type.name);
  add("COMPONENT", ComponentName(type.component));
  add("SEQ", std::to_string(line.sequence));
  add("MESSAGE_ID", type.message_id);
  add("REQUEST_ID", line.about.request_id);
  add("TRACE_ID", line.about.trace_id);
  add("MODEL", line.about.model);
  for (std::size_t i = 0; i < line.info->fields.size(); ++i) {
    const FieldInfo& field = line.info->fields[i];
    if (!line.values[i].present || IsWholeMessage(*line.info, field.name)) continue;
    std::string name = "INFERD_";
    for (const char c : field.name) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    text.clear();
    AppendValue(field.type, line.values[i], text);
    add(name, text);
  }
  return fields;
}

}  // namespace inferd::logging
