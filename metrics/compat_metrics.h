// The same facts under the names, labels and buckets of other projects: vLLM, and OpenTelemetry's conventions for generative AI servers
// (opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics). One more reader of the records; fed by the recorder's thread, collected by
// any.
#pragma once

#include <prometheus/collectable.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "metrics/engine_metrics.h"
#include "metrics/recorder.h"
#include "runtime/engine/ledger.h"
#include "runtime/engine/records.h"

namespace inferd::metrics {

// Under vLLM's names, with a model's index as the label engine.
class VllmMetrics final : public RecordView, public prometheus::Collectable {
 public:
  // `ledger` and what `look` sees must outlive this.
  VllmMetrics(const engine::Ledger& ledger, EngineMetrics::Look look);
  ~VllmMetrics() override;

  void OnRequest(const engine::RequestRecord& record) override;
  void OnStep(const engine::StepRecord& record) override;
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Histograms;  // one per model
  const engine::Ledger& ledger_;
  const EngineMetrics::Look look_;
  std::vector<std::unique_ptr<Histograms>> models_;
};

class OtelMetrics final : public RecordView, public prometheus::Collectable {
 public:
  // `models`: Ledger::models(), whose indices the records carry.
  explicit OtelMetrics(const std::vector<std::string>& models);
  ~OtelMetrics() override;

  void OnRequest(const engine::RequestRecord& record) override;
  void OnStep(const engine::StepRecord&) override {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Histograms;  // one per model and endpoint
  const std::vector<std::string> models_;
  std::vector<std::unique_ptr<Histograms>> series_;
};

}  // namespace inferd::metrics
