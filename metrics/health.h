// Tells how an engine is from what it has done lately, without asking it to do anything. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/engine/engine_status.h"

namespace inferd::metrics {

enum class Verdict : std::uint8_t {
  kOk,
  kBusy,      // working at its limit, or in a long step: healthy
  kDegraded,  // working, but turning requests away
  kStalled,   // has work and shows no sign of life
  kDraining,
  kLoading,
};
inline constexpr std::size_t kVerdicts = 6;
constexpr std::string_view VerdictName(Verdict verdict) {
  return std::array<std::string_view, kVerdicts>{
      "ok", "busy", "degraded", "stalled", "draining", "loading"}[static_cast<std::size_t>(verdict)];
}
// Whether a probe that asks for health should be answered with success.
constexpr bool IsHealthy(Verdict verdict) { return verdict <= Verdict::kDegraded; }

struct Health {
  Verdict verdict = Verdict::kLoading;
  std::vector<std::string> reasons;  // sentences for people; empty when ok
};

// An engine with work that shows no sign of life for this long is stalled. Signs come several times a layer, so a long prefill gives many.
// Less than the three seconds within which a probe has to hear of it.
inline constexpr Duration kStalledAfter = std::chrono::milliseconds(2500);

// When the engine counts as stalled, should it show no sign of life before; MonotonicTime::max() while it has nothing to do.
MonotonicTime StallsAt(const engine::EngineStatus& status);

Health JudgeEngine(const engine::EngineStatus& status, int max_running, MonotonicTime now);

}  // namespace inferd::metrics
