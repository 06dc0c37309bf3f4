// Where scrapes wait for their turn, so that a crowd of them cannot take the model's processors: one is put together at a time, in the
// order in which they came, and all of them take a quarter of one CPU in the long run. Whoever scrapes a hundred times a second does not
// feel it. Any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"

namespace inferd::daemon {

// When the next piece of work may begin if pieces must not take more than a share of the time (the generic cell rate algorithm). Not
// thread-safe.
class WorkShare {
 public:
  static constexpr int kParts = 4;  // one of so many parts of the time is for it
  // Work that may be done in a row after a rest.
  static constexpr Duration kBurst = std::chrono::milliseconds(100);

  // No piece counts for more: a process that was stopped in the middle of one has not worked all that time.
  static constexpr Duration kLongest = std::chrono::seconds(1);

  // How long a piece has to wait that would begin now.
  Duration Wait(MonotonicTime now) const { return std::max(Duration{}, earned_ - kParts * kBurst - now); }
  void Spend(MonotonicTime begin, Duration took) { earned_ = std::max(earned_, begin) + kParts * std::min(took, kLongest); }

 private:
  MonotonicTime earned_{};  // when all of it that was done has been paid for
};

class ScrapeGate {
 public:
  // As long as Prometheus waits for an answer by itself (scrape_timeout). Whoever waits longer may be gone.
  static constexpr Duration kPatience = std::chrono::seconds(10);

  // The clock must outlive it. While `most` wait, the next is turned away, unless it is the only one of its address. Nobody waits in line
  // longer than `patience`, of real time.
  ScrapeGate(const Clock& clock, std::size_t most, Duration patience = kPatience) : clock_(clock), most_(most), patience_(patience) {}

  // Waits for its turn, which then lasts until it is destroyed. `peer`: the client's address, until it is destroyed.
  class Turn {
   public:
    Turn(ScrapeGate& gate, std::string_view peer);
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();
    // False when it was turned away.
    explicit operator bool() const { return granted_; }

   private:
    ScrapeGate& gate_;
    bool granted_ = false;
    MonotonicTime begin_{};
  };

  // From now on all are turned away, those that wait as well.
  void Close();
  std::size_t waiting() const;

 private:
  struct Waiting {
    std::string_view peer;
    std::condition_variable called{};
  };
  // To the next in line. With the lock held.
  void PassOn();

  const Clock& clock_;
  const std::size_t most_;
  const Duration patience_;
  mutable std::mutex mutex_;
  std::condition_variable closing_;
  std::deque<Waiting*> line_;
  const Waiting* next_ = nullptr;  // who was called and has not come yet
  std::string last_peer_;
  bool taken_ = false;  // somebody has the turn
  bool closed_ = false;
  WorkShare share_;
};

}  // namespace inferd::daemon
