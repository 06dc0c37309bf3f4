// What /metrics shows of requests and engines from counts that are moved where the facts happen: read at the scrape, never behind.
// Thread-safe.
#pragma once

#include <prometheus/collectable.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "metrics/health.h"
#include "metrics/recent_rates.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine_status.h"
#include "runtime/engine/ledger.h"

namespace inferd::metrics {

// Facts about a loaded model that do not change.
struct ModelFacts {
  std::string architecture;
  std::string quantization;
  std::uint64_t parameters = 0;
  int context = 0;
  std::string sha256;  // of the file; empty while it is not known
  double load_seconds = 0;
  std::uint64_t weights_bytes = 0;
  int max_running = 0;
  // What the machine can do at best with it; 0 while that is not known.
  double peak_bytes_per_second = 0;
  double peak_flops_per_second = 0;
};

// One model as it is now.
struct ModelNow {
  ModelFacts facts;
  engine::EngineStatus status;
  Health health;
};

class EngineMetrics final : public prometheus::Collectable {
 public:
  // `look` gives the state of the model with that index of Ledger::models(), or nothing while it is not loaded. Called from any thread.
  using Look = std::function<std::optional<ModelNow>(std::uint16_t model)>;

  // `rates` may be nullptr: then nothing is said of how hard engines work the machine.
  EngineMetrics(const engine::Ledger& ledger, const Clock& clock, Look look, const RecentRates* rates = nullptr)
      : ledger_(ledger), clock_(clock), look_(std::move(look)), rates_(rates) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  void CollectRequests(std::vector<prometheus::MetricFamily>& families) const;
  void CollectEngines(std::vector<prometheus::MetricFamily>& families) const;

  const engine::Ledger& ledger_;
  const Clock& clock_;
  const Look look_;
  const RecentRates* const rates_;
};

}  // namespace inferd::metrics
