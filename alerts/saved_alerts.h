// The alerts of a manager as a text that outlives the process: JSON, with the version of its form. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "alerts/manager.h"
#include "runtime/base/status.h"

namespace inferd::alerts {

std::string WriteSavedAlerts(const SavedAlerts& saved);

// kCorrupt says what is malformed, or that the version is another.
Result<SavedAlerts> ReadSavedAlerts(std::string_view text);

}  // namespace inferd::alerts
