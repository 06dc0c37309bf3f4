// Where lines go: a file as JSON, standard error, systemd's journal, a short memory of the last ones. Each is a sink of spdlog: one worker
// thread hands them the lines one by one and lets them look after themselves in between, also when there are none.
#pragma once

#include <spdlog/sinks/base_sink.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logging/counters.h"
#include "logging/event.h"
#include "logging/rotating_file.h"
#include "runtime/base/clock.h"

namespace inferd::logging {

class Output : public spdlog::sinks::base_sink<std::mutex> {
 public:
  using Wants = std::function<bool(const Line&)>;

  // An output takes every line, or those that `wants` says.
  explicit Output(Wants wants = {}) : wants_(std::move(wants)) {}

  // After a SIGHUP. Any thread; done before the next line.
  void Reopen() { reopen_ = true; }

 protected:
  virtual void Put(const Line& line) = 0;
  virtual void Tick() {}  // a few times a second
  virtual void OpenAnew() {}
  void sink_it_(const spdlog::details::log_msg& message) final;
  void flush_() final;

 private:
  const Wants wants_;
  std::atomic<bool> reopen_{false};
  WallTime ticked_{};
};

class FileOutput final : public Output {
 public:
  // `trouble` is told what goes wrong with the file, from any thread; it must not wait. All must outlive the output.
  FileOutput(RotateOptions options, const Clock& clock, FileCalls& calls, LogCounters& counters, std::function<void(std::string)> trouble);

 protected:
  void Put(const Line& line) override;
  void Tick() override { file_.Tick(); }
  void OpenAnew() override { file_.Reopen(); }

 private:
  RotatingFile file_;
  std::string text_;
};

enum class TextFormat : std::uint8_t { kJson, kText, kColour };

// Text for people where `fd` is a terminal that has colours, JSON where it is anything else.
TextFormat FormatFor(int fd);

// Writes to a file descriptor that others read or do not: a terminal, a pipe, a file. When nobody reads for a second it stops waiting and
// loses lines until somebody does; a line that was begun is finished first.
class StreamOutput final : public Output {
 public:
  // `fd` stays open as long as this; it is not closed.
  StreamOutput(int fd, TextFormat format, const Clock& clock, LogCounters& counters, Wants wants = {});

 protected:
  void Put(const Line& line) override;

 private:
  // Writes what there is of pending_; false when nobody reads.
  bool Push(int patience_ms);
  void Lose(DropReason reason);

  const int fd_;
  const TextFormat format_;
  const Clock& clock_;
  LogCounters& counters_;
  std::string pending_;  // a line that was begun
  bool blocked_ = false;
  Loss loss_;
};

// Whether systemd has connected `fd` to its journal: JOURNAL_STREAM names the device and inode (systemd.exec(5)).
bool IsJournal(int fd);

// sd_journal_sendv(3), but where there is no journal it says so: -ENOENT instead of 0. `socket`: where the journal listens.
int SendToJournal(const iovec* fields, int n, const char* socket = "/run/systemd/journal/socket");

// An entry that the journal does not take is lost; the next one that it takes comes behind a report.
class JournalOutput final : public Output {
 public:
  // 0, or a negative errno.
  using Send = std::function<int(const iovec* fields, int n)>;

  // `send`: where entries go instead of the journal of this machine.
  JournalOutput(const Clock& clock, LogCounters& counters, Wants wants = {}, Send send = {});

 protected:
  void Put(const Line& line) override;

 private:
  bool Enter(const Line& line);

  const Clock& clock_;
  LogCounters& counters_;
  const Send send_;
  Loss loss_;
};

// The last lines, for whoever looks at the process later.
class TailOutput final : public Output {
 public:
  explicit TailOutput(std::size_t lines) : capacity_(lines) {}
  // As JSON, oldest first. Any thread.
  std::vector<std::string> Lines();

 protected:
  void Put(const Line& line) override;

 private:
  const std::size_t capacity_;
  std::size_t next_ = 0;
  std::vector<std::string> lines_;
};

// The JSON line, with its line break, that tells of lost lines.
std::string LossLine(const Loss& loss, std::string_view where, WallTime now);

}  // namespace inferd::logging
