// Brings one configured model up: file, tokenizer, chat template, engine, warm-up. Runs on a thread of its own while the planes answer.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "daemon/served_models.h"
#include "runtime/base/clock.h"
#include "runtime/base/ring.h"
#include "runtime/base/status.h"
#include "runtime/engine/engine.h"

namespace inferd::daemon {

// The engine uses the tokenizer until it is gone.
struct LoadedModel {
  std::unique_ptr<const model::Tokenizer> tokenizer;
  std::unique_ptr<engine::Engine> engine;
  ServedModel served;  // points at the two above
};

// kNotFound names every configured file that is not there or may not be read by this process, and says what to do. Before the first is
// loaded: loading takes its time.
Result<> FindModelFiles(const std::vector<config::Model>& models);

// Not started yet. The message of an error begins with the path. `percent` rises to 100 on the way. `first_cpu` counts the CPUs that
// threads of other models are bound to.
Result<LoadedModel> LoadModel(const config::Model& wanted, const config::Queue& queue, std::uint16_t index, std::size_t first_cpu,
                              const Clock& clock, engine::Ledger& ledger, Ring<engine::StepRecord>& steps, const std::atomic<bool>& stop,
                              std::atomic<int>& percent);

// Passes of different lengths through the started engine, one after the other. Returns early when `stop` becomes true. kInternal when the
// engine refuses or fails one.
Result<> WarmUp(engine::Engine& engine, int passes, const Clock& clock, const std::atomic<bool>& stop);

}  // namespace inferd::daemon
