// Mails of alerts (RFC 5322, MIME). Whatever stands in a label, a header stays one header: everything outside of plain ASCII, and every
// control character with it, is put into encoded words (RFC 2047); the text is base64.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>

#include "alerts/notify/channels.h"
#include "alerts/notify/payload.h"
#include "runtime/base/utf8.h"

namespace inferd::alerts {
namespace {

constexpr std::size_t kMaxSubject = 200;  // bytes, before it is encoded
constexpr std::size_t kMaxText = 1U << 20U;
// A line with an encoded word has at most 76 characters: 39 bytes are 52 of base64, "=?UTF-8?B?" and "?=" are 12, "Subject: " is 9.
constexpr std::size_t kWordBytes = 39;
constexpr std::size_t kLineBytes = 57;  // 76 characters of base64

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) {
      return i + k < bytes.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i + k])) : 0U;
    };
    const std::uint32_t group = at(0) << 16U | at(1) << 8U | at(2);
    text += kDigits[group >> 18U & 63U];
    text += kDigits[group >> 12U & 63U];
    text += i + 1 < bytes.size() ? kDigits[group >> 6U & 63U] : '=';
    text += i + 2 < bytes.size() ? kDigits[group & 63U] : '=';
  }
  return text;
}

// The longest piece from `begin` of at most `most` bytes that ends between two code points.
std::string_view Piece(std::string_view text, std::size_t begin, std::size_t most) {
  std::string_view piece = text.substr(begin, most);
  if (begin + piece.size() < text.size()) piece.remove_suffix(IncompleteUtf8Suffix(piece));
  return piece.empty() ? text.substr(begin, most) : piece;
}

// A header's value on as many folded lines as it needs.
std::string EncodedWords(std::string_view text) {
  const bool plain = text.size() <= 60 && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; }) &&
                     text.find("=?") == std::string_view::npos;
  if (plain) return std::string(text);
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view piece = Piece(text, i, kWordBytes);
    out += (out.empty() ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?") + Base64(piece) + "?=";
    i += piece.size();
  }
  return out;
}

std::string Date(WallTime now) {
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  std::tm t{};
  ::gmtime_r(&seconds, &t);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d +0000", kDays.at(static_cast<std::size_t>(t.tm_wday)), t.tm_mday,
                kMonths.at(static_cast<std::size_t>(t.tm_mon)), t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  return text.data();
}

std::string Subject(const Message& message) {
  std::string text = ReplaceInvalidUtf8(Headline(message));
  // An encoded word may hold anything, but no subject has use for line breaks.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, ' ');
  return std::string(Piece(text, 0, kMaxSubject));
}

}  // namespace

std::string MailText(const Message& message, const EmailOptions& options, WallTime now, std::string_view id) {
  std::string to;
  for (const std::string& address : options.to) to += (to.empty() ? "" : ",\r\n ") + ("<" + address + ">");
  const std::string domain = options.from.substr(options.from.rfind('@') + 1);
  std::string mail = "From: <" + options.from + ">\r\nTo: " + to + "\r\nSubject: " + EncodedWords(Subject(message)) +
                     "\r\nDate: " + Date(now) + "\r\nMessage-ID: <" + std::string(id) + ".inferd@" + domain +
                     ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Transfer-Encoding: base64\r\n\r\n";
  const std::string text = ReplaceInvalidUtf8(std::string_view(Text(message)).substr(0, kMaxText));
  for (std::size_t i = 0; i < text.size(); i += kLineBytes) mail += Base64(std::string_view(text).substr(i, kLineBytes)) + "\r\n";
  return mail;
}

}  // namespace inferd::alerts
