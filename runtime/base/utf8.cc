#include "runtime/base/utf8.h"

#include <algorithm>

namespace inferd {
namespace {

std::uint8_t ByteAt(std::string_view text, std::size_t i) { return static_cast<std::uint8_t>(text[i]); }

// Length that a lead byte announces, 0 for a byte that cannot lead (RFC 3629, section 4).
std::size_t AnnouncedLength(std::uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// Whether `second` may follow `lead`: this is where overlong forms, surrogates and values above U+10FFFF are refused.
bool SecondByteFits(std::uint8_t lead, std::uint8_t second) {
  switch (lead) {
    case 0xE0: return second >= 0xA0 && second <= 0xBF;
    case 0xED: return second >= 0x80 && second <= 0x9F;
    case 0xF0: return second >= 0x90 && second <= 0xBF;
    case 0xF4: return second >= 0x80 && second <= 0x8F;
    default: return (second & 0xC0U) == 0x80U;
  }
}

}  // namespace

CodePoint DecodeUtf8(std::string_view text, std::size_t position) {
  constexpr CodePoint kInvalid{kInvalidCodePoint, 1};
  const std::uint8_t lead = ByteAt(text, position);
  const std::size_t length = AnnouncedLength(lead);
  if (length == 1) return {lead, 1};
  if (length == 0 || text.size() - position < length) return kInvalid;
  if (!SecondByteFits(lead, ByteAt(text, position + 1))) return kInvalid;
  std::uint32_t value = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const std::uint8_t byte = ByteAt(text, position + i);
    if ((byte & 0xC0U) != 0x80U) return kInvalid;
    value = (value << 6U) | (byte & 0x3FU);
  }
  return {value, length};
}

bool IsValidUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = DecodeUtf8(text, i);
    if (point.value == kInvalidCodePoint) return false;
    i += point.length;
  }
  return true;
}

void AppendUtf8(std::string& out, std::uint32_t value) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (value < 0x80) {
    put(value);
  } else if (value < 0x800) {
    put(0xC0U | (value >> 6U));
    put(0x80U | (value & 0x3FU));
  } else if (value < 0x10000) {
    put(0xE0U | (value >> 12U));
    put(0x80U | ((value >> 6U) & 0x3FU));
    put(0x80U | (value & 0x3FU));
  } else {
    put(0xF0U | (value >> 18U));
    put(0x80U | ((value >> 12U) & 0x3FU));
    put(0x80U | ((value >> 6U) & 0x3FU));
    put(0x80U | (value & 0x3FU));
  }
}

std::size_t IncompleteUtf8Suffix(std::string_view text) {
  const std::size_t reach = std::min<std::size_t>(3, text.size());
  for (std::size_t back = 1; back <= reach; ++back) {
    const std::size_t start = text.size() - back;
    const std::uint8_t lead = ByteAt(text, start);
    if ((lead & 0xC0U) == 0x80U) continue;
    if (AnnouncedLength(lead) <= back) return 0;
    if (back >= 2 && !SecondByteFits(lead, ByteAt(text, start + 1))) return 0;
    return back;
  }
  return 0;
}

std::string ReplaceInvalidUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = DecodeUtf8(text, i);
    if (point.value == kInvalidCodePoint) {
      out += "\xEF\xBF\xBD";
    } else {
      out.append(text.substr(i, point.length));
    }
    i += point.length;
  }
  return out;
}

}  // namespace inferd
