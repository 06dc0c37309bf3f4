// What /metrics shows of the daemon itself: build, connections, answers, dropped records, the last reload. Thread-safe.
#pragma once

#include <prometheus/collectable.h>

#include <vector>

#include "daemon/observability/server.h"
#include "daemon/views.h"
#include "logging/trace_export.h"

namespace inferd::daemon {

class DaemonMetrics final : public prometheus::Collectable {
 public:
  // All must outlive this. `spans`: nullptr when traces are not exported.
  DaemonMetrics(const Views& views, const ObservabilityServer& server, const logging::SpanCounters* spans)
      : views_(views), server_(server), spans_(spans) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Views& views_;
  const ObservabilityServer& server_;
  const logging::SpanCounters* const spans_;
};

}  // namespace inferd::daemon
