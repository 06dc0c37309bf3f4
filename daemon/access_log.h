// The access line: one readable line for each request that has ended. Pure function.
#pragma once

#include <string>

#include "daemon/api/api.h"

namespace inferd::daemon {

std::string AccessLine(const CallEnd& end, const engine::Ledger& ledger);

}  // namespace inferd::daemon
