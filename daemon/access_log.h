// The access line: one event for each request that has ended, from its record and what the call knows besides. Pure function.
#pragma once

#include "daemon/api/api.h"
#include "logging/events.h"

namespace inferd::daemon {

// Points into `end`, which must outlive it.
logging::RequestEnded AccessEvent(const CallEnd& end);
logging::About AboutCall(const CallEnd& end, const engine::Ledger& ledger);

}  // namespace inferd::daemon
