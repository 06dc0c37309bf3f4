// Keeps the service manager informed: ready, stopping, what the daemon is doing, that it moves. Feeds the watchdog only when every engine
// made progress or had nothing to do; when one is stalled it saves evidence and then asks to be ended. Main thread only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "daemon/lifecycle.h"
#include "daemon/service_manager.h"
#include "daemon/views.h"
#include "runtime/base/clock.h"

namespace inferd::daemon {

// What the daemon looks like from outside at one moment.
struct Sights {
  Lifecycle::Snapshot life;
  int loaded_percent = 0;  // of the model that is being loaded
  std::uint64_t running = 0;
  std::uint64_t queued = 0;
  std::uint64_t inside = 0;                        // running and queued requests, as the engines count them
  std::string stalled;                             // why an engine counts as stalled; empty when none does
  MonotonicTime stalls_at = MonotonicTime::max();  // when the next one will, should it show no sign of life before
  std::uint64_t movement = 0;                      // another number whenever anything has moved
};

// `loaded_percent`: of the model that is being loaded.
Sights LookAround(const Views& views, int loaded_percent);

// "Serving 12, queue 3"
std::string StatusLine(const Sights& sights);

class Attendant {
 public:
  using Look = std::function<Sights()>;
  using Save = std::function<void(const std::string& why)>;

  // `service` must outlive this. `save` is called once, before the watchdog is triggered; it must not take more than half of the watchdog's
  // interval.
  Attendant(const ServiceManager& service, Look look, Save save) : service_(service), look_(std::move(look)), save_(std::move(save)) {}

  // To be called when due() has come, and when the life cycle has moved on; more often costs nothing.
  void Attend(MonotonicTime now);
  // Regularly, and when a stall would begin or has lasted long enough. Not after the next second, nor a tenth of the watchdog's interval.
  MonotonicTime due() const { return due_; }
  // How often the watchdog was fed. Any thread.
  const std::atomic<std::uint64_t>& feeds() const { return feeds_; }

 private:
  void FeedWatchdog(const Sights& sights, MonotonicTime now);
  MonotonicTime TriggersAt() const;

  const ServiceManager& service_;
  const Look look_;
  const Save save_;
  State told_ = State::kStarting;  // the last state that was seen
  MonotonicTime due_{};
  std::string status_;
  std::uint64_t movement_ = 0;
  MonotonicTime stalled_since_{};  // MonotonicTime{}: not stalled
  bool triggered_ = false;
  std::atomic<std::uint64_t> feeds_{0};
};

}  // namespace inferd::daemon
