#include "logging/redact.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/base/utf8.h"

namespace inferd::logging {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// What keys and the usual e-mail addresses are made of.
bool IsWordChar(char c) { return IsDigit(c) || IsLetter(c) || std::string_view("._%+-@/=~").find(c) != std::string_view::npos; }

// What else may stand before the @ (atext of RFC 5322, section 3.2.3): o'neil@example.com.
bool IsRareInEmail(char c) { return std::string_view("!#$&'*?^`{|}").find(c) != std::string_view::npos; }

bool IsEmail(std::string_view word) {
  const std::size_t at = word.find('@', 1);  // something stands before it; what begins with another is a handle: @jane@example.com
  if (at == std::string_view::npos) return false;
  const std::size_t dot = word.find('.', at + 2);
  return dot != std::string_view::npos && dot + 1 < word.size();
}

// Beginnings that makers of keys give them, so that they can be found.
bool HasKeyPrefix(std::string_view word) {
  constexpr std::array<std::string_view, 15> kPrefixes{"sk-", "pk-", "rk-",  "sk_",  "pk_",    "ghp_", "gho_",       "ghs_",
                                                       "hf_", "xox", "AKIA", "ASIA", "glpat-", "eyJ",  "github_pat_"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) { return word.starts_with(prefix); });
}

bool IsKey(std::string_view word) {
  if (word.size() >= 12 && HasKeyPrefix(word)) return true;
  // Long and of letters and digits: hexadecimal digests, base64. A path has its slashes at short distances.
  std::size_t run = 0, letters = 0, digits = 0;
  for (const char c : word) {
    const bool letter = IsLetter(c), digit = IsDigit(c);
    if (!letter && !digit && c != '-' && c != '_' && c != '+' && c != '=') {
      run = letters = digits = 0;
      continue;
    }
    ++run;
    letters += letter ? 1 : 0;
    digits += digit ? 1 : 0;
    if (run >= 28 && letters >= 4 && digits >= 4) return true;
  }
  return false;
}

// As keyboards would have typed it: what is copied out of a document has full-width digits, spaces and hyphens that keep numbers on one
// line, and marks that nobody sees.
std::string Typed(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = DecodeUtf8(text, at);
    const auto between = [&point](std::uint32_t first, std::uint32_t last) { return point.value >= first && point.value <= last; };
    if (between(0xFF01, 0xFF5E)) {
      out += static_cast<char>(point.value - 0xFF01 + '!');
    } else if (point.value == 0xA0 || between(0x2000, 0x200A) || point.value == 0x202F || point.value == 0x205F || point.value == 0x3000) {
      out += ' ';
    } else if (between(0x2010, 0x2015) || point.value == 0x2212) {
      out += '-';
    } else if (point.value != 0xAD && !between(0x200B, 0x200D) && point.value != 0x2060 && point.value != 0xFEFF) {
      out.append(text, at, point.length);
    }
    at += point.length;
  }
  return out;
}

std::string RedactWords(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kEnd = "-----END ";
  std::string out;
  bool after_bearer = false;
  for (std::size_t i = 0; i < text.size();) {
    if (text.substr(i).starts_with(kBegin)) {
      // To the end of the closing line, or of the text.
      const std::size_t end = text.find(kEnd, i);
      const std::size_t line = end == std::string_view::npos ? end : text.find('\n', end);
      out += "[key]";
      i = line == std::string_view::npos ? text.size() : line;
      continue;
    }
    if (!IsWordChar(text[i])) {
      out += text[i++];
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && IsWordChar(text[end]) && (end == i || !text.substr(end).starts_with(kBegin))) ++end;
    while (end > i + 1 && text[end - 1] == '.') --end;  // the end of a sentence
    const std::string_view word = text.substr(i, end - i);
    if (IsEmail(word)) {
      while (!out.empty() && (IsRareInEmail(out.back()) || IsWordChar(out.back()))) out.pop_back();
      out += "[email]";
    } else if (IsKey(word) || (after_bearer && word.size() >= 8)) {
      out += "[key]";
    } else {
      out += word;
    }
    after_bearer = word == "Bearer" || word == "bearer";
    i = end;
  }
  return out;
}

// A separator inside a number: at most two of them between digits.
bool IsSeparator(char c) { return std::string_view(" \t-_.()/").find(c) != std::string_view::npos; }

// End of the number that starts at `begin`, behind its last digit.
std::size_t NumberEnd(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  for (std::size_t i = begin; i < text.size() && i < end + 3; ++i) {
    if (IsDigit(text[i])) {
      end = i + 1;
    } else if (!IsSeparator(text[i]) && !(text[i] == '+' && i == begin)) {
      break;
    }
  }
  return end;
}

// 2026-11-22, or with the hour behind it.
bool IsIsoDate(std::string_view number) {
  return number.size() >= 10 && number[4] == '-' && number[7] == '-' && std::count_if(number.begin(), number.begin() + 10, IsDigit) == 8 &&
         (number.size() == 10 || number[10] == ' ');
}

// Social security number: 3-2-4 digits.
bool IsThreeTwoFour(std::string_view number) {
  return number.size() == 11 && number[3] == number[6] && (number[3] == '-' || number[3] == ' ') &&
         std::count_if(number.begin(), number.end(), IsDigit) == 9;
}

// What stands for a number, or nothing when it may stay. `x_follows`: a check digit X stands behind it.
std::string_view NumberName(std::string_view number, bool x_follows) {
  const auto digits = static_cast<std::size_t>(std::count_if(number.begin(), number.end(), IsDigit));
  if (digits <= 10 && IsIsoDate(number)) return {};
  if (IsThreeTwoFour(number)) return "[id]";
  if (digits == 17 && x_follows) return "[id]";  // resident identity card (GB 11643)
  if (digits == 18) return "[id]";
  if (digits >= 13 && digits <= 19 && PassesLuhn(number)) return "[card]";
  const bool grouped = digits < number.size();
  if (digits > 15) return "[number]";
  if (digits >= 10) return "[phone]";
  if (digits >= 7 && (number[0] == '+' || grouped)) return "[phone]";
  return {};
}

}  // namespace

bool PassesLuhn(std::string_view digits) {
  int sum = 0;
  bool twice = false;
  for (auto c = digits.rbegin(); c != digits.rend(); ++c) {
    if (!IsDigit(*c)) continue;
    const int value = (*c - '0') * (twice ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
    twice = !twice;
  }
  return sum % 10 == 0;
}

std::string Redact(std::string_view text) {
  const std::string words = RedactWords(Typed(text));
  const std::string_view rest = words;
  std::string out;
  for (std::size_t i = 0; i < rest.size();) {
    const bool plus = rest[i] == '+' && i + 1 < rest.size() && IsDigit(rest[i + 1]);
    if (!IsDigit(rest[i]) && !plus) {
      out += rest[i++];
      continue;
    }
    const std::size_t end = NumberEnd(rest, i);
    const bool x_follows = end < rest.size() && (rest[end] == 'X' || rest[end] == 'x');
    const std::string_view name = NumberName(rest.substr(i, end - i), x_follows);
    if (name.empty()) {
      out += rest.substr(i, end - i);
    } else {
      out += name;
    }
    i = end;
  }
  return out;
}

}  // namespace inferd::logging
