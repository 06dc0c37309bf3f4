// An engine without a model: answers every choice with a script, or holds requests until the test lets them go. Keeps the contract of
// engine.h: the output of an accepted request ends exactly once, cancelled requests end soon, the ledger hears of each stage. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/engine/engine.h"

namespace inferd::engine {

class FakeEngine final : public Engine {
 public:
  struct Script {
    std::vector<std::string> pieces{"Hello", " world"};  // each byte is a token, but a piece over 1 KiB is one
    FinishReason finish = FinishReason::kEndOfText;
    bool hold = false;  // after the pieces, until Release or the end of the request
  };

  FakeEngine(const Clock& clock, Ledger& ledger) : clock_(clock), ledger_(ledger) {
    options_.context = 4096;
    status_.queue_capacity = 256;
    thread_ = std::thread([this] { Loop(); });
  }
  ~FakeEngine() override { Stop(); }

  void SetScript(Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }
  // Every Submit is refused from now on; nothing: none is.
  void SetRefusal(std::optional<Refusal> refusal) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(refusal);
  }
  void SetStatus(const EngineStatus& status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }
  // Whether it stands still, deaf to everything, as an engine inside a step that does not end. Stopping wakes it.
  void SetStuck(bool stuck) {
    const std::lock_guard lock(mutex_);
    stuck_ = stuck;
    wake_.notify_all();
  }
  // Lets held requests finish.
  void Release() {
    const std::lock_guard lock(mutex_);
    for (Active& active : active_) active.script.hold = false;
    wake_.notify_all();
  }
  // Sends more text to every held request.
  void Emit(const std::string& text) {
    const std::lock_guard lock(mutex_);
    for (Active& active : active_) active.script.pieces.push_back(text);
    wake_.notify_all();
  }
  bool WaitInside(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return active_.size() == count; });
  }
  bool WaitEnded(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return ended_ >= count; });
  }
  std::shared_ptr<Request> last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  std::size_t submitted() const {
    const std::lock_guard lock(mutex_);
    return submitted_;
  }

  Result<> Start() override { return {}; }
  tl::expected<void, Refusal> Submit(std::shared_ptr<Request> request) override {
    const std::lock_guard lock(mutex_);
    ++submitted_;
    if (refusal_) return tl::unexpected<Refusal>(*refusal_);
    if (draining_) return tl::unexpected<Refusal>(Refusal{RefusalReason::kDraining, "draining", std::chrono::seconds(5)});
    request->record.admitted = clock_.Now();
    last_ = request;
    active_.push_back({std::move(request), script_, 0});
    wake_.notify_all();
    changed_.notify_all();
    return {};
  }
  void StartDrain() override { draining_ = true; }
  std::size_t CutAll() override {
    const std::lock_guard lock(mutex_);
    for (Active& active : active_) active.request->Cancel(CancelReason::kDrain);
    wake_.notify_all();
    return active_.size();
  }
  std::size_t inside() const override {
    const std::lock_guard lock(mutex_);
    return active_.size();
  }
  void Stop() override {
    CutAll();
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      wake_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }
  EngineStatus status() const override {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  const model::ModelConfig& config() const override { return config_; }
  const EngineOptions& options() const override { return options_; }

 private:
  struct Active {
    std::shared_ptr<Request> request;
    Script script;
    std::size_t sent = 0;  // pieces
  };

  static int Choices(const Request& request) { return static_cast<int>(request.params().prompts.size()) * request.params().n; }

  void Push(Active& active, const std::string& text, std::optional<FinishReason> finish) {
    Request& request = *active.request;
    RequestRecord& record = request.record;
    const MonotonicTime now = clock_.Now();
    if (record.scheduled == MonotonicTime{}) {
      record.scheduled = now;
      if (request.counted) ledger_.Scheduled(record);
    }
    if (!text.empty()) {
      if (record.first_token == MonotonicTime{}) {
        record.first_token = now;
        if (request.counted) ledger_.FirstToken(record);
      }
      record.last_token = now;
    }
    for (int choice = 0; choice < Choices(request); ++choice) {
      OutputEvent event{.choice = choice, .text = text, .tokens = {}, .finished = finish};
      for (const char c : std::string_view(text).substr(0, text.size() <= 1024 ? text.size() : 1)) {
        GeneratedToken token{.id = static_cast<unsigned char>(c), .logprob = -0.5F, .top = {}};
        for (int i = 0; i < request.params().sampling.logprobs; ++i) token.top.push_back({static_cast<unsigned char>(c), -0.5F});
        event.tokens.push_back(std::move(token));
      }
      record.generated_tokens += static_cast<std::uint32_t>(event.tokens.size());
      request.output.Push(std::move(event));
    }
  }

  // True when the request is over.
  bool Work(Active& active) {
    std::optional<FinishReason> finish;
    if (active.request->cancel_reason() != CancelReason::kNone) {
      finish = FinishReason::kCancelled;
    } else if (clock_.Now() >= active.request->params().deadline) {
      finish = FinishReason::kExpired;
    } else {
      while (active.sent < active.script.pieces.size()) {
        // By value: the script may grow.
        const std::string piece = active.script.pieces[active.sent++];
        Push(active, piece, std::nullopt);
      }
      if (active.script.hold) return false;
      finish = active.script.finish;
    }
    Push(active, "", finish);
    active.request->output.End();
    return true;
  }

  void Loop() {
    std::unique_lock lock(mutex_);
    while (!stop_ || !active_.empty()) {
      if (stuck_ && !stop_) {
        wake_.wait(lock, [this] { return !stuck_ || stop_; });
        continue;
      }
      const std::size_t before = active_.size();
      std::erase_if(active_, [this](Active& active) { return Work(active); });
      ended_ += before - active_.size();
      if (before != active_.size()) changed_.notify_all();
      if (stop_) continue;
      // Cancel() and a moved clock tell nobody: look again soon.
      wake_.wait_for(lock, active_.empty() ? std::chrono::milliseconds(50) : std::chrono::milliseconds(1));
    }
  }

  const Clock& clock_;
  Ledger& ledger_;
  model::ModelConfig config_;
  EngineOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable changed_;
  Script script_;
  std::optional<Refusal> refusal_;
  EngineStatus status_;
  std::vector<Active> active_;
  std::shared_ptr<Request> last_;
  std::size_t submitted_ = 0;
  bool stuck_ = false;
  std::size_t ended_ = 0;
  std::atomic<bool> draining_{false};
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace inferd::engine
