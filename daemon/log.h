// The daemon's log: one line per event on stderr. Any thread. The only place that knows the logging library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace inferd::daemon {

enum class Level : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kCritical };

// "info" and so on, as in logs.level; requires one of them.
void SetLogLevel(std::string_view level);
bool LogEnabled(Level level);

// Control characters in `text` are written as escapes: a line stays a line, whatever a client sent.
void Log(Level level, std::string_view text);

}  // namespace inferd::daemon
