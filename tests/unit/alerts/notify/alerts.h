// Alerts for tests of notifiers.
#pragma once

#include <chrono>
#include <string>

#include "alerts/notification.h"

namespace inferd::alerts {

// Of one rule and one instance; `start` is in seconds since 2020.
inline Notification Alert(const std::string& name, const std::string& instance, NotificationStatus status = NotificationStatus::kFiring,
                          int start = 0) {
  Notification alert;
  alert.status = status;
  alert.labels = {{"alertname", name}, {"instance", instance}, {"severity", "critical"}};
  alert.annotations = {{"description", "It is so on " + instance}, {"summary", name + " on " + instance}};
  alert.starts_at = WallTime(std::chrono::seconds(1'577'836'800 + start));
  if (status == NotificationStatus::kResolved) alert.ends_at = alert.starts_at + std::chrono::minutes(5);
  alert.generator_url = "http://here/graph";
  alert.fingerprint = alert.labels.hash();
  return alert;
}
inline Notification Resolved(const std::string& name, const std::string& instance, int start = 0) {
  return Alert(name, instance, NotificationStatus::kResolved, start);
}

}  // namespace inferd::alerts
