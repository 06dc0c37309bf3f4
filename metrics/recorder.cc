#include "metrics/recorder.h"

#include <chrono>

#include "runtime/base/thread.h"

namespace inferd::metrics {
namespace {

// How late a view may be. The rings hold many times what happens in it.
constexpr auto kPeriod = std::chrono::milliseconds(50);

}  // namespace

void Recorder::Drain() {
  engine::RequestRecord request;
  while (requests_.TryPop(request)) {
    for (RecordView* view : views_) view->OnRequest(request);
  }
  engine::StepRecord step;
  while (steps_.TryPop(step)) {
    for (RecordView* view : views_) view->OnStep(step);
  }
}

void Recorder::Start() {
  thread_ = std::thread([this] {
    const ThreadSetup thread("recorder");
    std::unique_lock lock(mutex_);
    while (!stopped_.wait_for(lock, kPeriod, [this] { return stop_; })) Drain();
    Drain();
  });
}

void Recorder::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace inferd::metrics
