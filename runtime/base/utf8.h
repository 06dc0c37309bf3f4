// UTF-8 (RFC 3629): how many bytes of a text are whole code points, and whether a text is valid. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace inferd {

// The code point that starts at text[position], and its length in bytes. An invalid or truncated sequence gives
// {kInvalidCodePoint, 1}: the caller treats that one byte by itself. Overlong forms, surrogates and values above U+10FFFF are
// invalid. Requires position < text.size().
struct CodePoint {
  std::uint32_t value;
  std::size_t length;
};
inline constexpr std::uint32_t kInvalidCodePoint = 0xFFFFFFFFU;
CodePoint DecodeUtf8(std::string_view text, std::size_t position);

bool IsValidUtf8(std::string_view text);

// A control character that turns the direction of what is shown behind it (Unicode Standard Annex 9, section 2: embeddings, overrides and
// isolates): with one, a terminal shows a text in another order than it has.
constexpr bool IsBidirectionalControl(std::uint32_t c) { return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069); }

// Appends the UTF-8 form of `value`; requires a valid scalar value.
void AppendUtf8(std::string& out, std::uint32_t value);

// Length of the longest suffix of `text` that could still become a valid code point if more bytes followed (0 to 3).
std::size_t IncompleteUtf8Suffix(std::string_view text);

// `text` with every invalid byte replaced by U+FFFD.
std::string ReplaceInvalidUtf8(std::string_view text);

}  // namespace inferd
