#include "daemon/observability/query_pool.h"

#include <algorithm>
#include <exception>
#include <system_error>

#include "runtime/base/thread.h"

namespace inferd::daemon {

struct QueryPool::Job {
  enum class Stage : std::uint8_t { kWaiting, kRunning, kDone, kAbandoned };
  const std::function<void()>* work = nullptr;  // the caller's, which waits as long as it is needed
  Stage stage = Stage::kWaiting;
  std::exception_ptr error;
  std::condition_variable changed;
};

QueryPool::QueryPool(const Clock& clock, std::size_t threads, std::size_t waiting) : clock_(clock), most_waiting_(waiting) {
  try {
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this] {
        const ThreadSetup setup("query");
        Loop();
      });
    }
  } catch (const std::system_error&) {  // no more threads
    Stop();
    throw;
  }
}

QueryPool::~QueryPool() { Stop(); }

void QueryPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& job : waiting_) {
      job->stage = Job::Stage::kAbandoned;
      job->changed.notify_one();
    }
    waiting_.clear();
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

QueryPool::Ran QueryPool::Run(MonotonicTime deadline, const std::function<void()>& work) {
  auto job = std::make_shared<Job>();
  job->work = &work;
  std::unique_lock lock(mutex_);
  if (stopping_ || waiting_.size() >= most_waiting_) return Ran::kTooMany;
  waiting_.push_back(job);
  arrived_.notify_one();
  while (job->stage == Job::Stage::kWaiting) {
    const Duration left = deadline - clock_.Now();
    if (left <= Duration::zero()) {
      std::erase(waiting_, job);
      return Ran::kTooLate;
    }
    job->changed.wait_for(lock, left, [&] { return job->stage != Job::Stage::kWaiting; });
  }
  job->changed.wait(lock, [&] { return job->stage != Job::Stage::kRunning; });
  if (job->stage == Job::Stage::kAbandoned) return Ran::kTooMany;
  if (job->error) std::rethrow_exception(job->error);
  return Ran::kDone;
}

void QueryPool::Loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    job->stage = Job::Stage::kRunning;
    lock.unlock();
    try {
      (*job->work)();
    } catch (...) {
      job->error = std::current_exception();  // the caller's to handle
    }
    lock.lock();
    job->stage = Job::Stage::kDone;
    job->changed.notify_one();
  }
}

}  // namespace inferd::daemon
