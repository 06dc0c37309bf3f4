// A crash (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) leaves evidence and then ends the process as it would have without us: same signal,
// same core. The evidence is a text file crash-YYYYMMDDTHHMMSSZ-<pid>.txt in the state directory, with the time of the crash: the signal, a
// backtrace (addresses that addr2line and gdb understand), and the last engine steps. The newest eight reports are kept. In the handler
// only what signal-safety(7) allows is called; backtrace(3) is, once it has been called before.
#pragma once

#include <string>

#include "logging/flight_recorder.h"
#include "logging/log.h"

namespace inferd::daemon {

// `folder` is made when it is missing; empty: the evidence goes to standard error only. Once, early in main.
void InstallCrashHandler(const std::string& folder);

// Whose last steps are evidence; nullptr for nobody's. It must be taken away before it is destroyed. Any thread.
void SetCrashRecorder(const logging::FlightRecorder* recorder);

// The log whose last lines the crash waits for, a second at most: its thread goes on while the handler runs. Must outlive the process.
void SetCrashLog(const logging::Log* log);

}  // namespace inferd::daemon
