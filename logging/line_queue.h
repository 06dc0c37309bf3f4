// Lines on their way from the threads that make them to the one that writes them. Putting one in makes no system call as a rule, because
// waking a thread costs several times as much as the line: the writer looks by itself after each nap, and is woken only when the queue
// fills, for an error, and after a long silence, in which it has stopped looking. Bounded: a full queue loses its oldest lines.
//
// Any number of threads put, one takes.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "logging/event.h"
#include "runtime/base/clock.h"

namespace inferd::logging {

class LineQueue {
 public:
  // A line as Encode made it. Entries are exchanged, never copied: the memory of texts goes round instead of through the allocator.
  struct Entry {
    WallTime time{};
    Level level = Level::kInfo;
    std::string bytes;
  };
  enum class Stage : std::uint8_t {
    kQueued,     // lines go through the queue
    kDirect,     // it has been stopped: whoever makes a line writes it
    kAbandoned,  // the writer hangs, and whoever wrote would hang with it
  };
  struct Taken {
    std::size_t lines = 0;
    bool look_after = false;  // LookAfter was called since
  };

  // How long the writer lets lines lie, and after how many naps without one it sleeps until it is woken: ten seconds.
  static constexpr Duration kNap = std::chrono::milliseconds(20);
  static constexpr int kNaps = 500;

  // Holds `lines` of them. With no naps the first line after each pause wakes the writer.
  explicit LineQueue(std::size_t lines, Duration nap = kNap, int naps = kNaps);
  LineQueue(const LineQueue&) = delete;
  LineQueue& operator=(const LineQueue&) = delete;

  // Takes the line when it returns kQueued, and leaves other text in its place.
  Stage Put(Entry& entry);
  // The writer is to look after its outputs, lines or not.
  void LookAfter();

  // The writer's side: sleeps until there is something, and exchanges the oldest lines for what is in `batch`. What it took before counts
  // as written now. False: there will be nothing more.
  bool Take(std::span<Entry> batch, Taken& taken);

  // Waits until every line that was put in so far is written or lost; false when that takes longer.
  bool Drain(Duration patience);
  // Ends it as soon as nothing is left in it; without that, and then it returns false, when it takes longer. Once.
  bool Stop(Duration patience);

  Stage stage() const;
  // Lines that were thrown out since the beginning.
  std::uint64_t lost() const;
  // How often Put had to wake the writer.
  std::uint64_t wakes() const;
  // Lines that are not written yet. Async-signal-safe.
  std::size_t unwritten() const { return unwritten_.load(std::memory_order_acquire); }

 private:
  using Lock = std::unique_lock<std::mutex>;
  void Wake();  // with the lock held
  bool Await(Lock& lock, Duration patience, const std::function<bool()>& done);
  void CountUnwritten();

  const Duration nap_;
  const int naps_;
  const std::size_t fill_mark_;
  mutable std::mutex mutex_;
  std::condition_variable woken_, written_;
  std::vector<Entry> ring_;
  std::size_t oldest_ = 0, size_ = 0;  // in ring_
  Stage stage_ = Stage::kQueued;
  std::size_t wake_at_;  // lines in the queue that wake the writer
  bool wake_ = false;
  bool look_after_ = false;
  bool stopping_ = false;
  bool busy_ = false;                // the writer is about its lines or outputs
  std::size_t in_hand_ = 0;          // lines that it has taken
  std::uint64_t first_in_hand_ = 0;  // how many had been put in before the first of them
  int idle_ = 0;                     // its naps since the last line
  int awaiting_ = 0;                 // threads
  std::uint64_t put_ = 0, lost_ = 0, wakes_ = 0;
  std::atomic<std::size_t> unwritten_{0};
};

}  // namespace inferd::logging
