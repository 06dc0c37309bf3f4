// A way to tell people or programs of alerts: one message at a time, to one place. What is behind it may be slow, wrong or away; what is
// before it (dispatcher.h) knows when to try again.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "alerts/notification.h"
#include "runtime/base/status.h"

namespace inferd::alerts {

// Raised once, by any thread, to end what another thread waits for. fd() becomes readable then and stays so, for poll().
class StopSignal {
 public:
  StopSignal() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  ~StopSignal() { ::close(fd_); }

  void Raise() {
    raised_ = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(fd_, &one, sizeof(one));
  }
  bool raised() const { return raised_; }
  int fd() const { return fd_; }

 private:
  const int fd_;
  std::atomic<bool> raised_{false};
};

// Alerts that go out together.
struct Message {
  metrics::Labels group;             // what the alerts have in common because they were gathered by it
  std::vector<Notification> alerts;  // those that fire first, each kind in order of labels; never empty
  std::size_t truncated = 0;         // alerts of the group that fire as before and did not fit in

  bool firing() const { return alerts.front().status == NotificationStatus::kFiring; }
  std::size_t count(NotificationStatus status) const;
};

class Channel {
 public:
  virtual ~Channel() = default;

  // Delivers or says in one sentence why not; the message may then be given again. Returns within the channel's own timeout, and at once
  // (kCancelled) when `stop` is raised. One thread.
  virtual Result<> Deliver(const Message& message, const StopSignal& stop) = 0;
};

}  // namespace inferd::alerts
