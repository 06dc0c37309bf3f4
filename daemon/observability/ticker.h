// Calls one function once in a period, on a thread of its own, without drift: rounds are due at start, start + period, and so on, whatever
// a round takes. One that is not done in time lets the due times that it overran go by; they are counted.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "runtime/base/clock.h"

namespace inferd::daemon {

// When rounds are due. Pure.
class Schedule {
 public:
  Schedule(MonotonicTime first, Duration period) : due_(first), period_(period) {}

  MonotonicTime due() const { return due_; }
  // A round ends at `now`: the next due time is the first of the grid that has not gone by. How many have.
  std::uint64_t End(MonotonicTime now);

 private:
  MonotonicTime due_;
  Duration period_;
};

class Ticker {
 public:
  // `due`: what the round's time should be; the clock is a little later.
  using Round = std::function<void(MonotonicTime due)>;

  // `clock` must outlive the ticker. `round` must not throw.
  Ticker(const Clock& clock, Duration period, Round round) : clock_(clock), period_(period), round_(std::move(round)) {}
  ~Ticker() { Stop(); }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // The first round is due at once. Stop waits for the round that runs, and may be called twice.
  void Start();
  void Stop();

  // Any thread.
  std::uint64_t rounds() const { return rounds_; }
  std::uint64_t overruns() const { return overruns_; }
  // Since the last round ended, or the start; zero before that.
  Duration age() const;

 private:
  void Loop();

  const Clock& clock_;
  const Duration period_;
  const Round round_;
  std::atomic<std::uint64_t> rounds_{0};
  std::atomic<std::uint64_t> overruns_{0};
  std::atomic<std::int64_t> last_ns_{0};  // monotonic; 0: not started
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace inferd::daemon
