// The log of a process: takes events from any thread in about a microsecond and never makes the caller wait, whatever becomes of what
// is written to. Behind it a bounded queue (line_queue.h) and one thread that hands the lines to the outputs, errors at once and others
// within LineQueue::kNap. A full queue loses its oldest lines; they are counted, and a line says so.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "logging/counters.h"
#include "logging/event.h"
#include "logging/events.h"
#include "logging/line_queue.h"
#include "runtime/base/clock.h"

namespace inferd::logging {

class Output;

// What is written: a level for all, and others for single components.
struct Levels {
  Level all = Level::kInfo;
  std::array<std::optional<Level>, kComponents> components{};
};

struct LogOptions {
  std::size_t queue = 8192;  // lines that may wait
  bool keeper = true;        // a thread that calls Tick
  Duration nap = LineQueue::kNap;
  int naps = LineQueue::kNaps;
};

class Log {
 public:
  using Outputs = std::vector<std::shared_ptr<Output>>;

  // Clock and counters must outlive this.
  Log(const Clock& clock, LogCounters& counters, Levels levels, LogOptions options = {});
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  // Once, before the first line. Apart from the constructor because an output may want to say something itself.
  void Add(Outputs outputs);

  bool Enabled(Level level, Component component) const {
    return static_cast<std::uint8_t>(level) >= levels_[static_cast<std::size_t>(component)].load(std::memory_order_relaxed);
  }
  void SetLevels(const Levels& levels);

  template <typename E>
  void Write(const E& event, const About& about = {}) {
    Write(event, E::kType.level, about);
  }
  template <typename E>
  void Write(const E& event, Level level, const About& about = {}) {
    constexpr EventInfo const& kInfo = kEvent<E>;
    if (!Enabled(level, kInfo.type.component)) return;
    if constexpr (kInfo.type.burst > 0 && IndexOf(kInfo) < kEvents) {
      if (!Allow(IndexOf(kInfo))) return;
    }
    LineQueue::Entry& entry = Scratch();
    entry.level = level;
    Encode(event, sequence_.fetch_add(1, std::memory_order_relaxed), about, entry.bytes);
    Submit(entry);
  }

  // Reports what was lost or left out since, and has the outputs look after themselves. The keeper does it four times a second. Never
  // waits.
  void Tick();
  // After a SIGHUP: every output opens anew.
  void Reopen();
  // Waits until every line that was taken so far is written or lost; false when that takes longer.
  bool Drain(Duration patience) const;
  // Lines that are taken and not written yet. Async-signal-safe: a process that crashes may wait a little for them.
  std::size_t Unwritten() const;
  // Drains and ends the threads; later lines are written at once, by the caller. False when an output hangs, or others write faster than
  // it for all of that time: its thread is left behind,
  // later lines are lost and counted, and the process should leave by _exit. Idempotent, one caller at a time; other threads may write
  // meanwhile.
  bool Stop(Duration patience);

 private:
  struct Backend;
  struct Repeats {
    std::atomic<std::int64_t> window{INT64_MIN};  // when it began; monotonic nanoseconds
    std::atomic<std::uint32_t> written{0};
    std::atomic<std::uint64_t> left_out{0};
  };

  static LineQueue::Entry& Scratch();
  void HandAtOnce(LineQueue::Entry& entry);
  bool Allow(std::size_t event);
  void ReportLeftOut(std::size_t event);
  void Submit(LineQueue::Entry& entry);
  void Keep();

  const Clock& clock_;
  LogCounters& counters_;
  std::array<std::atomic<std::uint8_t>, kComponents> levels_{};
  std::atomic<std::uint64_t> sequence_{1};
  std::array<Repeats, kEvents> repeats_{};
  std::unique_ptr<Backend> backend_;
  std::uint64_t lost_reported_ = 0;
  WallTime ticked_{};

  const bool keeps_;
  std::mutex keeper_mutex_;
  std::condition_variable keeper_woken_;
  bool keeper_stop_ = false;
  std::thread keeper_;
};

}  // namespace inferd::logging
