#include "daemon/observability/json_writer.h"

#include <charconv>
#include <cmath>

#include "runtime/base/utf8.h"

namespace inferd::daemon {

void JsonWriter::Separate() {
  if (separate_) out_ += ", ";
  separate_ = true;
}

JsonWriter& JsonWriter::Open(char bracket) {
  Separate();
  out_ += bracket;
  separate_ = false;
  return *this;
}

JsonWriter& JsonWriter::Close(char bracket) {
  out_ += bracket;
  separate_ = true;
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view name) {
  Separate();
  AppendText(name);
  out_ += ": ";
  separate_ = false;
  return *this;
}

JsonWriter& JsonWriter::Value(std::string_view text) {
  Separate();
  AppendText(text);
  return *this;
}

JsonWriter& JsonWriter::Value(double number) {
  Separate();
  if (!std::isfinite(number)) {
    out_ += "null";
  } else {
    char buffer[32];
    out_.append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), number).ptr);
  }
  return *this;
}

void JsonWriter::AppendText(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out_ += '"';
  for (const char c : IsValidUtf8(text) ? std::string(text) : ReplaceInvalidUtf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_.append(1, '\\').append(1, c);
    } else if (byte < 0x20) {
      out_.append("\\u00").append(1, kHex[byte >> 4U]).append(1, kHex[byte & 15U]);
    } else {
      out_ += c;
    }
  }
  out_ += '"';
}

}  // namespace inferd::daemon
