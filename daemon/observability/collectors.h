// Which collectors the daemon runs, and how often: the fast ones once in observability.interval, those that cost milliseconds or change
// slowly every 15 seconds or more.
#pragma once

#include <memory>
#include <vector>

#include "daemon/views.h"
#include "metrics/collector.h"
#include "metrics/collectors/gpu_nvml.h"
#include "metrics/record_metrics.h"

namespace inferd::daemon {

class Collectors {
 public:
  // Both must outlive this. What a collector has to say goes to the log.
  Collectors(const Views& views, const metrics::RecordMetrics& records);

  void Start() { runner_.Start(); }
  void Stop() { runner_.Stop(); }

  const metrics::CollectorRunner& runner() const { return runner_; }
  // GPU series that this machine's driver does not give, with the reasons. Any thread.
  std::vector<metrics::HiddenSeries> hidden_gpu_series() const { return gpus_->hidden(); }

 private:
  std::shared_ptr<metrics::NvmlGpus> gpus_;
  metrics::CollectorRunner runner_;
};

}  // namespace inferd::daemon
