// A clock that stands still until a test moves it, or moves a little with each reading. Thread-safe.
#pragma once

#include <atomic>

#include "runtime/base/clock.h"

namespace inferd {

class ManualClock final : public Clock {
 public:
  MonotonicTime Now() const override { return MonotonicTime(Duration(now_.fetch_add(with_each_reading_))); }
  WallTime WallNow() const override { return WallTime(Duration(now_.load())) + std::chrono::hours(24 * 365 * 50); }
  void Advance(Duration d) { now_ += d.count(); }
  void AdvanceWithEachReading(Duration d) { with_each_reading_ = d.count(); }

 private:
  std::atomic<std::int64_t> with_each_reading_{0};
  mutable std::atomic<std::int64_t> now_{Duration(std::chrono::hours(1)).count()};
};

}  // namespace inferd
