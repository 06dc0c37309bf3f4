// The daemon's log: one per process. What is written where is the configuration's; see logging/log.h for what writing costs and promises.
// Before OpenLog and after CloseLog lines go to standard error at once. Any thread may write; the rest is the main thread's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "logging/counters.h"
#include "logging/event.h"
#include "logging/log.h"

namespace inferd::daemon {

using logging::Component;
using logging::Level;

void OpenLog(const config::Logs& config);
// What a reload may change: the levels.
void SetLogLevels(const config::Logs& config);
// Files are opened anew.
void ReopenLog();
// Writes what waits. False when it cannot be written because an output hangs: the process should leave by _exit then.
bool CloseLog();

logging::Log& ProcessLog();
logging::LogCounters& LogCounts();
// The last lines, as JSON, oldest first.
std::vector<std::string> LastLogLines();

inline bool LogEnabled(Level level, Component component = Component::kDaemon) { return ProcessLog().Enabled(level, component); }

template <typename E>
void Log(const E& event, const logging::About& about = {}) {
  ProcessLog().Write(event, about);
}
// For what has no event of its own.
void Log(Level level, std::string_view text);

}  // namespace inferd::daemon
