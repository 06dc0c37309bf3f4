#include "daemon/observability/alert_evidence.h"

#include <string_view>

namespace inferd::daemon {

void AlertEvidence::Notify(std::span<const alerts::Notification> notifications) {
  std::string began;
  for (const alerts::Notification& n : notifications) {
    if (n.status == alerts::NotificationStatus::kResolved) {
      firing_.erase(n.fingerprint);
    } else if (n.labels.Get("severity") == "critical" && firing_.insert(n.fingerprint).second) {
      began.append(began.empty() ? "" : ", ").append(n.labels.Get("alertname"));
    }
  }
  const MonotonicTime now = clock_.Now();
  if (began.empty() || now < not_before_) return;
  not_before_ = now + kPause;
  errand_.Ask([this, why = "critical alert: " + began] { save_(why); });
}

}  // namespace inferd::daemon
