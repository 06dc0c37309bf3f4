// How many threads the observability plane has for its clients. A thread serves a connection, and nearly all of them wait for a slow
// client, up to 250 ms for the head of a request: so many that thousands of those do not fill them for long. One costs about 15 KB at rest.
#pragma once

#include <string>

namespace inferd::daemon {

// The most that is of use: 3000 connections a second that say nothing are let go as fast as they come.
inline constexpr int kMostClientThreads = 768;

// As many, but no more than half of the threads and half of the open files that this process may have (its limits, and pids.max of its
// control group), so that the rest of the daemon never lacks them. At least 8. `root` stands before every path: empty for the real system.
int ClientThreads(const std::string& root = "");

}  // namespace inferd::daemon
