// Flight data for alerts: when a critical alert begins to fire, what the daemon saw is saved before it is forgotten.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>

#include "alerts/notification.h"
#include "daemon/observability/errand.h"
#include "runtime/base/clock.h"

namespace inferd::daemon {

class AlertEvidence final : public alerts::NotificationSink {
 public:
  // After one report the next ones wait this long: alerts of one trouble fire together, and one that comes and goes must not push out what
  // was saved when it began.
  static constexpr Duration kPause = std::chrono::minutes(10);

  // `save` is called from a thread of this object's with what fires, and may take long; it must not throw. `clock` must outlive this.
  AlertEvidence(const Clock& clock, std::function<void(const std::string& why)> save) : clock_(clock), save_(std::move(save)) {}

  void Notify(std::span<const alerts::Notification> notifications) override;
  // Lets a report that is being saved end; none follows.
  void Stop() { errand_.Finish(); }

 private:
  const Clock& clock_;
  const std::function<void(const std::string&)> save_;
  // The ticker's thread.
  std::set<std::uint64_t> firing_;  // fingerprints of critical alerts
  MonotonicTime not_before_{};
  Errand errand_;
};

}  // namespace inferd::daemon
