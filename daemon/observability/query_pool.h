// A few threads for work that needs more stack or more time than a server's thread has: queries over the history. Bounded: who finds too
// many waiting is turned away, and waiting counts against the time that a caller gives. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"

namespace inferd::daemon {

class QueryPool {
 public:
  // `clock` must outlive the pool. `waiting`: how many may wait for a thread.
  QueryPool(const Clock& clock, std::size_t threads, std::size_t waiting);
  ~QueryPool();  // ends what runs; what waits is abandoned
  QueryPool(const QueryPool&) = delete;
  QueryPool& operator=(const QueryPool&) = delete;

  enum class Ran : std::uint8_t { kDone, kTooMany, kTooLate };
  // Runs `work` on a thread of the pool and waits for its end. kTooLate: `deadline` passed while it waited for a thread; work that has
  // begun must look at the time itself. An exception of the work comes out of Run.
  Ran Run(MonotonicTime deadline, const std::function<void()>& work);

 private:
  struct Job;
  void Loop();
  void Stop();

  const Clock& clock_;
  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::shared_ptr<Job>> waiting_;  // under mutex_
  bool stopping_ = false;                     // under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace inferd::daemon
