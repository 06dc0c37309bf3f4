// An alert as its receivers see it, and the door through which the judgement of rules hands it on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "metrics/query.h"
#include "runtime/base/clock.h"

namespace inferd::alerts {

enum class NotificationStatus : std::uint8_t { kFiring, kResolved };

struct Notification {
  NotificationStatus status = NotificationStatus::kFiring;
  metrics::Labels labels;                                        // with alertname; sorted by name
  std::vector<std::pair<std::string, std::string>> annotations;  // sorted by name
  WallTime starts_at{};
  WallTime ends_at{};  // resolved: when it was; firing: until when it counts as firing if nothing more is heard
  std::string generator_url;
  std::uint64_t fingerprint = 0;  // of the labels: the same alert has the same, also after a restart
  double value = 0;               // of the expression when it was judged last
};

class NotificationSink {
 public:
  virtual ~NotificationSink() = default;
  // What is to be told after one evaluation: alerts that fire, again after a while, and those that were resolved. Called from the ticker's
  // thread; it must not block: it queues.
  virtual void Notify(std::span<const Notification> notifications) = 0;
};

}  // namespace inferd::alerts
