// GET /status: everything that `inferctl status` shows, as JSON. Reads copies only. Thread-safe.
#pragma once

#include <string>

#include "daemon/observability/collectors.h"
#include "daemon/views.h"
#include "metrics/engine_metrics.h"
#include "metrics/health.h"
#include "metrics/recent_rates.h"

namespace inferd::daemon {

class StatusPage {
 public:
  // All must outlive the page. `look` gives each model as it is now.
  StatusPage(const Views& views, metrics::EngineMetrics::Look look, const metrics::RecentRates& rates, const Collectors& collectors)
      : views_(views), look_(std::move(look)), rates_(rates), collectors_(collectors), begin_(views.clock.Now()) {}

  // `health`: the daemon's verdict.
  std::string Render(const metrics::Health& health) const;

 private:
  const Views& views_;
  const metrics::EngineMetrics::Look look_;
  const metrics::RecentRates& rates_;
  const Collectors& collectors_;
  const MonotonicTime begin_;
};

}  // namespace inferd::daemon
