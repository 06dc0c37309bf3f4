// The engine: one loop thread that owns every piece of batch state (sequences, KV cache, sampler states) for one model. Requests come
// in through an inbox, tokens leave through each request's OutputStream, facts leave as StepRecords in a ring and as a few atomics.
// All public methods may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/ring.h"
#include "runtime/base/status.h"
#include "runtime/engine/engine_status.h"
#include "runtime/engine/ledger.h"
#include "runtime/engine/records.h"
#include "runtime/engine/request.h"
#include "runtime/model/kv_cache.h"
#include "runtime/model/model.h"
#include "runtime/model/tokenizer.h"

namespace inferd::engine {

struct EngineOptions {
  std::uint16_t model_index = 0;   // into Ledger::models()
  int context = 0;                 // tokens per sequence; 0: what the model was trained for
  int max_running = 32;            // sequences in a batch
  int max_batch_tokens = 512;      // tokens computed by one step; long prompts are prefilled in chunks of this
  int queue_capacity = 256;        // requests that wait; one more is refused
  std::size_t kv_cache_bytes = 0;  // 0: enough for max_running sequences of the whole context, at most a quarter of the machine's memory
  model::KvType kv_type = model::KvType::kF16;
  bool prefix_cache = true;
  int threads = 0;                                     // compute threads; 0: one per physical core available to the process
  bool lock_kv_cache = false;                          // keep it from being paged out
  std::optional<int> cpu = {};                         // the loop thread, which computes too, runs on this one alone
  Duration priority_aging = std::chrono::seconds(10);  // waiting this long counts as one class of priority
};

struct Refusal {
  RefusalReason reason;
  std::string message;   // for the client
  Duration retry_after;  // 0: retrying will not help
};

class Engine {
 public:
  // kResourceExhausted when the KV cache cannot be had or not be locked, kInvalidArgument for options out of range (named).
  // `tokenizer`, `clock`, `ledger` and `steps` must outlive the engine.
  static Result<std::unique_ptr<Engine>> Create(std::unique_ptr<model::Model> model, const model::Tokenizer& tokenizer,
                                                const EngineOptions& options, const Clock& clock, Ledger& ledger, Ring<StepRecord>& steps);
  // Stops; whatever is still inside ends as cancelled.
  virtual ~Engine() = default;

  // Starts the loop thread. Before it, Submit only queues. kIo when the thread cannot be bound to its CPU; it runs all the same.
  virtual Result<> Start() = 0;

  // Takes the request, or refuses it at once and leaves it untouched (its record is still the caller's). After acceptance its output
  // stream ends exactly once, whatever happens. The record's `admitted` is set.
  virtual tl::expected<void, Refusal> Submit(std::shared_ptr<Request> request) = 0;

  // From now on Submit refuses with kDraining; what is inside goes on.
  virtual void StartDrain() = 0;
  // Cancels everything inside (reason kDrain) and returns how many requests that were.
  virtual std::size_t CutAll() = 0;
  // Requests inside: queued and running.
  virtual std::size_t inside() const = 0;
  // Ends the loop thread; what is inside ends as cancelled. Idempotent.
  virtual void Stop() = 0;

  virtual EngineStatus status() const = 0;
  virtual const model::ModelConfig& config() const = 0;
  virtual const EngineOptions& options() const = 0;  // with every default filled in
};

}  // namespace inferd::engine
