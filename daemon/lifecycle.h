// Where the daemon is in its life, and why. Thread-safe. It only moves forward.
//
//   STARTING -> LOADING -> WARMING -> READY -> DRAINING -> STOPPED     (draining and stopping may begin anywhere)
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"

namespace inferd::daemon {

enum class State : std::uint8_t { kStarting, kLoading, kWarming, kReady, kDraining, kStopped };
inline constexpr std::size_t kStates = 6;
constexpr std::string_view StateName(State state) {
  return std::array<std::string_view, kStates>{
      "starting", "loading", "warming", "ready", "draining", "stopped"}[static_cast<std::size_t>(state)];
}

class Lifecycle {
 public:
  struct Snapshot {
    State state = State::kStarting;
    std::string reason;     // one sentence: "loading model demo"
    MonotonicTime since{};  // when this state began
  };
  using Listener = std::function<void(const Snapshot&)>;

  explicit Lifecycle(const Clock& clock) : clock_(clock) { now_.since = clock.Now(); }

  // False, and nothing changes, when the state is behind already: loading ends after draining has begun, say. The same state with another
  // reason is a change.
  bool MoveTo(State state, std::string reason);

  State state() const;
  Snapshot snapshot() const;
  bool ready() const { return state() == State::kReady; }

  // Called after every change, from the thread that made it, outside the lock. Listeners are added before the first change.
  void OnChange(Listener listener) { listeners_.push_back(std::move(listener)); }

 private:
  const Clock& clock_;
  mutable std::mutex mutex_;
  Snapshot now_;
  std::vector<Listener> listeners_;
};

}  // namespace inferd::daemon
