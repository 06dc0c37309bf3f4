#include "alerts/notify/channel.h"

#include <algorithm>

namespace inferd::alerts {

std::size_t Message::count(NotificationStatus status) const {
  return static_cast<std::size_t>(std::count_if(alerts.begin(), alerts.end(), [&](const Notification& n) { return n.status == status; }));
}

}  // namespace inferd::alerts
