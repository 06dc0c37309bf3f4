// The audit log: every sensitive act, one JSON line each, in an order that nobody can change unseen: a line ends in the SHA-256 of the line
// before it. Lines are on the disk (fdatasync) before they count as written, a whole batch at a time, on a thread of its own: a slow disk
// delays nobody who acts. A disk that fails to sync is told as trouble. While the file cannot be written the acts wait; those for which
// there is no more room are counted, and the chain says how many.
//
//   {"seq":7,"time":"...","act":"config_reload","actor":"SIGHUP","client":"","target":"inferd.yaml","outcome":"ok","detail":"","prev":"<64
//   hex>"}
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "logging/counters.h"
#include "logging/rotating_file.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::logging {

// What was done. Short texts; none may hold a secret.
struct AuditAct {
  std::string act = {};      // "config_reload"
  std::string actor = {};    // key name, signal, "daemon"
  std::string client = {};   // address, when it came from the network
  std::string target = {};   // what was acted upon
  std::string outcome = {};  // "ok", "refused", "failed"
  std::string detail = {};
};

struct AuditOptions {
  std::string path = {};
  Duration keep = std::chrono::hours(24 * 180);
  std::size_t queue = 4096;  // acts that may wait
};

// Where a chain stands: what the next line says of the last one.
struct AuditHead {
  std::uint64_t seq = 0;
  std::string hash = std::string(64, '0');
  bool operator==(const AuditHead&) const = default;
};

class AuditLog {
 public:
  // All must outlive this. `trouble` is told what goes wrong, from any thread. The chain goes on where the file ends; an unfinished last
  // line, which a crash has left, is cut off and that is entered; so is that the file is empty or missing behind rotated ones. kIo or
  // kCorrupt when what is there cannot be read.
  static Result<std::unique_ptr<AuditLog>> Open(AuditOptions options, const Clock& clock, FileCalls& calls, LogCounters& counters,
                                                std::function<void(std::string)> trouble);
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;
  // As Stop.
  ~AuditLog();

  // Never waits. Any thread.
  void Record(AuditAct act);
  // Writes what waits, gives up what cannot be written now, ends the thread.
  void Stop();
  // Of what is on the disk.
  AuditHead head() const;
  // Acts that are not yet written: for more than a moment only when the file cannot be.
  std::size_t waiting() const;

 private:
  AuditLog(AuditOptions options, AuditHead head, const Clock& clock, FileCalls& calls, LogCounters& counters,
           std::function<void(std::string)> trouble);
  void Run();
  bool Write(const std::deque<std::pair<WallTime, AuditAct>>& acts);

  const AuditOptions options_;
  const Clock& clock_;
  LogCounters& counters_;
  LogCounters tries_;  // what the file counts: a line that failed is tried again, so it is no lost one
  RotatingFile file_;  // the thread's
  mutable std::mutex mutex_;
  std::condition_variable woken_;
  std::deque<std::pair<WallTime, AuditAct>> waiting_;
  std::size_t in_hand_ = 0;  // acts that are being written
  std::uint64_t lost_ = 0;   // since the last line that said so
  AuditHead head_;
  bool stop_ = false;
  std::thread thread_;
};

// The line of an act, without its line break.
std::string AuditLine(const AuditHead& before, WallTime time, const AuditAct& act);
// Where the chain stands behind `line`.
Result<AuditHead> HeadAfter(std::string_view line);

struct AuditReport {
  std::uint64_t lines = 0;
  std::uint64_t files = 0;
  std::uint64_t first_seq = 0;  // above 1 when older files were removed
  AuditHead head;
  struct Fault {
    std::string file;
    std::uint64_t line = 0;  // from 1; 0: the file as a whole
    std::string what;        // "was altered", "lines 3 to 5 are missing before it"
  };
  std::optional<Fault> fault;  // the first one
};

struct AuditCheck {
  // The hash that the last line must have (the daemon logs it as audit_head): a changed or cut off end leaves no trace in the chain itself.
  std::optional<std::string> head = {};
  // AuditOptions::keep. The log may begin behind line 1 only where what is missing was old enough to be removed.
  Duration keep = AuditOptions{}.keep;
  WallTime now{};
};

// Reads the audit log `path` and its rotated files, compressed or not, oldest first. kNotFound when there is no file.
Result<AuditReport> VerifyAudit(const std::string& path, const AuditCheck& check);

}  // namespace inferd::logging
