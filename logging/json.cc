#include "logging/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "runtime/base/utf8.h"

namespace inferd::logging {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

// Bytes that are copied as they are.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x7F; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

void AppendEscape(std::uint32_t code, std::string& out) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(code >> static_cast<unsigned>(shift)) & 15U];
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    while (end < text.size() && kPlain[static_cast<unsigned char>(text[end])]) ++end;
    out.append(text, at, end - at);
    at = end;
    if (at == text.size()) break;
    const char c = text[at];
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: {
        const CodePoint point = DecodeUtf8(text, at);
        if (point.value == kInvalidCodePoint) {
          AppendEscape(0xFFFD, out);
        } else if (point.value < 0x20 || (point.value >= 0x7F && point.value < 0xA0) || point.value == 0x2028 || point.value == 0x2029) {
          AppendEscape(point.value, out);
        } else {
          out.append(text, at, point.length);
        }
        at += point.length;
        continue;
      }
    }
    ++at;
  }
  out += '"';
}

void AppendJsonNumber(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  std::array<char, 40> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  if (error == std::errc()) out.append(buffer.data(), end);
}

}  // namespace inferd::logging
