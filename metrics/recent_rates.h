// What each model did per second lately, for a status page: Prometheus computes better rates from the counters. Fed by the recorder's
// thread, read by any.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "metrics/recorder.h"
#include "runtime/base/clock.h"
#include "runtime/engine/engine_status.h"

namespace inferd::metrics {

class RecentRates final : public RecordView {
 public:
  static constexpr int kSeconds = 10;

  // `models`: how many names the records' indices may stand for.
  explicit RecentRates(std::size_t models) : models_(models) {}

  struct PerSecond {
    double requests = 0;  // that ended
    double prompt_tokens = 0;
    double generated_tokens = 0;
    double weight_bytes = 0;  // streamed
    double flops = 0;
  };
  // Over the kSeconds whole seconds before `now`. A step counts for the time in which it worked: what one did that is over is spread over
  // its span, what the one in progress has done up to its last sign of life (`status`) over that.
  PerSecond Read(std::uint16_t model, MonotonicTime now, const engine::EngineStatus& status) const;

  void OnRequest(const engine::RequestRecord& record) override;
  void OnStep(const engine::StepRecord& record) override;

 private:
  struct Second {
    std::int64_t number = -1;  // since the clock's epoch
    PerSecond sums;
  };
  using Window = std::array<Second, 2 * kSeconds>;  // records may come late
  // The place of that moment, emptied when it was another's. Under mutex_.
  PerSecond& At(std::uint16_t model, MonotonicTime when);

  mutable std::mutex mutex_;
  std::vector<Window> models_;
};

}  // namespace inferd::metrics
