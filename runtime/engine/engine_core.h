// The engine without its thread: all batch state and the work of one step. Everything here runs on the thread that calls Step; time comes
// in through the clock, so tests drive it step by step.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "runtime/base/aligned_vector.h"
#include "runtime/base/clock.h"
#include "runtime/base/ring.h"
#include "runtime/engine/block_pool.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/fault_injection.h"
#include "runtime/engine/sampler.h"
#include "runtime/engine/scheduler.h"
#include "runtime/engine/text_assembler.h"

namespace inferd::engine {

// Requests finished per second of busy time, smoothed over about 10 s: what a queue drains at. Idle time does not count: it says nothing
// about how fast the engine could have been.
class DrainRate {
 public:
  void Add(double busy_seconds, int finished);
  // 0 before anything has finished.
  double PerSecond() const { return weight_ > 0 ? finished_ / weight_ : 0; }

 private:
  double finished_ = 0;  // decayed sums of requests and of seconds
  double weight_ = 0;
};

class EngineCore {
 public:
  EngineCore(std::unique_ptr<model::Model> model, const model::Tokenizer& tokenizer, const EngineOptions& options, model::KvCache kv,
             const Clock& clock, Ledger& ledger, Ring<StepRecord>& steps);

  // Takes a request in; its record's `admitted` is set already.
  void Accept(std::shared_ptr<Request> request);

  // Drops what was cancelled or has expired, computes one batch, delivers its tokens. False when there was nothing to compute. `on_plan` is
  // called between the plan and the computing, which may take long: status() then says what the step works on.
  bool Step(const std::function<void()>& on_plan = [] {});

  // Ends everything inside as cancelled.
  void CancelAll(CancelReason reason);

  bool empty() const { return sequences_.empty(); }
  int requests() const { return static_cast<int>(requests_.size()); }
  // Requests of which nothing has been scheduled yet, by priority.
  const std::array<std::uint32_t, kPriorities>& queued() const { return queued_; }
  // The core's part of the status: everything but what the inbox and the step in progress add.
  EngineStatus status() const;

  // Weights streamed so far by the step in progress. Any thread.
  std::uint64_t step_bytes() const { return step_bytes_.load(std::memory_order_relaxed); }
  // Last sign of life. Any thread.
  MonotonicTime last_progress() const { return MonotonicTime(Duration(last_progress_.load(std::memory_order_relaxed))); }

  const model::Model& model() const { return *model_; }
  const BlockPool& pool() const { return pool_; }
  const EngineOptions& options() const { return options_; }

 private:
  // A request inside, shared by its choices.
  struct Active {
    std::shared_ptr<Request> request;
    MonotonicTime arrival{};
    int open_choices = 0;
    bool any_length = false;
    bool any_stop = false;
  };

  // One choice.
  struct Sequence {
    SequenceId id = 0;
    Active* active = nullptr;
    int choice = 0;
    int prompt_length = 0;
    int max_length = 0;           // tokens, prompt included
    std::vector<TokenId> tokens;  // prompt, then generated
    int computed = 0;             // tokens whose keys and values are in the cache
    std::vector<KvBlockId> table;
    int published = 0;               // leading blocks that the prefix cache knows
    ContentId content = kNoContent;  // of the last published block
    bool running = false;
    bool prefix_counted = false;
    bool leads_siblings = false;  // other choices of the same prompt wait for this one's keys and values
    MonotonicTime last_token{};
    std::unique_ptr<Sampler> sampler;
    std::unique_ptr<TextAssembler> text;
    std::vector<GeneratedToken> unsent;  // tokens whose text is still held back

    int generated() const { return static_cast<int>(tokens.size()) - prompt_length; }
  };

  // Waiting sequences in order of service.
  struct WaitingKey {
    MonotonicTime virtual_arrival;
    SequenceId id;
    auto operator<=>(const WaitingKey&) const = default;
  };

  // After `weight_bytes` more were streamed.
  void MarkProgress(std::uint64_t weight_bytes = 0) {
    step_bytes_.store(step_bytes_.load(std::memory_order_relaxed) + weight_bytes, std::memory_order_relaxed);
#if INFERD_FAULT_INJECTION
    faults_.Suffer();
#endif
    last_progress_.store(clock_.Now().time_since_epoch().count(), std::memory_order_relaxed);
  }
  void NoteWorkers();
  void AddSequence(Active& active, int choice);
  void AddSiblings(Sequence& leader);
  WaitingKey KeyOf(const Sequence& sequence) const;
  SequenceView ViewOf(const Sequence& sequence) const;
  std::vector<SequenceView> WaitingViews() const;
  void DropCancelled();
  void Admit(Sequence& sequence);
  void Preempt(Sequence& sequence);
  void ReleaseBlocks(Sequence& sequence);
  void PublishBlocks(Sequence& sequence);
  // Draws the next token of a sequence from its logits and delivers it. True when the sequence ended.
  void Deliver(Sequence& sequence, std::span<float> logits, MonotonicTime now);
  void EndSequence(SequenceId id, FinishReason reason);
  // Ends every sequence of the request.
  void EndRequest(Active& active, FinishReason reason);
  void Finish(Active& active, FinishReason reason);

  std::unique_ptr<model::Model> model_;
  const model::Tokenizer& tokenizer_;
  const EngineOptions options_;
  model::KvCache kv_;
  const Clock& clock_;
  Ledger& ledger_;
  Ring<StepRecord>& steps_;
  BlockPool pool_;

  std::map<Request*, std::unique_ptr<Active>> requests_;
  std::map<SequenceId, Sequence> sequences_;
  std::set<SequenceId> running_;
  std::set<WaitingKey> waiting_;
  std::array<std::uint32_t, kPriorities> queued_{};
  SequenceId next_id_ = 1;
  AlignedVector<float> logits_;

  StepRecord step_;  // of the step in progress
  std::uint64_t step_number_ = 0;
  MonotonicTime last_step_{};
  std::atomic<std::int64_t> last_progress_{0};
  std::atomic<std::uint64_t> step_bytes_{0};  // written by the engine's thread alone
  Duration busy_{};                           // in steps that are over
  int finished_this_step_ = 0;
  std::uint64_t prefix_query_tokens_ = 0;
  std::uint64_t prefix_hit_tokens_ = 0;
  std::uint64_t preemptions_ = 0;
  DrainRate drain_rate_;
#if INFERD_FAULT_INJECTION
  Faults faults_;
#endif
};

}  // namespace inferd::engine
