#include "runtime/engine/engine_core.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <iterator>

namespace inferd::engine {
namespace {

Outcome OutcomeOf(FinishReason reason, bool any_length, bool any_stop) {
  switch (reason) {
    case FinishReason::kExpired: return Outcome::kExpired;
    case FinishReason::kCancelled: return Outcome::kCancelled;
    case FinishReason::kFailed: return Outcome::kFailed;
    case FinishReason::kEndOfText:
    case FinishReason::kStopString:
    case FinishReason::kLength: break;
  }
  if (any_length) return Outcome::kLength;
  return any_stop ? Outcome::kStop : Outcome::kOk;
}

}  // namespace

void DrainRate::Add(double busy_seconds, int finished) {
  constexpr double kMemorySeconds = 10;
  const double decay = std::exp(-busy_seconds / kMemorySeconds);
  finished_ = finished_ * decay + finished;
  weight_ = weight_ * decay + busy_seconds;
}

EngineCore::EngineCore(std::unique_ptr<model::Model> model, const model::Tokenizer& tokenizer, const EngineOptions& options,
                       model::KvCache kv, const Clock& clock, Ledger& ledger, Ring<StepRecord>& steps)
    : model_(std::move(model)),
      tokenizer_(tokenizer),
      options_(options),
      kv_(std::move(kv)),
      clock_(clock),
      ledger_(ledger),
      steps_(steps),
      pool_(kv_.blocks(), options.prefix_cache) {
  model_->OnProgress([this](std::uint64_t weight_bytes) { MarkProgress(weight_bytes); });
  MarkProgress();
}

void EngineCore::Accept(std::shared_ptr<Request> request) {
  Request* key = request.get();
  auto active = std::make_unique<Active>();
  active->arrival = request->record.received;
  active->request = std::move(request);
  const GenerateParams& params = key->params();
  active->open_choices = static_cast<int>(params.prompts.size()) * params.n;
  key->record.choices = static_cast<std::uint32_t>(active->open_choices);
  Active& placed = *requests_.emplace(key, std::move(active)).first->second;
  ++queued_[static_cast<std::size_t>(key->priority())];
  for (std::size_t prompt = 0; prompt < params.prompts.size(); ++prompt) AddSequence(placed, static_cast<int>(prompt) * params.n);
}

void EngineCore::AddSequence(Active& active, int choice) {
  const GenerateParams& params = active.request->params();
  const std::vector<TokenId>& prompt = params.prompts[static_cast<std::size_t>(choice / params.n)];
  Sequence sequence;
  sequence.id = next_id_++;
  sequence.active = &active;
  sequence.choice = choice;
  sequence.prompt_length = static_cast<int>(prompt.size());
  sequence.max_length = std::min(options_.context, sequence.prompt_length + params.max_tokens);
  sequence.tokens = prompt;
  sequence.leads_siblings = params.n > 1 && choice % params.n == 0;
  sequence.sampler = std::make_unique<Sampler>(params.sampling, params.sampling.seed + static_cast<std::uint64_t>(choice), prompt);
  sequence.text = std::make_unique<TextAssembler>(params.stop);
  waiting_.insert(KeyOf(sequence));
  sequences_.emplace(sequence.id, std::move(sequence));
}

void EngineCore::AddSiblings(Sequence& leader) {
  if (!leader.leads_siblings) return;
  leader.leads_siblings = false;
  Active& active = *leader.active;
  for (int i = 1; i < active.request->params().n; ++i) AddSequence(active, leader.choice + i);
}

EngineCore::WaitingKey EngineCore::KeyOf(const Sequence& sequence) const {
  return {VirtualArrival(sequence.active->arrival, sequence.active->request->priority(), options_.priority_aging), sequence.id};
}

SequenceView EngineCore::ViewOf(const Sequence& sequence) const {
  SequenceView view;
  view.id = sequence.id;
  view.priority = sequence.active->request->priority();
  view.arrival = sequence.active->arrival;
  view.deadline = sequence.active->request->params().deadline;
  view.length = static_cast<int>(sequence.tokens.size());
  view.computed = sequence.computed;
  view.blocks = static_cast<int>(sequence.table.size());
  view.releasable = static_cast<int>(
      std::count_if(sequence.table.begin(), sequence.table.end(), [this](KvBlockId block) { return pool_.HeldOnce(block); }));
  return view;
}

std::vector<SequenceView> EngineCore::WaitingViews() const {
  std::vector<SequenceView> views;
  views.reserve(waiting_.size());
  std::size_t admissible =
      static_cast<std::size_t>(options_.max_running) - std::min(running_.size(), static_cast<std::size_t>(options_.max_running));
  for (const WaitingKey& key : waiting_) {
    const Sequence& sequence = sequences_.at(key.id);
    SequenceView view = ViewOf(sequence);
    if (admissible > 0) {  // only these can be admitted, so only for these is the prefix cache asked
      --admissible;
      const BlockPool::PrefixSize prefix = pool_.PeekPrefix(sequence.tokens, (view.length - 1) / kKvBlockTokens);
      view.computed = prefix.blocks * kKvBlockTokens;
      view.blocks = prefix.held_blocks;
    }
    views.push_back(view);
  }
  return views;
}

void EngineCore::DropCancelled() {
  std::vector<Active*> cancelled;
  for (const auto& [request, active] : requests_) {
    if (request->cancel_reason() != CancelReason::kNone) cancelled.push_back(active.get());
  }
  for (Active* active : cancelled) EndRequest(*active, FinishReason::kCancelled);
}

bool EngineCore::Step(const std::function<void()>& on_plan) {
  step_bytes_ = 0;
  MarkProgress();
  const MonotonicTime start = clock_.Now();
  step_ = StepRecord{};
  step_.model = options_.model_index;
  step_.start = start;
  finished_this_step_ = 0;
  DropCancelled();

  std::vector<SequenceView> running;
  for (const SequenceId id : running_) running.push_back(ViewOf(sequences_.at(id)));
  const Plan plan = MakePlan(start, running, WaitingViews(), {pool_.available(), kKvBlockTokens},
                             {options_.max_running, options_.max_batch_tokens, options_.priority_aging});
  for (const SequenceId id : plan.expire) {
    // One expired choice ends the whole request, and with it the other choices listed here.
    if (const auto it = sequences_.find(id); it != sequences_.end()) EndRequest(*it->second.active, FinishReason::kExpired);
  }
  for (const SequenceId id : plan.preempt) Preempt(sequences_.at(id));
  for (const SequenceId id : plan.admit) Admit(sequences_.at(id));

  std::vector<model::BatchEntry> batch;
  std::vector<SequenceId> complete;  // whose next token comes out of this step
  bool asked_for = false;            // a warm-up pass, one at a time, says nothing about how fast a queue drains
  for (const Plan::Work& work : plan.work) {
    Sequence& sequence = sequences_.at(work.id);
    const int end = std::min(sequence.computed + work.tokens, static_cast<int>(sequence.tokens.size()));
    while (static_cast<int>(sequence.table.size()) * kKvBlockTokens < end) {
      const std::optional<KvBlockId> block = pool_.Allocate();
      assert(block.has_value() && "the plan counted the blocks");
      sequence.table.push_back(*block);
    }
    asked_for = asked_for || sequence.active->request->counted;
    const bool last = end == static_cast<int>(sequence.tokens.size());
    const auto count = static_cast<std::size_t>(end - sequence.computed);
    batch.push_back({std::span(sequence.tokens).subspan(static_cast<std::size_t>(sequence.computed), count), sequence.computed,
                     sequence.table, last, false});
    if (last) complete.push_back(work.id);
    if (sequence.generated() > 0 && count == 1) {
      ++step_.decode_sequences;
    } else {
      ++step_.prefill_sequences;
      step_.prefill_tokens += static_cast<std::uint32_t>(count);
    }
  }
  if (!batch.empty()) {
    step_.weight_bytes_read = model_->weight_bytes();
    step_.flops = model_->flops_per_token() * (step_.prefill_tokens + step_.decode_sequences);
  }
  on_plan();
  const MonotonicTime planned = clock_.Now();
  step_.plan = planned - start;
  if (batch.empty()) {
    drain_rate_.Add(0, finished_this_step_);
    return false;
  }

  const auto vocab = static_cast<std::size_t>(model_->config().vocab);
  logits_.resize(std::max(logits_.size(), complete.size() * vocab));
  model_->Forward(batch, kv_, std::span(logits_).first(complete.size() * vocab));
#if INFERD_FAULT_INJECTION
  faults_.Spoil(logits_);
#endif
  const MonotonicTime computed = clock_.Now();
  step_.forward = computed - planned;
  NoteWorkers();
  step_.running = static_cast<std::uint32_t>(running_.size());
  step_.kv_blocks_used = static_cast<std::uint32_t>(pool_.held());

  for (const Plan::Work& work : plan.work) {
    Sequence& sequence = sequences_.at(work.id);
    sequence.computed = std::min(sequence.computed + work.tokens, static_cast<int>(sequence.tokens.size()));
    PublishBlocks(sequence);
  }
  for (std::size_t i = 0; i < complete.size(); ++i) {
    // A sequence may have ended together with another choice of its request.
    const auto it = sequences_.find(complete[i]);
    if (it != sequences_.end()) Deliver(it->second, std::span(logits_).subspan(i * vocab, vocab), computed);
  }

  const MonotonicTime end = clock_.Now();
  step_.sample = end - computed;
  step_.number = ++step_number_;
  step_.phase = step_.prefill_tokens == 0 ? StepPhase::kDecode : (step_.decode_sequences == 0 ? StepPhase::kPrefill : StepPhase::kMixed);
  for (const std::uint32_t n : queued_) step_.queue_depth += n;
  if (!waiting_.empty()) {
    MonotonicTime oldest = MonotonicTime::max();
    for (const WaitingKey& key : waiting_) oldest = std::min(oldest, sequences_.at(key.id).active->arrival);
    step_.queue_head_age = end - oldest;
  }
  steps_.TryPush(step_);
  busy_ += step_.total();
  MarkProgress();
  last_step_ = end;
  if (asked_for) drain_rate_.Add(ToSeconds(end - start), finished_this_step_);
  return true;
}

void EngineCore::NoteWorkers() {
  const std::span<const Duration> busy = model_->worker_busy();
  step_.workers = static_cast<std::uint16_t>(std::min(busy.size(), kStepWorkers));
  for (std::size_t i = 0; i < step_.workers; ++i) {
    const auto share = step_.forward > Duration::zero() ? busy[i] * kWholeForward / step_.forward : 0;
    step_.worker_busy[i] = static_cast<std::uint16_t>(std::clamp<std::int64_t>(share, 0, kWholeForward));
  }
}

void EngineCore::Admit(Sequence& sequence) {
  waiting_.erase(KeyOf(sequence));
  running_.insert(sequence.id);
  sequence.running = true;
  const int most = (static_cast<int>(sequence.tokens.size()) - 1) / kKvBlockTokens;
  BlockPool::Prefix prefix = pool_.TakePrefix(sequence.tokens, most);
  sequence.table = std::move(prefix.blocks);
  sequence.published = static_cast<int>(sequence.table.size());
  sequence.content = prefix.content;
  sequence.computed = sequence.published * kKvBlockTokens;

  RequestRecord& record = sequence.active->request->record;
  if (!sequence.prefix_counted) {
    sequence.prefix_counted = true;
    prefix_query_tokens_ += static_cast<std::uint64_t>(sequence.prompt_length);
    prefix_hit_tokens_ += static_cast<std::uint64_t>(sequence.computed);
    // Siblings find their leader's prompt by design: the request is told only what it did not have to compute at all.
    if (sequence.choice % sequence.active->request->params().n == 0)
      record.cached_prompt_tokens += static_cast<std::uint32_t>(sequence.computed);
  }
  if (record.scheduled == MonotonicTime{}) {
    record.scheduled = step_.start;
    sequence.active->request->progress.scheduled = step_.start;
    --queued_[static_cast<std::size_t>(sequence.active->request->priority())];
    if (sequence.active->request->counted) ledger_.Scheduled(record);
  }
}

void EngineCore::Preempt(Sequence& sequence) {
  ReleaseBlocks(sequence);
  running_.erase(sequence.id);
  sequence.running = false;
  waiting_.insert(KeyOf(sequence));
  ++preemptions_;
  ++step_.preemptions;
  RequestRecord& record = sequence.active->request->record;
  if (record.preemptions < kPreemptionTimes) record.preempted[record.preemptions] = step_.start;
  ++record.preemptions;
}

void EngineCore::ReleaseBlocks(Sequence& sequence) {
  // From the end: of a chain of cached blocks the last is given away first, so that what remains can still be found.
  for (auto it = sequence.table.rbegin(); it != sequence.table.rend(); ++it) pool_.Release(*it);
  sequence.table.clear();
  sequence.published = 0;
  sequence.content = kNoContent;
  sequence.computed = 0;
}

void EngineCore::PublishBlocks(Sequence& sequence) {
  for (; (sequence.published + 1) * kKvBlockTokens <= sequence.computed; ++sequence.published) {
    const auto at = static_cast<std::size_t>(sequence.published);
    const std::span<const TokenId, kKvBlockTokens> tokens(sequence.tokens.data() + at * kKvBlockTokens, kKvBlockTokens);
    sequence.content = pool_.Publish(sequence.table[at], sequence.content, tokens);
  }
}

void EngineCore::Deliver(Sequence& sequence, std::span<float> logits, MonotonicTime now) {
  AddSiblings(sequence);
  Active& active = *sequence.active;
  Request& request = *active.request;
  const GenerateParams& params = request.params();
  if (std::isnan(logits.front())) {  // NaN spreads over the whole vocabulary: the model has computed nothing
    EndSequence(sequence.id, FinishReason::kFailed);
    return;
  }
  GeneratedToken token = sequence.sampler->Sample(logits, sequence.generated());
  const TokenId id = token.id;

  if (sequence.last_token != MonotonicTime{}) {
    const double gap = ToSeconds(now - sequence.last_token);
    const auto bucket = std::lower_bound(kInterTokenBounds.begin(), kInterTokenBounds.end(), gap) - kInterTokenBounds.begin();
    ++step_.inter_token[static_cast<std::size_t>(bucket)];
    step_.inter_token_sum += gap;
  }
  sequence.last_token = now;
  request.progress.last_token = request.record.last_token = now;
  request.progress.generated_tokens = ++request.record.generated_tokens;
  ++step_.generated_tokens;
  if (request.record.first_token == MonotonicTime{}) {
    request.record.first_token = now;
    request.progress.first_token = now;
    if (request.counted) ledger_.FirstToken(request.record);
  }

  if (tokenizer_.IsEndOfGeneration(id) && !params.ignore_eos) {
    EndSequence(sequence.id, FinishReason::kEndOfText);
    return;
  }
  sequence.sampler->Accept(id);
  sequence.tokens.push_back(id);
  sequence.unsent.push_back(std::move(token));
  std::string text = sequence.text->Push(tokenizer_.TokenBytes(id));
  if (sequence.text->stopped() || static_cast<int>(sequence.tokens.size()) >= sequence.max_length) {
    const bool stopped = sequence.text->stopped();
    if (!text.empty()) request.output.Push({sequence.choice, std::move(text), std::exchange(sequence.unsent, {}), std::nullopt});
    EndSequence(sequence.id, stopped ? FinishReason::kStopString : FinishReason::kLength);
  } else if (!text.empty()) {
    request.output.Push({sequence.choice, std::move(text), std::exchange(sequence.unsent, {}), std::nullopt});
  }
}

void EngineCore::EndSequence(SequenceId id, FinishReason reason) {
  const auto it = sequences_.find(id);
  Sequence& sequence = it->second;
  Active& active = *sequence.active;
  ReleaseBlocks(sequence);
  running_.erase(id);
  waiting_.erase(KeyOf(sequence));
  active.any_length |= reason == FinishReason::kLength;
  active.any_stop |= reason == FinishReason::kStopString;
  active.request->output.Push({sequence.choice, sequence.text->Finish(), std::move(sequence.unsent), reason});
  sequences_.erase(it);
  if (--active.open_choices == 0) Finish(active, reason);
}

void EngineCore::EndRequest(Active& active, FinishReason reason) {
  std::vector<SequenceId> ids;
  for (const auto& [id, sequence] : sequences_) {
    if (sequence.active == &active) ids.push_back(id);
  }
  active.open_choices = static_cast<int>(ids.size());  // siblings that were never begun will not be
  for (const SequenceId id : ids) EndSequence(id, reason);
}

void EngineCore::Finish(Active& active, FinishReason reason) {
  const std::shared_ptr<Request> request = active.request;
  RequestRecord& record = request->record;
  record.outcome = OutcomeOf(reason, active.any_length, active.any_stop);
  if (record.scheduled == MonotonicTime{}) --queued_[static_cast<std::size_t>(request->priority())];
  if (request->counted) ++finished_this_step_;
  requests_.erase(request.get());
  request->output.End();
}

void EngineCore::CancelAll(CancelReason reason) {
  for (const auto& [request, active] : requests_) request->Cancel(reason);
  DropCancelled();
}

EngineStatus EngineCore::status() const {
  EngineStatus status;
  status.steps = step_number_;
  status.last_step = last_step_;
  status.busy = busy_;
  status.step_weight_bytes = step_.weight_bytes_read;
  status.step_flops = step_.flops;
  status.step_prefill_tokens = step_.prefill_tokens;
  status.queued = queued_;
  status.queue_capacity = static_cast<std::uint32_t>(options_.queue_capacity);
  status.running = static_cast<std::uint32_t>(running_.size());
  MonotonicTime oldest_queued = MonotonicTime::max();
  MonotonicTime oldest_without_token = MonotonicTime::max();
  for (const auto& [request, active] : requests_) {
    if (request->record.scheduled == MonotonicTime{}) oldest_queued = std::min(oldest_queued, active->arrival);
    if (request->record.first_token == MonotonicTime{}) oldest_without_token = std::min(oldest_without_token, active->arrival);
  }
  if (oldest_queued != MonotonicTime::max()) status.oldest_queued = oldest_queued;
  if (oldest_without_token != MonotonicTime::max()) status.oldest_without_token = oldest_without_token;
  status.kv_blocks = static_cast<std::uint32_t>(pool_.total());
  status.kv_blocks_used = static_cast<std::uint32_t>(pool_.held());
  status.kv_block_tokens = kKvBlockTokens;
  status.kv_cache_bytes = kv_.bytes();
  status.prefix_query_tokens = prefix_query_tokens_;
  status.prefix_hit_tokens = prefix_hit_tokens_;
  status.preemptions = preemptions_;
  status.drain_rate = drain_rate_.PerSecond();
  return status;
}

}  // namespace inferd::engine
