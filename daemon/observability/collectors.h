// Which collectors the daemon runs, and how often: the fast ones once in observability.interval, those that cost milliseconds or change
// slowly every 15 seconds or more.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/views.h"
#include "metrics/collector.h"
#include "metrics/collectors/gpu_nvml.h"

namespace inferd::daemon {

class Collectors {
 public:
  // `views` must outlive this. What a collector has to say goes to the log.
  explicit Collectors(const Views& views);

  // The log line of what a source of metrics has to say. Any thread.
  static void Say(metrics::NoteLevel level, const std::string& note);

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
