// Keeps a history over a restart. The file is written beside its place, flushed to the disk and then renamed, so that there is always a
// whole one; its parts have checksums. Functions, safe to call from any thread, for one path from one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "metrics/store/history.h"
#include "runtime/base/status.h"

namespace inferd::metrics {

// Fails with kIo and leaves the file that was there as it was.
Result<> SaveHistory(const History& history, const std::filesystem::path& path);

// What SaveHistory would write; nothing when that is more than `most` bytes.
std::optional<std::string> HistoryBytes(const History& history, std::size_t most);

struct RestoredHistory {
  std::uint64_t series = 0;
  std::uint64_t samples = 0;
  // Why nothing was restored although there was a file, and where that file is now. Empty when all is well, or when there was none.
  std::string set_aside;
};
// Fills an empty history (History::Restore). A file that is damaged, or of another version, is renamed to PATH.unreadable and reported,
// never fatal. Fails with kIo only when the system refuses to read or rename.
Result<RestoredHistory> RestoreHistory(History& history, const std::filesystem::path& path, Millis now);

}  // namespace inferd::metrics
