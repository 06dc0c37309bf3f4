// Runs a command: no shell, an own process group, standard input given, output taken line by line, an end that is certain.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notify/channel.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::alerts {

struct Command {
  std::vector<std::string> arguments;    // the first is the program's path
  std::vector<std::string> environment;  // NAME=value, all of it; a value ends at a NUL
  std::string input;
  Duration timeout{};
};

// Of one run.
inline constexpr std::size_t kMaxOutputLine = 1024;  // bytes; the rest of a longer line is left out
inline constexpr std::size_t kMaxOutputLines = 100;  // further ones are left out

// Waits for its end. Success is exit code 0. kDeadlineExceeded at the timeout, kCancelled when `stop` is raised; both kill the process
// group. kIo when it cannot be started, kUnavailable for another exit code or a signal. A command that does not read its input is no
// failure; the thread must not be open to SIGPIPE.
Result<> RunCommand(const Command& command, const std::function<void(std::string_view line)>& output, const StopSignal& stop);

}  // namespace inferd::alerts
