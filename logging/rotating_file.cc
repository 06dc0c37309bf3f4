#include "logging/rotating_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/base/errno_text.h"

namespace inferd::logging {
namespace {

namespace fs = std::filesystem;

constexpr Duration kOpenAgain = std::chrono::milliseconds(200);
constexpr Duration kRotateAgain = std::chrono::seconds(10);
// What a deleted file may hold back until its path can be opened again.
constexpr std::uint64_t kMaxOrphan = 64U << 20U;

// Calls `use` with the whole lines of a part of a file, many at a time.
void ForEachBlock(int fd, std::uint64_t from, std::uint64_t to, const std::function<void(std::string_view lines)>& use) {
  std::vector<char> block(64U << 10U);
  std::string lines;
  for (std::uint64_t at = from; at < to;) {
    const ssize_t n = ::pread(fd, block.data(), std::min<std::uint64_t>(block.size(), to - at), static_cast<off_t>(at));
    if (n <= 0) return;
    at += static_cast<std::uint64_t>(n);
    lines.append(block.data(), static_cast<std::size_t>(n));
    const std::size_t end = lines.rfind('\n') + 1;  // 0: a line that is longer than all this
    if (end == 0) continue;
    use(std::string_view(lines).substr(0, end));
    lines.erase(0, end);
  }
}

}  // namespace

DropReason DropReasonOf(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return DropReason::kDiskFull;
    case EROFS:
    case EACCES:
    case EPERM: return DropReason::kReadOnly;
    case ENOENT:
    case ENOTDIR: return DropReason::kMissing;
    default: return DropReason::kIo;
  }
}

int FileCalls::Open(const std::string& path) {
  constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC;
  const int fd = ::open(path.c_str(), kFlags, 0640);
  if (fd >= 0 || errno != ENOENT) return fd;
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) {
    errno = error.value();
    return -1;
  }
  return ::open(path.c_str(), kFlags, 0640);
}

ssize_t FileCalls::Write(int fd, std::string_view bytes) { return ::write(fd, bytes.data(), bytes.size()); }

int FileCalls::Rename(const std::string& from, const std::string& to) { return ::rename(from.c_str(), to.c_str()); }

int FileCalls::Sync(int fd) { return ::fdatasync(fd); }

RotatingFile::RotatingFile(RotateOptions options, const Clock& clock, FileCalls& calls, LogCounters& counters, Hooks hooks)
    : options_(std::move(options)),
      clock_(clock),
      calls_(calls),
      counters_(counters),
      hooks_(std::move(hooks)),
      housekeeper_(options_.path, options_.retention, options_.compress, clock, hooks_.trouble) {
  Open();
}

RotatingFile::~RotatingFile() {
  if (fd_ >= 0) ::close(fd_);
}

std::int64_t RotatingFile::PeriodOf(WallTime time) const {
  return options_.every > Duration{} ? time.time_since_epoch() / options_.every : 0;
}

void RotatingFile::Complain(const std::string& what, int error) { Complain(what + ": " + ErrnoText(error)); }

void RotatingFile::Complain(std::string trouble) {
  if (trouble == complained_) return;
  complained_ = trouble;
  hooks_.trouble(std::move(trouble));
}

bool RotatingFile::Open() {
  if (clock_.Now() < next_open_) return false;
  const int fd = calls_.Open(options_.path);
  if (fd < 0) {
    open_error_ = errno;
    next_open_ = clock_.Now() + kOpenAgain;
    Complain("cannot be opened", open_error_);
    return false;
  }
  fd_ = fd;
  struct stat info {};
  ::fstat(fd_, &info);
  size_ = safe_ = static_cast<std::uint64_t>(info.st_size);
  // Lines of an earlier run belong to the time when the last of them was written.
  period_ = PeriodOf(size_ > 0 ? WallTime(std::chrono::seconds(info.st_mtim.tv_sec)) : clock_.WallNow());
  // Moving a link would leave the file that it names behind for ever; moving /dev/stdout would harm others.
  rotates_ = options_.max_bytes > 0 || options_.every > Duration{};
  if (rotates_ && ::lstat(options_.path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    rotates_ = false;
    Complain("is a link or a device, and is not rotated");
  }
  torn_ = false;
  if (size_ > 0) {
    char last = '\n';
    torn_ = ::pread(fd_, &last, 1, static_cast<off_t>(size_ - 1)) == 1 && last != '\n';
  }
  return true;
}

bool RotatingFile::IsOurs() const {
  struct stat at_path {};
  struct stat open_file {};
  return ::stat(options_.path.c_str(), &at_path) == 0 && ::fstat(fd_, &open_file) == 0 && at_path.st_ino == open_file.st_ino &&
         at_path.st_dev == open_file.st_dev;
}

// The file was moved or deleted. A moved one keeps its lines; what was written into a deleted one since it was last seen is carried over.
// Until the path can be opened the old file goes on taking lines, a deleted one up to a limit.
void RotatingFile::Reattach() {
  const int old = std::exchange(fd_, -1);
  struct stat info {};
  const bool deleted = ::fstat(old, &info) == 0 && info.st_nlink == 0;
  const std::uint64_t from = safe_;
  const std::uint64_t to = size_;
  if (Open()) {
    if (deleted) {
      bool written = true;
      ForEachBlock(old, from, to, [&](std::string_view lines) {
        if (written && !WriteWhole(lines)) {
          const int error = errno;
          written = false;  // what comes behind a gap must not come before the line that tells of it
          loss_.reason = DropReasonOf(error);
          Complain("cannot be written", error);
        }
        if (!written) LoseAll(lines);
      });
    }
    ::close(old);
  } else if (!deleted || to - from < kMaxOrphan) {
    fd_ = old;
  } else {
    loss_.reason = DropReasonOf(open_error_);
    ForEachBlock(old, from, to, [this](std::string_view lines) { LoseAll(lines); });
    ::close(old);
  }
}

void RotatingFile::Rotate() {
  if (clock_.Now() < next_rotation_) return;
  if (!IsOurs()) return Reattach();
  const std::string target = RotatedName(options_.path, clock_.WallNow());
  if (calls_.Rename(options_.path, target) != 0) {
    const int error = errno;
    next_rotation_ = clock_.Now() + kRotateAgain;
    return Complain("cannot be rotated", error);
  }
  const int old = std::exchange(fd_, -1);
  next_open_ = {};
  if (!Open()) {
    // Back to where it was: lines go on into the old file.
    calls_.Rename(target, options_.path);
    fd_ = old;
    next_rotation_ = clock_.Now() + kRotateAgain;
    return;
  }
  ::close(old);
  counters_.rotations.fetch_add(1, std::memory_order_relaxed);
  housekeeper_.Wake();
}

bool RotatingFile::WriteWhole(std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = calls_.Write(fd_, bytes.substr(done));
    if (n > 0) {
      done += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    const int error = n < 0 ? errno : EIO;
    if (done > 0) {
      struct stat info {};
      const bool taken_back = ::fstat(fd_, &info) == 0 && info.st_size >= static_cast<off_t>(done) &&
                              ::ftruncate(fd_, info.st_size - static_cast<off_t>(done)) == 0;
      if (!taken_back) torn_ = true;
    }
    errno = error;
    return false;
  }
  size_ += bytes.size();
  counters_.bytes.fetch_add(bytes.size(), std::memory_order_relaxed);
  return true;
}

void RotatingFile::Lose(int error) {
  const DropReason reason = DropReasonOf(error);
  if (loss_.lines == 0) loss_.since = clock_.WallNow();
  ++loss_.lines;
  loss_.reason = reason;
  counters_.Drop(reason);
}

void RotatingFile::LoseAll(std::string_view lines) {
  const auto n = static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
  if (loss_.lines == 0) loss_.since = clock_.WallNow();
  loss_.lines += n;
  counters_.Drop(loss_.reason, n);
}

bool RotatingFile::Append(std::string_view lines) {
  if (fd_ < 0 && !Open()) {
    Lose(open_error_);
    return false;
  }
  const bool too_big = options_.max_bytes > 0 && size_ + lines.size() > options_.max_bytes;
  if (rotates_ && size_ > 0 && (too_big || PeriodOf(clock_.WallNow()) > period_)) Rotate();
  if (fd_ < 0) {
    Lose(open_error_);
    return false;
  }
  bool written = false;
  if (loss_.lines == 0 && !torn_) {
    written = WriteWhole(lines);
  } else {
    std::string more = torn_ ? "\n" : "";
    if (loss_.lines > 0) more += hooks_.describe(loss_);
    written = WriteWhole(more.append(lines));
  }
  if (!written) {
    const int error = errno;
    Complain("cannot be written", error);
    Lose(error);
    return false;
  }
  torn_ = false;
  loss_ = {};
  if (clock_.Now() >= next_rotation_) complained_.clear();
  return true;
}

bool RotatingFile::Sync() {
  if (fd_ < 0) return false;
  // EINVAL: a pipe or a terminal, which has no disk.
  if (calls_.Sync(fd_) == 0 || errno == EINVAL) return true;
  Complain("cannot be brought to the disk", errno);
  return false;
}

void RotatingFile::Tick() {
  if (fd_ < 0) {
    Open();
    return;
  }
  if (!IsOurs()) return Reattach();
  struct stat info {};
  // Somebody may have truncated it (logrotate's copytruncate).
  if (::fstat(fd_, &info) == 0) size_ = safe_ = static_cast<std::uint64_t>(info.st_size);
  if (size_ == 0) {
    period_ = PeriodOf(clock_.WallNow());
  } else if (rotates_ && PeriodOf(clock_.WallNow()) > period_) {
    Rotate();
  }
}

void RotatingFile::Reopen() {
  next_open_ = {};
  next_rotation_ = {};
  if (fd_ < 0) {
    Open();
  } else {
    Reattach();
  }
}

}  // namespace inferd::logging
