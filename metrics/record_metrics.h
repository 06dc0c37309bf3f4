// The view of records that /metrics shows: histograms of requests and steps. Fed by the recorder's thread, collected by any.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/histogram.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "metrics/exemplars.h"
#include "metrics/recorder.h"
#include "runtime/engine/records.h"

namespace inferd::metrics {

class RecordMetrics final : public RecordView, public prometheus::Collectable {
 public:
  // `models`: Ledger::models(), whose indices the records carry.
  explicit RecordMetrics(const std::vector<std::string>& models);
  ~RecordMetrics() override;

  void OnRequest(const engine::RequestRecord& record) override;
  void OnStep(const engine::StepRecord& record) override;

  std::vector<prometheus::MetricFamily> Collect() const override;

  // One request for each bucket and each outcome, among those whose traces are kept. Any thread.
  const ExemplarTable& exemplars() const { return exemplars_; }

 private:
  struct RequestSeries;  // one per model and endpoint
  struct StepSeries;     // one per model
  ExemplarTable exemplars_;
  std::vector<std::string> models_;
  std::vector<std::unique_ptr<RequestSeries>> requests_;
  std::vector<std::unique_ptr<StepSeries>> steps_;
};

}  // namespace inferd::metrics
