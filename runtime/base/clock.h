// Time comes in: everything that needs the time is handed a Clock, pure logic is handed `now`. Monotonic time is for intervals,
// wall time is for people. Implementations are thread-safe.
#pragma once

#include <chrono>

namespace inferd {

using Duration = std::chrono::nanoseconds;
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

// Records hold the epoch where a time was never reached.
constexpr bool Reached(MonotonicTime t) { return t != MonotonicTime{}; }

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;
  virtual WallTime WallNow() const = 0;
};

class SystemClock final : public Clock {
 public:
  MonotonicTime Now() const override { return std::chrono::steady_clock::now(); }
  WallTime WallNow() const override { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
};

constexpr double ToSeconds(Duration d) { return std::chrono::duration<double>(d).count(); }
constexpr Duration FromSeconds(double s) { return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s)); }

}  // namespace inferd
