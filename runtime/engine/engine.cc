// The loop thread around EngineCore: the inbox, admission bounds, status for other threads.
#include "runtime/engine/engine.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/base/seqlock.h"
#include "runtime/base/thread.h"
#include "runtime/engine/engine_core.h"
#include "runtime/model/compute_pool.h"

namespace inferd::engine {
namespace {

class ThreadedEngine final : public Engine {
 public:
  ThreadedEngine(std::unique_ptr<EngineCore> core, const Clock& clock) : core_(std::move(core)), clock_(clock) { Publish(); }
  ~ThreadedEngine() override { Stop(); }

  Result<> Start() override {
    thread_ = std::thread([this] {
      const ThreadSetup thread("engine");
      Loop();
    });
    return options().cpu ? model::PinThread(thread_.native_handle(), *options().cpu) : Result<>{};
  }

  tl::expected<void, Refusal> Submit(std::shared_ptr<Request> request) override;
  void StartDrain() override { draining_ = true; }
  std::size_t CutAll() override;
  std::size_t inside() const override { return inside_.load(); }
  void Stop() override;
  EngineStatus status() const override;
  const model::ModelConfig& config() const override { return core_->model().config(); }
  const EngineOptions& options() const override { return core_->options(); }

 private:
  void Loop();
  void Publish();
  int BlocksNeeded(const Request& request) const;
  // How long a request that joins the queue now may expect to wait.
  Duration ExpectedWait(std::uint32_t ahead) const;

  const std::unique_ptr<EngineCore> core_;
  const Clock& clock_;
  std::thread thread_;

  std::mutex mutex_;  // of the inbox
  std::condition_variable wake_;
  std::vector<std::shared_ptr<Request>> inbox_;
  bool cut_ = false;
  bool stop_ = false;

  std::atomic<bool> draining_{false};
  std::atomic<std::size_t> inside_{0};
  std::array<std::atomic<std::uint32_t>, kPriorities> waiting_{};  // inbox and queue
  std::atomic<std::int64_t> inbox_oldest_{0};                      // arrival, nanoseconds; 0: the inbox is empty
  std::atomic<std::int64_t> step_started_{0};
  SeqLock<EngineStatus> status_;
};

std::int64_t Nanoseconds(MonotonicTime t) { return t.time_since_epoch().count(); }

std::string Whole(std::size_t n) { return std::to_string(n); }

int ThreadedEngine::BlocksNeeded(const Request& request) const {
  const GenerateParams& params = request.params();
  std::size_t most = 0;
  for (const auto& prompt : params.prompts) {
    most =
        std::max(most, std::min(prompt.size() + static_cast<std::size_t>(params.max_tokens), static_cast<std::size_t>(options().context)));
  }
  return static_cast<int>((most + kKvBlockTokens - 1) / kKvBlockTokens);
}

Duration ThreadedEngine::ExpectedWait(std::uint32_t ahead) const {
  const EngineStatus status = status_.Load();
  // Those who find a place in the batch do not wait for anybody to finish.
  const auto places = static_cast<std::uint32_t>(options().max_running);
  const std::uint32_t free = places - std::min(status.running, places);
  if (ahead < free || status.drain_rate <= 0) return Duration::zero();
  return FromSeconds(std::min((ahead - free + 1) / status.drain_rate, 3600.0));
}

tl::expected<void, Refusal> ThreadedEngine::Submit(std::shared_ptr<Request> request) {
  const auto refuse = [](RefusalReason reason, std::string message, Duration retry_after) {
    return tl::unexpected<Refusal>(Refusal{reason, std::move(message), retry_after});
  };
  if (draining_) return refuse(RefusalReason::kDraining, "the server is shutting down", std::chrono::seconds(5));
  for (const auto& prompt : request->params().prompts) {
    if (prompt.size() >= static_cast<std::size_t>(options().context)) {
      return refuse(RefusalReason::kInvalid,
                    "the prompt has " + Whole(prompt.size()) + " tokens; with a context of " +
                        Whole(static_cast<std::size_t>(options().context)) + " at most " +
                        Whole(static_cast<std::size_t>(options().context) - 1) + " leave room for an answer",
                    Duration::zero());
    }
  }
  // One request cannot fill the batch several times over while the queue looks empty.
  const std::size_t choices = request->params().prompts.size() * static_cast<std::size_t>(request->params().n);
  const std::size_t most = std::max<std::size_t>(8, static_cast<std::size_t>(options().max_running));
  if (choices > most) {
    return refuse(RefusalReason::kInvalid,
                  "prompts times n is " + Whole(choices) + ", at most " + Whole(most) + " answers can be asked for at once",
                  Duration::zero());
  }
  const int needed = BlocksNeeded(*request);
  if (needed > core_->pool().total()) {
    return refuse(RefusalReason::kKv,
                  "the request needs " + Whole(static_cast<std::size_t>(needed) * kKvBlockTokens) + " tokens of KV cache, the model has " +
                      Whole(static_cast<std::size_t>(core_->pool().total()) * kKvBlockTokens),
                  Duration::zero());
  }
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return refuse(RefusalReason::kDraining, "the server is shutting down", std::chrono::seconds(5));
    std::uint32_t waiting = 0;
    for (const auto& n : waiting_) waiting += n.load();
    const Duration wait = ExpectedWait(waiting);
    if (waiting >= static_cast<std::uint32_t>(options().queue_capacity)) {
      return refuse(RefusalReason::kQueueFull, "the queue is full (" + Whole(waiting) + " requests wait)", RetryAfter(status()));
    }
    if (waiting > 0 && clock_.Now() + wait > request->params().deadline) {
      return refuse(RefusalReason::kDeadline,
                    "the queue is expected to take " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(wait).count()) +
                        " s, longer than the request's deadline allows",
                    RetryAfter(status()));
    }
    request->record.admitted = clock_.Now();
    ++waiting_[static_cast<std::size_t>(request->priority())];
    ++inside_;
    if (inbox_.empty()) inbox_oldest_ = Nanoseconds(request->record.received);
    inbox_.push_back(std::move(request));
  }
  wake_.notify_one();
  return {};
}

void ThreadedEngine::Loop() {
  for (;;) {
    std::vector<std::shared_ptr<Request>> arrived;
    bool cut = false;
    bool stop = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !inbox_.empty() || cut_ || stop_ || !core_->empty(); });
      arrived.swap(inbox_);
      cut = std::exchange(cut_, false);
      stop = stop_;
    }
    for (auto& request : arrived) core_->Accept(std::move(request));
    if (cut || stop) core_->CancelAll(CancelReason::kDrain);
    if (stop) {
      Publish();
      return;
    }
    Publish();
    step_started_ = Nanoseconds(clock_.Now());
    core_->Step([this] { Publish(); });
    step_started_ = 0;
    Publish();
  }
}

void ThreadedEngine::Publish() {
  const EngineStatus status = core_->status();
  status_.Store(status);
  const std::lock_guard lock(mutex_);
  std::array<std::uint32_t, kPriorities> waiting = status.queued;
  std::int64_t oldest = 0;
  for (const auto& request : inbox_) {
    ++waiting[static_cast<std::size_t>(request->priority())];
    const std::int64_t received = Nanoseconds(request->record.received);
    oldest = oldest == 0 ? received : std::min(oldest, received);
  }
  for (std::size_t i = 0; i < kPriorities; ++i) waiting_[i] = waiting[i];
  inbox_oldest_ = oldest;
  inside_ = static_cast<std::size_t>(core_->requests()) + inbox_.size();
}

std::size_t ThreadedEngine::CutAll() {
  const std::lock_guard lock(mutex_);
  cut_ = true;
  wake_.notify_one();
  return inside_;
}

void ThreadedEngine::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  } else if (!inbox_.empty() || !core_->empty()) {  // never started
    for (auto& request : inbox_) core_->Accept(std::move(request));
    inbox_.clear();
    core_->CancelAll(CancelReason::kDrain);
  }
}

EngineStatus ThreadedEngine::status() const {
  EngineStatus status = status_.Load();
  for (std::size_t i = 0; i < kPriorities; ++i) status.queued[i] = waiting_[i].load();
  const auto older = [](MonotonicTime a, MonotonicTime b) {
    if (a == MonotonicTime{}) return b;
    return b == MonotonicTime{} ? a : std::min(a, b);
  };
  const MonotonicTime inbox_oldest{Duration(inbox_oldest_.load())};
  status.oldest_queued = older(status.oldest_queued, inbox_oldest);
  status.oldest_without_token = older(status.oldest_without_token, inbox_oldest);
  status.last_progress = core_->last_progress();
  status.step_started = MonotonicTime(Duration(step_started_.load()));
  if (status.step_started != MonotonicTime{}) {
    status.busy += std::max(Duration::zero(), status.last_progress - status.step_started);
    if (status.step_weight_bytes > 0)
      status.step_share = std::min(1.0, static_cast<double>(core_->step_bytes()) / static_cast<double>(status.step_weight_bytes));
  }
  return status;
}

std::size_t PhysicalMemory() {
  return static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(::sysconf(_SC_PAGE_SIZE));
}

Result<void> Check(const EngineOptions& options) {
  const auto bad = [](const char* name, long long value, const char* allowed) {
    return Error(Code::kInvalidArgument, std::string(name) + " is " + std::to_string(value) + ", allowed: " + allowed);
  };
  if (options.max_running < 1 || options.max_running > 4096) return bad("max_running", options.max_running, "1 to 4096");
  if (options.max_batch_tokens < options.max_running || options.max_batch_tokens > 65536) {
    return bad("max_batch_tokens", options.max_batch_tokens, "max_running to 65536");
  }
  if (options.queue_capacity < 1 || options.queue_capacity > 1000000) return bad("queue_capacity", options.queue_capacity, "1 to 1000000");
  if (options.context < 0) return bad("context", options.context, "at least 1, or 0 for the model's own");
  return {};
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Create(std::unique_ptr<model::Model> model, const model::Tokenizer& tokenizer,
                                               const EngineOptions& wanted, const Clock& clock, Ledger& ledger, Ring<StepRecord>& steps) {
  INFERD_RETURN_IF_ERROR(Check(wanted));
  const model::ModelConfig& config = model->config();
  if (tokenizer.vocab_size() > static_cast<std::size_t>(config.vocab)) {
    return Error(Code::kCorrupt, model->file().name() + ": the tokenizer has " + std::to_string(tokenizer.vocab_size()) +
                                     " tokens, the model's embedding only " + std::to_string(config.vocab) + " rows");
  }
  EngineOptions options = wanted;
  options.threads = model->threads();
  options.context = options.context == 0 ? config.context : std::min(options.context, config.context);
  const std::size_t block_bytes = model::KvCache::BlockBytes(config, options.kv_type);
  const auto blocks_per_sequence = static_cast<std::size_t>((options.context + kKvBlockTokens - 1) / kKvBlockTokens);
  if (options.kv_cache_bytes == 0) {
    options.kv_cache_bytes =
        std::min(blocks_per_sequence * static_cast<std::size_t>(options.max_running) * block_bytes, PhysicalMemory() / 4);
  }
  const std::size_t blocks = std::min<std::size_t>(options.kv_cache_bytes / block_bytes, 1U << 24U);
  if (blocks == 0) {
    return Error(Code::kResourceExhausted, "kv_cache of " + std::to_string(options.kv_cache_bytes) + " bytes holds no block: one of " +
                                               std::to_string(kKvBlockTokens) + " tokens takes " + std::to_string(block_bytes) + " bytes");
  }
  options.kv_cache_bytes = blocks * block_bytes;
  // A sequence longer than the whole cache could never finish.
  options.context = std::min(options.context, static_cast<int>(blocks) * kKvBlockTokens);
  INFERD_ASSIGN_OR_RETURN(model::KvCache kv, model::KvCache::Create(config, options.kv_type, static_cast<int>(blocks)));
  if (options.lock_kv_cache) INFERD_RETURN_IF_ERROR(kv.Lock());
  auto core = std::make_unique<EngineCore>(std::move(model), tokenizer, options, std::move(kv), clock, ledger, steps);
  return std::make_unique<ThreadedEngine>(std::move(core), clock);
}

}  // namespace inferd::engine
