// From the configuration's notifiers to what makes them.
#pragma once

#include <vector>

#include "alerts/notify/notifiers.h"
#include "config/config.h"
#include "runtime/base/status.h"

namespace inferd::daemon {

// The notifiers that a configuration names. kInvalidArgument; kUnavailable for a credential when the service manager has handed none over.
Result<std::vector<alerts::NotifierOptions>> NotifierOptionsOf(const config::Alerts& config);

}  // namespace inferd::daemon
