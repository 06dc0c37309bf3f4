// Calls a function from a thread of its own when the owner has not gone out of scope in time: the way out when the owner itself is stuck.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/thread.h"

namespace inferd::daemon {

class LastResort {
 public:
  // `act` is called at most once, after `limit` of real time. Where the system gives no more threads it is not called: whoever waits for
  // the end of the process has a patience of his own.
  LastResort(Duration limit, std::function<void()> act) {
    try {
      thread_ = std::thread([this, limit, act = std::move(act)] {
        const ThreadSetup setup("last-resort");
        std::unique_lock lock(mutex_);
        if (!over_.wait_for(lock, limit, [this] { return done_; })) act();
      });
    } catch (const std::system_error&) {
    }
  }
  LastResort(const LastResort&) = delete;
  LastResort& operator=(const LastResort&) = delete;
  // Calls it off.
  ~LastResort() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    over_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace inferd::daemon
