#include "daemon/api/trace_context.h"

#include <algorithm>
#include <random>

namespace inferd::daemon {
namespace {

std::string Hex(std::uint64_t value, int digits) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text(static_cast<std::size_t>(digits), '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4U) *digit = kHex[value & 15U];
  return text;
}

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool AllZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

std::uint64_t NonZeroRandom() {
  for (;;) {
    if (const std::uint64_t value = RandomNumber(); value != 0) return value;
  }
}

}  // namespace

std::uint64_t RandomNumber() {
  thread_local std::mt19937_64 generator = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return generator();
}

bool Sampled(double ratio, std::uint64_t random) { return static_cast<double>(random >> 11U) * 0x1p-53 < ratio; }

bool IsSaneRequestId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == ':' || c == '-';
  });
}

std::string NewRequestId() { return "req-" + Hex(RandomNumber(), 16) + Hex(RandomNumber(), 8); }

TraceContext NewTrace() {
  return {.trace_id = Hex(NonZeroRandom(), 16) + Hex(RandomNumber(), 16),
          .span_id = Hex(NonZeroRandom(), 16),
          .parent_span_id = {},
          .sampled = true};
}

std::optional<TraceContext> ParseTraceparent(std::string_view header) {
  // version "-" trace-id "-" parent-id "-" trace-flags; a later version may append more after another dash.
  if (header.size() < 55 || header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  const std::string_view version = header.substr(0, 2);
  const std::string_view trace_id = header.substr(3, 32);
  const std::string_view parent_id = header.substr(36, 16);
  const std::string_view flags = header.substr(53, 2);
  if (!IsLowerHex(version) || version == "ff" || !IsLowerHex(trace_id) || !IsLowerHex(parent_id) || !IsLowerHex(flags)) return std::nullopt;
  if (AllZero(trace_id) || AllZero(parent_id)) return std::nullopt;
  if (version == "00" ? header.size() != 55 : header.size() > 55 && header[55] != '-') return std::nullopt;
  const char low = flags[1];
  const int value = low <= '9' ? low - '0' : low - 'a' + 10;
  return TraceContext{.trace_id = std::string(trace_id),
                      .span_id = Hex(NonZeroRandom(), 16),
                      .parent_span_id = std::string(parent_id),
                      .sampled = (value & 1) != 0};
}

std::string FormatTraceparent(const TraceContext& trace) {
  return "00-" + trace.trace_id + "-" + trace.span_id + (trace.sampled ? "-01" : "-00");
}

}  // namespace inferd::daemon
