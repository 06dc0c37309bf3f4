// A short piece of work that somebody waits for, such as the answer to a scrape, beside threads that compute on every CPU. While one is
// under way, compute threads offer their CPU between two chunks of work (model/compute_pool.h). Else who lost it in the middle of the
// work waits for the end of a turn of theirs: the next tick of the kernel, up to 4 ms with 250 ticks a second.
// It is a favour, and bounded, so that a crowd of clients cannot keep the engine from its work: one at a time, for 10 ms at most, and the
// next one not before nineteen times as long has passed; one whose client takes no answer keeps nobody from it. Work that comes too early
// is done as if there were no errands. Any thread.
#pragma once

#include <atomic>

#include "runtime/base/clock.h"

namespace inferd {

class Errand {
 public:
  static constexpr Duration kLongest = std::chrono::milliseconds(10);
  static constexpr int kRests = 19;  // a twentieth of the time is for errands

  // Begins one, if it is one's turn. The clock must outlive it and be the one that UnderWay() is asked with.
  explicit Errand(const Clock& clock);
  Errand(const Errand&) = delete;
  Errand& operator=(const Errand&) = delete;
  ~Errand();

  // Whether the errand is granted.
  explicit operator bool() const { return granted_; }

  // Of the whole process, whose CPUs they are. Costs one load when none is.
  static bool UnderWay(const Clock& clock) {
    const MonotonicTime until = until_.load(std::memory_order_relaxed);
    return Reached(until) && clock.Now() < until;
  }

 private:
  static std::atomic<MonotonicTime> until_;  // the epoch: none is under way
  // When the next one may begin. One is granted to whoever moves it on: for the longest time at first, for the time that it took at its
  // end.
  static std::atomic<MonotonicTime> not_before_;

  const Clock& clock_;
  MonotonicTime begin_;
  bool granted_ = false;
};

}  // namespace inferd
