#include "logging/output.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "logging/events.h"
#include "logging/format.h"

namespace inferd::logging {
namespace {

constexpr Duration kFileTick = std::chrono::milliseconds(250);
constexpr int kPatienceMs = 1000;
// What a pipe that poll calls writable takes without waiting (pipe(7), PIPE_BUF).
constexpr std::size_t kPiece = 4096;

Level LevelOf(spdlog::level::level_enum level) {
  return static_cast<Level>(std::min<int>(static_cast<int>(level), static_cast<int>(Level::kCritical)));
}

// An event of ours as a line of its own, outside the queue.
template <typename E>
void WithLine(const E& event, WallTime now, const std::function<void(const Line&)>& use) {
  std::string bytes;
  Encode(event, 0, {}, bytes);
  Line line;
  line.time = now;
  line.level = E::kType.level;
  if (Decode(bytes, line)) use(line);
}

}  // namespace

std::string LossLine(const Loss& loss, std::string_view where, WallTime now) {
  std::string text;
  WithLine(LinesLost{.lines = loss.lines, .reason = DropReasonName(loss.reason), .where = where, .during = now - loss.since}, now,
           [&text](const Line& line) { AppendJsonLine(line, text); });
  return text += '\n';
}

void Output::sink_it_(const spdlog::details::log_msg& message) {
  if (message.time < ticked_ || message.time - ticked_ >= kFileTick) {
    ticked_ = message.time;
    Tick();
  }
  if (reopen_.exchange(false)) OpenAnew();
  Line line;
  line.time = message.time;
  line.level = LevelOf(message.level);
  if (!Decode({message.payload.data(), message.payload.size()}, line)) return;
  if (!wants_ || wants_(line)) Put(line);
}

// Posted now and then while there are no lines.
void Output::flush_() {
  if (reopen_.exchange(false)) OpenAnew();
  Tick();
}

FileOutput::FileOutput(RotateOptions options, const Clock& clock, FileCalls& calls, LogCounters& counters,
                       std::function<void(std::string)> trouble)
    : file_(options, clock, calls, counters,
            {.describe = [&clock, path = options.path](const Loss& loss) { return LossLine(loss, path, clock.WallNow()); },
             .trouble = std::move(trouble)}) {}

void FileOutput::Put(const Line& line) {
  text_.clear();
  AppendJsonLine(line, text_);
  text_ += '\n';
  file_.Append(text_);
}

TextFormat FormatFor(int fd) {
  if (::isatty(fd) != 1) return TextFormat::kJson;
  // no-color.org; a terminal that can do nothing calls itself dumb.
  const char* no_colour = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  const char* terminal = std::getenv("TERM");       // NOLINT(concurrency-mt-unsafe)
  const bool plain = (no_colour != nullptr && *no_colour != '\0') || terminal == nullptr || std::string_view(terminal) == "dumb";
  return plain ? TextFormat::kText : TextFormat::kColour;
}

StreamOutput::StreamOutput(int fd, TextFormat format, const Clock& clock, LogCounters& counters, Wants wants)
    : Output(std::move(wants)), fd_(fd), format_(format), clock_(clock), counters_(counters) {}

void StreamOutput::Lose(DropReason reason) {
  if (loss_.lines == 0) loss_.since = clock_.WallNow();
  ++loss_.lines;
  loss_.reason = reason;
  counters_.Drop(reason);
}

bool StreamOutput::Push(int patience_ms) {
  while (!pending_.empty()) {
    pollfd fd{.fd = fd_, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&fd, 1, patience_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      errno = EAGAIN;
      return false;
    }
    const ssize_t n = ::write(fd_, pending_.data(), std::min(pending_.size(), kPiece));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    pending_.erase(0, static_cast<std::size_t>(n));
    counters_.bytes.fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
  }
  return true;
}

void StreamOutput::Put(const Line& line) {
  const auto lose = [this] {
    blocked_ = errno == EAGAIN;
    Lose(blocked_ ? DropReason::kBlocked : DropReasonOf(errno));
  };
  if (!pending_.empty() && !Push(blocked_ ? 0 : kPatienceMs)) return lose();
  const auto append = [this](const Line& l) {
    if (format_ == TextFormat::kJson) {
      AppendJsonLine(l, pending_);
    } else {
      AppendTextLine(l, format_ == TextFormat::kColour, pending_);
    }
    pending_ += '\n';
  };
  if (loss_.lines > 0) {
    const WallTime now = clock_.WallNow();
    WithLine(
        LinesLost{.lines = loss_.lines, .reason = DropReasonName(loss_.reason), .where = "standard error", .during = now - loss_.since},
        now, append);
  }
  const std::size_t before = pending_.size();
  append(line);
  const std::size_t whole = pending_.size();
  if (Push(blocked_ ? 0 : kPatienceMs)) {
    blocked_ = false;
    loss_ = {};
    return;
  }
  if (pending_.size() == whole) {
    // Nothing of it went out: it is lost as a whole.
    pending_.clear();
    return lose();
  }
  // It was begun, and will be finished before anything else is said. A report of losses that went out must not come again.
  blocked_ = errno == EAGAIN;
  if (whole - pending_.size() > before) {
    loss_ = {};
  } else if (before > 0) {
    pending_.resize(pending_.size() - (whole - before));
    loss_ = {};
    Lose(blocked_ ? DropReason::kBlocked : DropReasonOf(errno));
  }
}

bool IsJournal(int fd) {
  const char* named = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  struct stat info {};
  if (named == nullptr || ::fstat(fd, &info) != 0) return false;
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino) == named;
}

int SendToJournal(const iovec* fields, int n, const char* socket) {
  return ::access(socket, F_OK) == 0 ? ::sd_journal_sendv(fields, n) : -errno;
}

JournalOutput::JournalOutput(const Clock& clock, LogCounters& counters, Wants wants, Send send)
    : Output(std::move(wants)),
      clock_(clock),
      counters_(counters),
      send_(send ? std::move(send) : [](const iovec* fields, int n) { return SendToJournal(fields, n); }) {}

bool JournalOutput::Enter(const Line& line) {
  std::vector<std::string> fields = JournalFields(line);
  std::vector<iovec> parts;
  parts.reserve(fields.size());
  std::uint64_t bytes = 0;
  for (std::string& field : fields) {
    parts.push_back({field.data(), field.size()});
    bytes += field.size();
  }
  if (send_(parts.data(), static_cast<int>(parts.size())) != 0) return false;
  counters_.bytes.fetch_add(bytes, std::memory_order_relaxed);
  return true;
}

void JournalOutput::Put(const Line& line) {
  const WallTime now = clock_.WallNow();
  if (loss_.lines > 0) {
    bool told = false;
    WithLine(LinesLost{.lines = loss_.lines, .reason = DropReasonName(loss_.reason), .where = "journal", .during = now - loss_.since}, now,
             [&](const Line& report) { told = Enter(report); });
    if (told) loss_ = {};
  }
  // While the journal does not even take the report it is not asked twice.
  if (loss_.lines == 0 && Enter(line)) return;
  if (loss_.lines == 0) loss_.since = now;
  ++loss_.lines;
  loss_.reason = DropReason::kJournal;
  counters_.Drop(DropReason::kJournal);
}

void TailOutput::Put(const Line& line) {
  if (lines_.size() < capacity_) lines_.emplace_back();
  std::string& text = lines_[next_];
  text.clear();
  AppendJsonLine(line, text);
  next_ = (next_ + 1) % capacity_;
}

std::vector<std::string> TailOutput::Lines() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lines;
  const std::size_t oldest = lines_.size() < capacity_ ? 0 : next_;
  for (std::size_t i = 0; i < lines_.size(); ++i) lines.push_back(lines_[(oldest + i) % lines_.size()]);
  return lines;
}

}  // namespace inferd::logging
