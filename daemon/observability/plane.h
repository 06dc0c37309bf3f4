// The observability plane: the recorder that makes metrics of records, the registry that collects them, the handlers, the server.
#pragma once

#include <memory>

#include "daemon/views.h"

namespace inferd::daemon {

// `views` must outlive what is returned.
std::unique_ptr<ObservabilityPlane> MakeObservabilityPlane(const Views& views);

}  // namespace inferd::daemon
