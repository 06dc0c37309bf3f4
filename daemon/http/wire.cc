#include "daemon/http/wire.h"

#include <array>
#include <charconv>
#include <ctime>

namespace inferd::daemon {

std::string WireResponse(const HttpResponse& response, const WireOptions& options, std::string_view date) {
  std::string text = options.http_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ";
  text.reserve(400 + response.body.size());
  text += std::to_string(response.status) + " " + std::string(ReasonPhrase(response.status)) + "\r\nServer: inferd\r\nDate: ";
  text += date;
  if (!response.content_type.empty()) text += "\r\nContent-Type: " + response.content_type;
  for (const Header& header : response.headers) text += "\r\n" + header.name + ": " + header.value;
  if (!options.keep_alive) {
    text += "\r\nConnection: close";
  } else if (options.http_1_0) {
    text += "\r\nConnection: keep-alive";
  }
  if (options.streaming) {
    if (!options.http_1_0) text += "\r\nTransfer-Encoding: chunked";
  } else if (response.status != 204) {
    text += "\r\nContent-Length: " + std::to_string(response.body.size());
  }
  text += "\r\n\r\n";
  if (!options.streaming && !options.head_method) text += response.body;
  return text;
}

std::string WireChunk(std::string_view data) {
  std::array<char, 16> size{};
  const auto [end, error] = std::to_chars(size.data(), size.data() + size.size(), data.size(), 16);
  std::string text(size.data(), error == std::errc() ? end : size.data());
  text += "\r\n";
  text += data;
  text += "\r\n";
  return text;
}

std::string HttpDate(WallTime now) {
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 40> buffer{};
  // strftime would follow the locale.
  const int n =
      std::snprintf(buffer.data(), buffer.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[static_cast<std::size_t>(utc.tm_wday)],
                    utc.tm_mday, kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return {buffer.data(), static_cast<std::size_t>(n)};
}

}  // namespace inferd::daemon
