#include "config/value.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

namespace inferd::config {
namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kDurationUnits{
    {{"d", 86'400'000'000'000}, {"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000}, {"ms", 1'000'000}}};
constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kSizeUnits{
    {{"TiB", 1LL << 40}, {"GiB", 1LL << 30}, {"MiB", 1LL << 20}, {"KiB", 1LL << 10}, {"", 1}}};

// "<decimal><unit>" in the smallest unit; nothing when it is no such thing or does not fit.
template <std::size_t N>
std::optional<std::int64_t> ParseScaled(std::string_view text, const std::array<std::pair<std::string_view, std::int64_t>, N>& units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  if (digits == 0 || text.front() == '.' || text[digits - 1] == '.') return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + digits) return std::nullopt;
  const std::string_view unit = text.substr(digits);
  for (const auto& [name, factor] : units) {
    if (unit != name) continue;
    const double value = number * static_cast<double>(factor);
    if (!(value < 9.2e18)) return std::nullopt;
    return static_cast<std::int64_t>(std::llround(value));
  }
  return std::nullopt;
}

template <std::size_t N>
std::string FormatScaled(std::int64_t value, const std::array<std::pair<std::string_view, std::int64_t>, N>& units) {
  for (const auto& [name, factor] : units) {
    if (value >= factor && value % factor == 0) return std::to_string(value / factor) + std::string(name);
  }
  return {};
}

}  // namespace

std::optional<Duration> ParseDuration(std::string_view text) {
  if (text == "0") return Duration::zero();
  const auto value = ParseScaled(text, kDurationUnits);
  if (!value) return std::nullopt;
  return Duration(*value);
}

std::string FormatDuration(Duration duration) {
  if (duration == Duration::zero()) return "0s";
  if (duration == std::chrono::minutes(1)) return "60s";  // as people write it
  std::string text = FormatScaled(duration.count(), kDurationUnits);
  if (!text.empty()) return text;
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), static_cast<double>(duration.count()) / 1e6);
  return std::string(buffer.data(), error == std::errc() ? end : buffer.data()) + "ms";
}

std::optional<std::uint64_t> ParseSize(std::string_view text) {
  const auto value = ParseScaled(text, kSizeUnits);
  // A fraction of a byte is a slip of the pen.
  if (!value || (text.find('.') != std::string_view::npos && text.find("iB") == std::string_view::npos)) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

std::string FormatSize(std::uint64_t bytes) { return bytes == 0 ? "0" : FormatScaled(static_cast<std::int64_t>(bytes), kSizeUnits); }

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<ListenAddress> ParseListenAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = ParseInteger(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  ListenAddress address;
  address.port = static_cast<std::uint16_t>(*port);
  if (host.starts_with('[') && host.ends_with(']')) {
    address.host = host.substr(1, host.size() - 2);
    in6_addr raw{};
    if (inet_pton(AF_INET6, address.host.c_str(), &raw) != 1) return std::nullopt;
    address.loopback = IN6_IS_ADDR_LOOPBACK(&raw);
    return address;
  }
  address.host = host == "localhost" ? "127.0.0.1" : std::string(host);
  in_addr raw{};
  if (inet_pton(AF_INET, address.host.c_str(), &raw) != 1) return std::nullopt;
  address.loopback = (ntohl(raw.s_addr) >> 24U) == 127;
  return address;
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  // Optimal string alignment: three rows of the table are enough.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace inferd::config
