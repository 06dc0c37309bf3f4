// What /metrics shows of the daemon itself: build, connections, answers, dropped records, the last reload. Thread-safe.
#pragma once

#include <prometheus/collectable.h>

#include <vector>

#include "daemon/observability/server.h"
#include "daemon/views.h"

namespace inferd::daemon {

class DaemonMetrics final : public prometheus::Collectable {
 public:
  // Both must outlive this.
  DaemonMetrics(const Views& views, const ObservabilityServer& server) : views_(views), server_(server) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Views& views_;
  const ObservabilityServer& server_;
};

}  // namespace inferd::daemon
