#include "daemon/observability/ticker.h"

#include "runtime/base/thread.h"

namespace inferd::daemon {

std::uint64_t Schedule::End(MonotonicTime now) {
  due_ += period_;
  if (due_ >= now) return 0;
  const auto missed = static_cast<std::uint64_t>((now - due_) / period_) + 1;
  due_ += static_cast<std::int64_t>(missed) * period_;
  return missed;
}

void Ticker::Start() {
  if (thread_.joinable()) return;
  stopping_ = false;
  last_ns_ = clock_.Now().time_since_epoch().count();
  thread_ = std::thread([this] {
    const ThreadSetup setup("ticker");
    Loop();
  });
}

void Ticker::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Duration Ticker::age() const {
  const std::int64_t last = last_ns_;
  return last == 0 ? Duration{} : clock_.Now().time_since_epoch() - Duration(last);
}

void Ticker::Loop() {
  Schedule schedule(clock_.Now(), period_);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (const Duration wait = schedule.due() - clock_.Now(); wait > Duration::zero()) {
      wake_.wait_for(lock, wait, [this] { return stopping_; });
      continue;
    }
    lock.unlock();
    round_(schedule.due());
    const MonotonicTime end = clock_.Now();
    last_ns_ = end.time_since_epoch().count();
    ++rounds_;
    overruns_ += schedule.End(end);
    lock.lock();
  }
}

}  // namespace inferd::daemon
