// A log file that whole lines are appended to, rotated by size and by time. It never loses a line that it could write and never tears one:
// lines are written by one system call each (O_APPEND), and what a full disk lets through of a line is taken back. When the file was moved
// or deleted, or the disk is full or read-only, it goes on by itself as soon as that is possible, and says first what was lost.
//
// A path that is a link or a device is written to but not rotated.
//
// One thread at a time. Time and the system calls that can fail for want of space or rights come in.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "logging/counters.h"
#include "logging/rotated_files.h"
#include "runtime/base/clock.h"

namespace inferd::logging {

// As the system calls of the same names: -1 and errno on failure. Thread-safe.
class FileCalls {
 public:
  virtual ~FileCalls() = default;
  // For reading and appending, made when it is missing; its folder too.
  virtual int Open(const std::string& path);
  virtual ssize_t Write(int fd, std::string_view bytes);
  virtual int Rename(const std::string& from, const std::string& to);
  virtual int Sync(int fd);  // fdatasync
};

struct RotateOptions {
  std::string path = {};
  std::uint64_t max_bytes = 100U << 20U;    // 0: any size
  Duration every = std::chrono::hours(24);  // 0: never by time; counted from midnight UTC
  Retention retention = {};
  bool compress = true;
};

struct Loss {
  std::uint64_t lines = 0;
  DropReason reason = DropReason::kIo;  // of the last line
  WallTime since{};
};

class RotatingFile {
 public:
  struct Hooks {
    std::function<std::string(const Loss&)> describe;  // the line that tells of a loss, with its line break
    std::function<void(std::string)> trouble;          // told once when something begins to fail; also from the housekeeper's thread
  };

  // All must outlive this. The file is opened now; when that fails, trouble is told and later calls try again.
  RotatingFile(RotateOptions options, const Clock& clock, FileCalls& calls, LogCounters& counters, Hooks hooks);
  RotatingFile(const RotatingFile&) = delete;
  RotatingFile& operator=(const RotatingFile&) = delete;
  ~RotatingFile();

  // `lines`: one or more whole lines, each with its line break, counted as one if they are lost. False when they were not written.
  bool Append(std::string_view lines);

  // Has the disk take everything that was appended. False, and trouble is told, when it cannot.
  bool Sync();

  // To be called several times a second: looks whether the file is still where it belongs, rotates by time.
  void Tick();

  // Closes the file and opens its path anew, as after a SIGHUP.
  void Reopen();

  const std::string& path() const { return options_.path; }

 private:
  bool Open();
  void Reattach();
  void Rotate();
  bool WriteWhole(std::string_view bytes);
  void Lose(int error);
  void LoseAll(std::string_view lines);  // for loss_.reason
  void Complain(const std::string& what, int error);
  void Complain(std::string trouble);
  bool IsOurs() const;  // whether the path still names the open file
  std::int64_t PeriodOf(WallTime time) const;

  const RotateOptions options_;
  const Clock& clock_;
  FileCalls& calls_;
  LogCounters& counters_;
  const Hooks hooks_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::uint64_t safe_ = 0;     // bytes that were in the file when it was last seen at its path
  std::int64_t period_ = 0;    // that the file's lines belong to
  bool rotates_ = false;       // a regular file, and there is a limit
  bool torn_ = false;          // the file ends inside a line that could not be taken back
  MonotonicTime next_open_{};  // not before
  MonotonicTime next_rotation_{};
  int open_error_ = 0;
  std::string complained_;  // the last trouble that was told, until something has worked again
  Loss loss_;
  Housekeeper housekeeper_;
};

}  // namespace inferd::logging
