// A request as the engine sees it: native types, no JSON. Made by an API coroutine, handed to Engine::Submit as a shared_ptr,
// answered through its bounded OutputStream. These two crossings are the only ones between the planes and the engine.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/engine/records.h"
#include "runtime/model/token.h"

namespace inferd::engine {

using model::TokenId;

struct SamplingParams {
  float temperature = 1.0F;                                // 0: greedy. 0 to 2
  int top_k = 0;                                           // 0: off
  float top_p = 1.0F;                                      // (0, 1]
  float min_p = 0.0F;                                      // [0, 1)
  float presence_penalty = 0.0F;                           // -2 to 2, on generated tokens
  float frequency_penalty = 0.0F;                          // -2 to 2, on generated tokens
  float repetition_penalty = 1.0F;                         // (0, 2], on prompt and generated tokens
  std::uint64_t seed = 0;                                  // same seed, same text, whatever else is in the batch
  std::vector<std::pair<TokenId, float>> logit_bias = {};  // ids in the vocabulary; -100 to 100
  int logprobs = -1;                                       // -1: none; otherwise the number of alternatives per position, 0 to 20
};

struct GenerateParams {
  std::vector<std::vector<TokenId>> prompts;  // at least one, none empty
  int n = 1;                                  // choices per prompt; choice index = prompt index * n + i
  int max_tokens = 0;                         // per choice, at least 1; the engine also stops at the context's end
  SamplingParams sampling;                    // choice i draws with seed + i
  std::vector<std::string> stop = {};         // up to 4, none empty; the stop string itself is not in the output
  bool ignore_eos = false;                    // generate up to max_tokens whatever the model says (benchmarks, warm-up)
  MonotonicTime deadline = MonotonicTime::max();
};

enum class FinishReason : std::uint8_t { kEndOfText, kStopString, kLength, kExpired, kCancelled, kFailed };

struct TokenLogprob {
  TokenId id;
  float logprob;  // natural logarithm, of the model's distribution before bias, penalties, temperature and truncation
};

struct GeneratedToken {
  TokenId id;
  float logprob = 0;              // set when logprobs were asked for
  std::vector<TokenLogprob> top;  // the most likely ones, best first
};

// A piece of one choice's output. `text` is whole code points, always; it never holds a part of a stop string that might still match.
struct OutputEvent {
  int choice = 0;
  std::string text;
  std::vector<GeneratedToken> tokens;    // that made it, possibly none or several; end-of-text tokens are not among them
  std::optional<FinishReason> finished;  // on the last event of the choice
};

// Carries events from the engine thread to one consumer. Bounded by construction: a choice makes at most max_tokens + 1 events, and
// events wait merged per choice, so what waits is never more than the text itself. The engine never blocks on it.
class OutputStream {
 public:
  struct Batch {
    std::vector<OutputEvent> events;
    bool ended = false;  // nothing will follow, and the request's record is the caller's from here on
  };

  // Engine thread.
  void Push(OutputEvent event);
  void End();

  // Consumer. Takes everything that waits; never blocks.
  Batch Drain();
  // `wake` is called from the engine thread, at most once for each Drain, when there is something to drain (at once, from this thread, if
  // there is already). It must be quick and must not call back into the stream: post to an executor. An empty function detaches: no
  // call is running or will come after this returns.
  void OnReady(std::function<void()> wake);

 private:
  void WakeLocked();

  std::mutex mutex_;
  std::vector<OutputEvent> events_;
  bool ended_ = false;
  bool signalled_ = false;
  std::function<void()> wake_;
};

enum class CancelReason : std::uint8_t { kNone, kClientGone, kDrain };

class Request {
 public:
  explicit Request(GenerateParams params, Priority priority) : params_(std::move(params)), priority_(priority) {}

  const GenerateParams& params() const { return params_; }
  Priority priority() const { return priority_; }

  // False for a warm-up pass, which nobody asked for: the ledger does not hear of it. Set before Submit.
  bool counted = true;

  // Written by the maker before Submit, by the engine until the output stream has ended, then by the consumer.
  RequestRecord record;
  OutputStream output;

  // What of the record is told while the engine still writes it, as there. Any thread.
  struct Progress {
    std::atomic<MonotonicTime> scheduled{MonotonicTime{}};
    std::atomic<MonotonicTime> first_token{MonotonicTime{}};
    std::atomic<MonotonicTime> last_token{MonotonicTime{}};
    std::atomic<std::uint32_t> generated_tokens{0};
  };
  Progress progress;

  // Any thread, any time: the engine drops the request at its next step, frees its KV and ends the output.
  void Cancel(CancelReason reason) {
    CancelReason none = CancelReason::kNone;
    cancel_.compare_exchange_strong(none, reason);
  }
  CancelReason cancel_reason() const { return cancel_.load(std::memory_order_relaxed); }

 private:
  const GenerateParams params_;
  const Priority priority_;
  std::atomic<CancelReason> cancel_{CancelReason::kNone};
};

}  // namespace inferd::engine
