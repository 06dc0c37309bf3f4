#include "logging/audit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "logging/format.h"
#include "logging/json.h"
#include "runtime/base/errno_text.h"
#include "runtime/base/sha256.h"
#include "runtime/base/thread.h"

namespace inferd::logging {
namespace {

constexpr std::size_t kBatch = 256;
constexpr auto kTryAgain = std::chrono::milliseconds(200);
constexpr std::string_view kSeqKey = "{\"seq\":";
constexpr std::string_view kPrevKey = ",\"prev\":\"";
constexpr std::size_t kHashDigits = 64;
constexpr std::size_t kMaxLine = 1U << 20U;

std::string HashOf(std::string_view line) { return Sha256Hex(std::as_bytes(std::span(line.data(), line.size()))); }

struct Parsed {
  std::uint64_t seq = 0;
  std::string_view prev;
};

// What a line says about its place. Nothing when it is no line of an audit log.
std::optional<Parsed> Parse(std::string_view line) {
  const std::size_t tail = kPrevKey.size() + kHashDigits + 2;  // and "}
  if (!line.starts_with(kSeqKey) || line.size() < kSeqKey.size() + tail || !line.ends_with("\"}")) return std::nullopt;
  Parsed parsed;
  const char* const begin = line.data() + kSeqKey.size();
  const auto [end, error] = std::from_chars(begin, line.data() + line.size(), parsed.seq);
  if (error != std::errc() || end == begin || *end != ',') return std::nullopt;
  if (line.substr(line.size() - tail, kPrevKey.size()) != kPrevKey) return std::nullopt;
  parsed.prev = line.substr(line.size() - kHashDigits - 2, kHashDigits);
  return parsed;
}

// The day of a line that Parse takes; nothing when it has none.
std::optional<std::chrono::sys_days> DayOf(std::string_view line) {
  constexpr std::string_view kTimeKey = ",\"time\":\"";
  const std::size_t at = line.find(kTimeKey);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string text(line.substr(at + kTimeKey.size(), 10));
  int year = 0;
  unsigned month = 0, day = 0;
  if (std::sscanf(text.c_str(), "%4d-%2u-%2u", &year, &month, &day) != 3) return std::nullopt;  // NOLINT(cert-err34-c): digits are bounded
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  return date.ok() ? std::optional(std::chrono::sys_days(date)) : std::nullopt;
}

// Calls `use` with each line and whether it has its line break. Reads gzip as well as plain text.
Result<> ForEachLine(const std::string& path, const std::function<void(std::string_view, bool whole)>& use) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(::gzopen(path.c_str(), "rbe"), &::gzclose);
  if (!file) {
    return Error(errno == ENOENT ? Code::kNotFound : Code::kIo, path + " cannot be read: " + ErrnoText(errno));
  }
  std::string line;
  std::array<char, 64U << 10U> block;
  for (;;) {
    const int n = ::gzread(file.get(), block.data(), static_cast<unsigned>(block.size()));
    if (n < 0) return Error(Code::kIo, path + " cannot be read: its compression is damaged");
    if (n == 0) break;
    for (std::string_view rest(block.data(), static_cast<std::size_t>(n)); !rest.empty();) {
      const std::size_t end = rest.find('\n');
      line += rest.substr(0, end);
      if (line.size() > kMaxLine) return Error(Code::kCorrupt, path + " has a line that is too long");
      if (end == std::string_view::npos) break;
      use(line, true);
      line.clear();
      rest.remove_prefix(end + 1);
    }
  }
  if (!line.empty()) use(line, false);
  return {};
}

RotateOptions FileOptions(const AuditOptions& options) {
  return {.path = options.path,
          .max_bytes = 100U << 20U,
          .every = std::chrono::hours(24 * 30),
          .retention = {.count = 0, .age = options.keep, .bytes = 0},
          .compress = true};
}

// An unfinished last line is taken away. How many bytes that were.
Result<std::uint64_t> CutUnfinished(const std::string& path) {
  std::uint64_t whole = 0, unfinished = 0;
  const auto read = ForEachLine(path, [&](std::string_view line, bool has_break) {
    if (has_break) {
      whole += line.size() + 1;
    } else {
      unfinished = line.size();
    }
  });
  if (!read) {
    if (read.error().code == Code::kNotFound) return 0;
    return tl::unexpected<Status>(read.error());
  }
  if (unfinished > 0 && ::truncate(path.c_str(), static_cast<off_t>(whole)) != 0) {
    return Error(Code::kIo, path + " cannot be truncated: " + ErrnoText(errno));
  }
  return unfinished;
}

// Calls `use` with each line of a rotated file, which may be compressed meanwhile.
Result<> ForEachLineOfRotated(const std::string& path, const std::function<void(std::string_view, bool whole)>& use) {
  const auto read = ForEachLine(path, use);
  return !read && read.error().code == Code::kNotFound ? ForEachLine(path + ".gz", use) : read;
}

// What was rotated, the oldest first, each once: between the end of its compression and its removal a file is there twice, and stays so
// when the process is killed then.
std::vector<std::string> RotatedPaths(const std::string& path) {
  std::vector<std::string> paths;
  for (const RotatedFile& file : ListRotated(path)) {
    if (!paths.empty() && file.path == paths.back() + ".gz") continue;
    paths.push_back(file.path);
  }
  return paths;
}

Result<AuditHead> LastHead(const std::string& path) {
  std::vector<std::string> files = RotatedPaths(path);
  files.push_back(path);
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    std::string last;
    const auto read = ForEachLine(*file, [&last](std::string_view line, bool) { last = line; });
    if (!read && read.error().code != Code::kNotFound) return tl::unexpected<Status>(read.error());
    if (last.empty()) continue;
    auto head = HeadAfter(last);
    if (!head) return Error(Code::kCorrupt, *file + ": " + head.error().message);
    return head;
  }
  return AuditHead{};
}

}  // namespace

std::string AuditLine(const AuditHead& before, WallTime time, const AuditAct& act) {
  std::string line(kSeqKey);
  line += std::to_string(before.seq + 1);
  line += ",\"time\":\"";
  AppendTime(time, line);
  line += '"';
  for (const auto& [name, value] : {std::pair<std::string_view, const std::string&>{"act", act.act},
                                    {"actor", act.actor},
                                    {"client", act.client},
                                    {"target", act.target},
                                    {"outcome", act.outcome},
                                    {"detail", act.detail}}) {
    line += ",\"";
    line += name;
    line += "\":";
    AppendJsonString(std::string_view(value).substr(0, 4096), line);
  }
  line += kPrevKey;
  line += before.hash;
  line += "\"}";
  return line;
}

Result<AuditHead> HeadAfter(std::string_view line) {
  const auto parsed = Parse(line);
  if (!parsed) return Error(Code::kCorrupt, "its last line is not one of an audit log");
  return AuditHead{.seq = parsed->seq, .hash = HashOf(line)};
}

Result<std::unique_ptr<AuditLog>> AuditLog::Open(AuditOptions options, const Clock& clock, FileCalls& calls, LogCounters& counters,
                                                 std::function<void(std::string)> trouble) {
  INFERD_ASSIGN_OR_RETURN(const std::uint64_t cut, CutUnfinished(options.path));
  INFERD_ASSIGN_OR_RETURN(AuditHead head, LastHead(options.path));
  // Its own rotation leaves a file with a line in it.
  struct stat info {};
  const bool emptied = head.seq > 0 && (::stat(options.path.c_str(), &info) != 0 || info.st_size == 0);
  const std::uint64_t last = head.seq;
  std::unique_ptr<AuditLog> log(new AuditLog(std::move(options), std::move(head), clock, calls, counters, std::move(trouble)));
  if (cut > 0) {
    log->Record({.act = "audit_recovered",
                 .actor = "daemon",
                 .client = {},
                 .target = log->options_.path,
                 .outcome = "ok",
                 .detail = std::to_string(cut) + " bytes of an unfinished line were cut off"});
  }
  if (emptied) {
    log->Record({.act = "audit_recovered",
                 .actor = "daemon",
                 .client = {},
                 .target = log->options_.path,
                 .outcome = "failed",
                 .detail = "the file was empty or missing, though there are rotated ones: lines behind number " + std::to_string(last) +
                           " may have been removed"});
  }
  return log;
}

AuditLog::AuditLog(AuditOptions options, AuditHead head, const Clock& clock, FileCalls& calls, LogCounters& counters,
                   std::function<void(std::string)> trouble)
    : options_(std::move(options)),
      clock_(clock),
      counters_(counters),
      file_(FileOptions(options_), clock, calls, tries_,
            // A line beside the chain would break it: the chain itself says what was lost.
            {.describe = [](const Loss&) { return std::string(); }, .trouble = std::move(trouble)}),
      head_(std::move(head)) {
  thread_ = std::thread([this] { Run(); });
}

AuditLog::~AuditLog() { Stop(); }

void AuditLog::Record(AuditAct act) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_ || waiting_.size() >= options_.queue) {
      ++lost_;
      counters_.Drop(DropReason::kQueueFull);
      return;
    }
    waiting_.emplace_back(clock_.WallNow(), std::move(act));
  }
  woken_.notify_one();
}

AuditHead AuditLog::head() const {
  const std::lock_guard lock(mutex_);
  return head_;
}

std::size_t AuditLog::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + in_hand_;
}

// All of them or none.
bool AuditLog::Write(const std::deque<std::pair<WallTime, AuditAct>>& acts) {
  AuditHead head = this->head();
  std::string text;
  for (const auto& [time, act] : acts) {
    const std::string line = AuditLine(head, time, act);
    head = {.seq = head.seq + 1, .hash = HashOf(line)};
    text += line;
    text += '\n';
  }
  file_.Tick();
  if (!file_.Append(text)) return false;
  file_.Sync();  // when that fails the lines are in the file all the same: writing them again would break the chain
  counters_.bytes.fetch_add(text.size(), std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  head_ = std::move(head);
  return true;
}

void AuditLog::Run() {
  const ThreadSetup thread("audit");
  std::unique_lock lock(mutex_);
  for (;;) {
    woken_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (waiting_.empty() && lost_ == 0) return;
    std::deque<std::pair<WallTime, AuditAct>> batch;
    while (!waiting_.empty() && batch.size() < kBatch) {
      batch.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    if (const std::uint64_t lost = std::exchange(lost_, 0); lost > 0) {
      batch.emplace_back(clock_.WallNow(), AuditAct{.act = "audit_lost",
                                                    .actor = "daemon",
                                                    .client = {},
                                                    .target = options_.path,
                                                    .outcome = "failed",
                                                    .detail = std::to_string(lost) + " acts were not entered: there was no room for them"});
    }
    in_hand_ = batch.size();
    for (;;) {
      const bool last_try = stop_;
      lock.unlock();
      const bool written = Write(batch);
      lock.lock();
      if (written) break;
      if (last_try) {
        counters_.Drop(DropReason::kIo, batch.size() + waiting_.size());
        return;
      }
      woken_.wait_for(lock, kTryAgain, [this] { return stop_; });
    }
    in_hand_ = 0;
  }
}

void AuditLog::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<AuditReport> VerifyAudit(const std::string& path, const AuditCheck& check) {
  std::vector<std::string> files = RotatedPaths(path);
  if (::access(path.c_str(), F_OK) == 0) files.push_back(path);
  if (files.empty()) return Error(Code::kNotFound, path + ": there is no such file, and none that was rotated from it");
  const bool newest_missing = files.back() != path;
  AuditReport report;
  std::string last_file;
  std::uint64_t last_number = 0;
  for (const std::string& file : files) {
    std::uint64_t number = 0;
    ++report.files;
    INFERD_RETURN_IF_ERROR(ForEachLineOfRotated(file, [&](std::string_view line, bool whole) {
      ++number;
      if (report.fault) return;
      const auto fault = [&](const std::string& where, std::uint64_t at, std::string what) {
        report.fault = AuditReport::Fault{where, at, std::move(what)};
      };
      const auto parsed = Parse(line);
      if (!parsed || !whole) return fault(file, number, "is not a whole line of an audit log: it was altered or cut off");
      if (report.lines == 0) {
        report.first_seq = parsed->seq;
        if (parsed->seq == 1 && parsed->prev != AuditHead{}.hash)
          return fault(file, number, "is the first of the chain but says that another was before it");
        const auto day = DayOf(line);
        if (parsed->seq > 1 && (!day || *day > check.now - check.keep))
          return fault(file, number,
                       "is the first that is there but has the number " + std::to_string(parsed->seq) +
                           ": lines are missing before it, and they were not old enough to be removed");
      } else if (parsed->seq <= report.head.seq) {
        return fault(file, number,
                     "has the number " + std::to_string(parsed->seq) + " behind number " + std::to_string(report.head.seq) +
                         ": lines were reordered or repeated");
      } else if (parsed->seq > report.head.seq + 1) {
        return fault(file, number,
                     "has the number " + std::to_string(parsed->seq) + " behind number " + std::to_string(report.head.seq) +
                         ": lines are missing between them");
      } else if (parsed->prev != report.head.hash) {
        return fault(last_file, last_number, "was altered: the line behind it says that it was another one");
      }
      ++report.lines;
      report.head = {.seq = parsed->seq, .hash = HashOf(line)};
      last_file = file;
      last_number = number;
    }));
  }
  // A daemon begins a file with a line, and its first one says that it has started.
  if (!report.fault && (newest_missing || last_file != path)) {
    report.fault =
        AuditReport::Fault{path, 0,
                           newest_missing ? "is missing, though files that were rotated from it are there: its lines were removed"
                                          : "is empty: its lines were removed, or none has been written yet"};
  }
  if (!report.fault && check.head && *check.head != report.head.hash) {
    report.fault = AuditReport::Fault{last_file, last_number,
                                      "is not the one with the hash " + *check.head + ": it was altered, or lines behind it are missing"};
  }
  return report;
}

}  // namespace inferd::logging
