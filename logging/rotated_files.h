// The files that a rotated log leaves behind: their names, which of them are kept, and compressing them. Their names carry the time of
// the rotation, so that their order is their age whatever became of their time stamps:
//
//   inferd.log -> inferd-20261122T045000.123Z.log -> inferd-20261122T045000.123Z.log.gz
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::logging {

// Which rotated files are kept; the oldest go first. 0 sets no limit.
struct Retention {
  std::size_t count = 7;
  Duration age{};
  std::uint64_t bytes = 0;  // of all of them together
};

struct RotatedFile {
  std::string path = {};
  std::uint64_t bytes = 0;
  bool compressed = false;
  WallTime time{};      // of the rotation
  WallTime modified{};  // last written or compressed
};

// Where the log `path` goes when it is rotated at `now`: behind all that were rotated before.
std::string RotatedName(const std::string& path, WallTime now);

// The rotated files of the log `path`, oldest first. Empty when the folder cannot be read.
std::vector<RotatedFile> ListRotated(const std::string& path);

// Which of `files` (oldest first) are over the limits.
std::vector<RotatedFile> OverLimits(const std::vector<RotatedFile>& files, const Retention& retention, WallTime now);

// Replaces `path` by `path`.gz; nobody sees half of it. Nothing happens when there is no such file, or when `stop` becomes true on the
// way. kIo leaves the file as it was.
Result<> Compress(const std::string& path, const std::atomic<bool>& stop);

// Compresses and removes on a thread of its own, so that a rotation costs the writer two system calls.
class Housekeeper {
 public:
  // `trouble` is told in a sentence what could not be done, from the housekeeper's thread. The clock outlives this.
  Housekeeper(std::string path, Retention retention, bool compress, const Clock& clock, std::function<void(std::string)> trouble);
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;
  // Leaves a compression unfinished; the next start takes it up again.
  ~Housekeeper();

  // There may be something to do: after a rotation. Never waits.
  void Wake();
  // Everything that there is to do, now. What the thread does each time it wakes. Any thread.
  void Tidy();

 private:
  void Run();

  const std::string path_;
  const Retention retention_;
  const bool compress_;
  const Clock& clock_;
  const std::function<void(std::string)> trouble_;
  std::atomic<bool> stop_{false};
  std::mutex tidying_;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool wake_ = true;  // what an earlier run has left
  std::thread thread_;
};

}  // namespace inferd::logging
