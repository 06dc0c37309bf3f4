#include "runtime/engine/request.h"

#include <iterator>

namespace inferd::engine {

void OutputStream::WakeLocked() {
  if (wake_ && !signalled_) {
    signalled_ = true;
    wake_();
  }
}

void OutputStream::Push(OutputEvent event) {
  const std::lock_guard lock(mutex_);
  for (OutputEvent& waiting : events_) {
    if (waiting.choice != event.choice) continue;
    waiting.text += event.text;
    std::move(event.tokens.begin(), event.tokens.end(), std::back_inserter(waiting.tokens));
    waiting.finished = event.finished;
    return WakeLocked();
  }
  events_.push_back(std::move(event));
  WakeLocked();
}

void OutputStream::End() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  WakeLocked();
}

OutputStream::Batch OutputStream::Drain() {
  const std::lock_guard lock(mutex_);
  signalled_ = false;
  return {std::exchange(events_, {}), ended_};
}

void OutputStream::OnReady(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  signalled_ = false;
  if (!events_.empty() || ended_) WakeLocked();
}

}  // namespace inferd::engine
