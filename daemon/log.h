// The daemon's log: one line per event on stderr, or an entry with fields where stderr is systemd's journal. Any thread. The only place
// that knows the logging library.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace inferd::daemon {

enum class Level : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kCritical };

// "info" and so on, as in logs.level; requires one of them.
void SetLogLevel(std::string_view level);
bool LogEnabled(Level level);

// What the journal keeps beside the text, as INFERD_NAME=value: journalctl INFERD_REQUEST_ID=... finds it.
struct LogField {
  std::string_view name;  // capital letters and _
  std::string_view value;
};

// Control characters in `text` are written as escapes: a line stays a line, whatever a client sent.
void Log(Level level, std::string_view text, std::initializer_list<LogField> fields = {});

}  // namespace inferd::daemon
