// A thread for work that may take long, such as writing to a disk that hangs. It does the newest thing that was asked of it; what waits
// when something newer comes is dropped. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace inferd::daemon {

class Errand {
 public:
  Errand() : thread_([this] { Loop(); }) {}
  // Ends what runs and what waits.
  ~Errand() { Finish(); }
  Errand(const Errand&) = delete;
  Errand& operator=(const Errand&) = delete;

  // `work` must not throw.
  void Ask(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      waiting_ = std::move(work);
    }
    wake_.notify_one();
  }

  // Waits until everything is done; nothing is taken after that.
  void Finish() {
    {
      const std::lock_guard lock(mutex_);
      finishing_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return finishing_ || waiting_ != nullptr; });
      if (waiting_ == nullptr) return;
      const auto work = std::exchange(waiting_, nullptr);
      lock.unlock();
      work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::function<void()> waiting_;  // under mutex_
  bool finishing_ = false;         // under mutex_
  std::thread thread_;
};

}  // namespace inferd::daemon
