#include "logging/rotated_files.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "runtime/base/errno_text.h"
#include "runtime/base/thread.h"

namespace inferd::logging {
namespace {

namespace fs = std::filesystem;

// Retention by age needs a look now and then also when nothing rotates.
constexpr auto kPeriod = std::chrono::hours(1);
constexpr std::string_view kGz = ".gz";
constexpr std::string_view kUnfinished = ".gz.new";
constexpr int kLastYear = 2200;           // of a stamp: int64 nanoseconds end in 2262
constexpr std::size_t kStampLength = 20;  // 20261122T045000.123Z

std::string Stamp(WallTime time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  const std::chrono::hh_mm_ss of_day(std::chrono::floor<std::chrono::milliseconds>(time) - std::chrono::floor<std::chrono::days>(time));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02uT%02d%02d%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(of_day.hours().count()),
                static_cast<int>(of_day.minutes().count()), static_cast<int>(of_day.seconds().count()),
                static_cast<int>(of_day.subseconds().count()));
  return text.data();
}

std::optional<WallTime> ParseStamp(std::string_view text) {
  if (text.size() != kStampLength || text[8] != 'T' || text[15] != '.' || text[19] != 'Z') return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t digits) {
    int value = -1;
    const char* const end = text.data() + at + digits;
    const auto [stop, error] = std::from_chars(text.data() + at, end, value);
    return error == std::errc() && stop == end ? value : -1;
  };
  const int year = number(0, 4), month = number(4, 2), day = number(6, 2);
  const int hour = number(9, 2), minute = number(11, 2), second = number(13, 2), milli = number(16, 3);
  if (year < 1970 || year > kLastYear || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0 || milli < 0) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second) +
         std::chrono::milliseconds(milli);
}

struct Fd {
  explicit Fd(int f) : fd(f) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

}  // namespace

std::string RotatedName(const std::string& path, WallTime now) {
  const fs::path file(path);
  const std::string prefix = (file.parent_path() / file.stem()).string() + "-";
  const std::string suffix = file.extension().string();
  // Names are in the order of the files also when the clock was set back.
  const std::vector<RotatedFile> before = ListRotated(path);
  const WallTime first = before.empty() ? now : std::max(now, before.back().time + std::chrono::milliseconds(1));
  std::error_code ignored;
  for (WallTime time = first;; time += std::chrono::milliseconds(1)) {
    std::string name = prefix + Stamp(time) + suffix;
    if (!fs::exists(name, ignored) && !fs::exists(name + std::string(kGz), ignored)) return name;
  }
}

std::vector<RotatedFile> ListRotated(const std::string& path) {
  const fs::path file(path);
  const fs::path folder = file.parent_path().empty() ? fs::path(".") : file.parent_path();
  const std::string prefix = file.stem().string() + "-";
  const std::string suffix = file.extension().string();
  std::vector<RotatedFile> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix) || name.size() < prefix.size() + kStampLength) continue;
    const auto time = ParseStamp(std::string_view(name).substr(prefix.size(), kStampLength));
    const std::string_view rest = std::string_view(name).substr(prefix.size() + kStampLength);
    if (!time || !rest.starts_with(suffix)) continue;
    const std::string_view ending = rest.substr(suffix.size());
    if (!ending.empty() && ending != kGz) continue;
    struct stat info {};
    if (::stat(entry->path().c_str(), &info) != 0) continue;
    found.push_back({.path = (file.parent_path() / name).string(),
                     .bytes = static_cast<std::uint64_t>(info.st_size),
                     .compressed = ending == kGz,
                     .time = *time,
                     .modified = WallTime(std::chrono::seconds(info.st_mtim.tv_sec))});
  }
  std::sort(found.begin(), found.end(), [](const RotatedFile& a, const RotatedFile& b) { return a.path < b.path; });
  return found;
}

std::vector<RotatedFile> OverLimits(const std::vector<RotatedFile>& files, const Retention& retention, WallTime now) {
  std::vector<RotatedFile> over;
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    ++count;
    bytes += file->bytes;
    // Of a file that was rotated, or is in line behind one, when the clock was far ahead.
    const WallTime since = file->time > now ? file->modified : file->time;
    if ((retention.count > 0 && count > retention.count) || (retention.bytes > 0 && bytes > retention.bytes) ||
        (retention.age > Duration{} && now - since > retention.age)) {
      over.push_back(*file);
    }
  }
  return over;
}

Result<> Compress(const std::string& path, const std::atomic<bool>& stop) {
  const auto fail = [&](const std::string& what, int error) {
    return Error(Code::kIo, path + " cannot be compressed: " + what + ": " + ErrnoText(error));
  };
  const Fd from(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (from.fd < 0) {
    if (errno == ENOENT) return {};
    return fail("open", errno);
  }
  struct stat info {};
  ::fstat(from.fd, &info);
  const std::string aside = path + std::string(kUnfinished);
  const std::string to = path + std::string(kGz);
  ::unlink(aside.c_str());
  const int fd = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, info.st_mode & 0777);
  if (fd < 0) return fail(aside, errno);
  const Fd keep(::dup(fd));  // for fsync: zlib closes its own
  gzFile out = ::gzdopen(fd, "wb6");
  if (out == nullptr) {
    ::close(fd);
    ::unlink(aside.c_str());
    return fail("gzdopen", ENOMEM);
  }
  std::vector<char> block(256U << 10U);
  int error = 0;
  bool stopped = false;
  for (;;) {
    if (stop.load(std::memory_order_relaxed)) {
      stopped = true;
      break;
    }
    const ssize_t n = ::read(from.fd, block.data(), block.size());
    if (n < 0) error = errno;
    if (n <= 0) break;
    if (::gzwrite(out, block.data(), static_cast<unsigned>(n)) != n) {
      error = errno != 0 ? errno : EIO;
      break;
    }
  }
  if (::gzclose(out) != Z_OK && error == 0) error = errno != 0 ? errno : EIO;
  if (error == 0 && !stopped && ::fsync(keep.fd) != 0) error = errno;
  if (error == 0 && !stopped && ::rename(aside.c_str(), to.c_str()) != 0) error = errno;
  if (error != 0 || stopped) {
    ::unlink(aside.c_str());
    if (error != 0) return fail(to, error);
    return {};
  }
  ::unlink(path.c_str());
  return {};
}

Housekeeper::Housekeeper(std::string path, Retention retention, bool compress, const Clock& clock, std::function<void(std::string)> trouble)
    : path_(std::move(path)), retention_(retention), compress_(compress), clock_(clock), trouble_(std::move(trouble)) {
  thread_ = std::thread([this] { Run(); });
}

Housekeeper::~Housekeeper() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  woken_.notify_all();
  thread_.join();
}

void Housekeeper::Wake() {
  {
    const std::lock_guard lock(mutex_);
    wake_ = true;
  }
  woken_.notify_all();
}

void Housekeeper::Tidy() {
  const std::lock_guard one_at_a_time(tidying_);
  std::error_code error;
  const fs::path folder = fs::path(path_).parent_path();
  if (const fs::directory_iterator readable(folder.empty() ? "." : folder, error); error) {
    if (error != std::errc::no_such_file_or_directory) {
      trouble_("rotated files are neither compressed nor removed: the folder cannot be read: " + error.message());
    }
    return;
  }
  const auto remove = [this] {
    for (const RotatedFile& file : OverLimits(ListRotated(path_), retention_, clock_.WallNow())) {
      if (::unlink(file.path.c_str()) != 0 && errno != ENOENT) trouble_(file.path + " cannot be removed: " + ErrnoText(errno));
      // What a process that was killed had compressed of it.
      if (!file.compressed) ::unlink((file.path + std::string(kUnfinished)).c_str());
    }
  };
  remove();  // nothing is compressed only to be removed
  if (compress_) {
    for (const RotatedFile& file : ListRotated(path_)) {
      if (stop_) return;
      if (file.compressed) continue;
      if (const auto done = Compress(file.path, stop_); !done) trouble_(done.error().message);
    }
    remove();  // the total of bytes has changed
  }
}

void Housekeeper::Run() {
  const ThreadSetup thread("log-keeper");
  ::setpriority(PRIO_PROCESS, 0, 19);  // of this thread: the model's threads go before
  std::unique_lock lock(mutex_);
  while (!stop_) {
    woken_.wait_for(lock, kPeriod, [this] { return wake_ || stop_; });
    if (stop_) return;
    wake_ = false;
    lock.unlock();
    Tidy();
    lock.lock();
  }
}

}  // namespace inferd::logging
