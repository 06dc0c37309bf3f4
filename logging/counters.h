// What the log counts about itself. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "logging/event.h"

namespace inferd::logging {

// Why a line was not written.
enum class DropReason : std::uint8_t {
  kQueueFull,  // made faster than written
  kDiskFull,   // no space, or over quota
  kReadOnly,   // no right to write
  kMissing,    // the folder is not there
  kIo,         // the disk failed
  kBlocked,    // nobody reads standard error
  kJournal,    // systemd's journal did not take it
  kInternal,   // a bug, or no memory
};
inline constexpr std::size_t kDropReasons = 8;
constexpr std::string_view DropReasonName(DropReason reason) {
  return std::array<std::string_view, kDropReasons>{"queue_full", "disk_full", "read_only", "missing",
                                                    "io",         "blocked",   "journal",   "internal"}[static_cast<std::size_t>(reason)];
}

// The reason that an errno of open, write or rename stands for.
DropReason DropReasonOf(int error);

struct LogCounters {
  std::array<std::atomic<std::uint64_t>, kLevels> lines{};         // taken from the daemon
  std::array<std::atomic<std::uint64_t>, kDropReasons> dropped{};  // of these, not written
  std::atomic<std::uint64_t> bytes{0};                             // written
  std::atomic<std::uint64_t> rotations{0};

  void Drop(DropReason reason, std::uint64_t n = 1) { dropped[static_cast<std::size_t>(reason)].fetch_add(n, std::memory_order_relaxed); }
};

}  // namespace inferd::logging
