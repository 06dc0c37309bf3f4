// Content-Encoding gzip (RFC 1952) for whole answers. Thread-safe; takes about 270 KB while it runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inferd::daemon {

// Answers shorter than this fit into a packet or two as they are.
inline constexpr std::size_t kWorthPacking = 1024;

// Nothing when there is no memory for it: the answer goes out as it is then.
std::optional<std::string> Gzip(std::string_view text);

}  // namespace inferd::daemon
