#include "alerts/notify/dispatcher.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "runtime/base/thread.h"

namespace inferd::alerts {
namespace {

// A clock that is set while the thread sleeps is noticed after this.
constexpr Duration kLongestSleep = std::chrono::seconds(60);

}  // namespace

Dispatcher::Dispatcher(std::string name, QueueOptions options, std::unique_ptr<Channel> channel, Surroundings surroundings,
                       std::shared_ptr<DeliveryCounters> counters, std::span<const AlertQueue::Item> adopted)
    : name_(std::move(name)),
      options_(std::move(options)),
      channel_(std::move(channel)),
      surroundings_(std::move(surroundings)),
      counters_(std::move(counters)),
      queue_(options_, surroundings_.random, surroundings_.silenced) {
  for (const AlertQueue::Item& item : adopted) queue_.Adopt(item, Times());
  thread_ = std::thread([this] { Run(); });
}

Dispatcher::~Dispatcher() { Stop(); }

void Dispatcher::Notify(std::span<const Notification> notifications) {
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    if (stop_.raised()) return;
    for (const Notification& notification : notifications) {
      if (queue_.Put(notification, Times())) continue;
      full = true;
      counters_->dropped.fetch_add(1, std::memory_order_relaxed);
    }
    if (full && full_) full = false;
    if (full) full_ = true;
    if (queue_.size() < options_.capacity) full_ = false;
  }
  woken_.notify_one();
  if (full) surroundings_.log.Full(name_, options_.capacity);
}

Result<> Dispatcher::Test(Notification notification, Duration patience) {
  std::unique_lock lock(mutex_);
  if (stop_.raised()) return Error(Code::kUnavailable, "the notifier stops");
  if (trial_) return Error(Code::kUnavailable, "another test is under way");
  if (!queue_.PutUrgent(notification, Times())) return Error(Code::kResourceExhausted, "the queue is full");
  trial_ = Trial{.fingerprint = notification.fingerprint, .after = begun_, .result = std::nullopt};
  woken_.notify_one();
  const bool done = tested_.wait_for(lock, patience, [this] { return trial_->result || stop_.raised(); });
  Result<> result = trial_->result ? *trial_->result : Error(Code::kCancelled, "the notifier stops");
  if (!done) result = Error(Code::kDeadlineExceeded, "not delivered in time: a delivery before it hangs");
  trial_.reset();
  if (result) {
    notification.status = NotificationStatus::kResolved;
    notification.ends_at = surroundings_.clock.WallNow();
    queue_.PutUrgent(notification, Times());
    if (!options_.send_resolved) queue_.Forget(notification.fingerprint);
    woken_.notify_one();
  } else {
    queue_.Forget(notification.fingerprint);
  }
  return result;
}

std::vector<AlertQueue::Item> Dispatcher::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_.Raise();
  }
  woken_.notify_all();
  tested_.notify_all();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  return queue_.Items();
}

Dispatcher::State Dispatcher::state() const {
  const std::lock_guard lock(mutex_);
  State state = state_;
  state.waiting = queue_.waiting();
  return state;
}

std::vector<AlertQueue::Item> Dispatcher::items() const {
  const std::lock_guard lock(mutex_);
  return queue_.Items();
}

void Dispatcher::Run() {
  const ThreadSetup setup("notifier");
  // What is written to a command that reads nothing must not end the process.
  sigset_t pipes;
  sigemptyset(&pipes);
  sigaddset(&pipes, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipes, nullptr);
  std::unique_lock lock(mutex_);
  while (!stop_.raised()) {
    const AlertQueue::Times times = Times();
    if (const auto batch = queue_.Take(times)) {
      const std::uint64_t number = ++begun_;
      lock.unlock();
      const Result<> result = channel_->Deliver(batch->message, stop_);
      lock.lock();
      if (!result && stop_.raised()) {
        queue_.Failed(*batch, Times());  // it goes on in the next dispatcher's queue, if there is one
        break;
      }
      if (result) {
        counters_->ok.fetch_add(1, std::memory_order_relaxed);
        queue_.Delivered(*batch, Times());
      } else {
        counters_->failed.fetch_add(1, std::memory_order_relaxed);
        queue_.Failed(*batch, Times());
      }
      if (trial_ && !trial_->result && number > trial_->after && batch->Has(trial_->fingerprint)) {
        trial_->result = result;
        tested_.notify_all();
      }
      Report(result, lock);
      continue;
    }
    const auto due = queue_.NextDue();
    const Duration sleep = due ? std::clamp(*due - times.now, Duration::zero(), kLongestSleep) : kLongestSleep;
    woken_.wait_for(lock, sleep);
  }
}

// Tells the log of a change for the worse or for the better, without the lock: the queue stays open.
void Dispatcher::Report(const Result<>& result, std::unique_lock<std::mutex>& lock) {
  const bool failed = !result;
  const bool changed = failed != state_.failing;
  state_.failing = failed;
  state_.error = failed ? result.error().message : std::string();
  const MonotonicTime now = surroundings_.clock.Now();
  if (failed) {
    if (changed) {
      failing_since_ = now;
      failed_tries_ = 0;
    }
    ++failed_tries_;
  }
  const Duration failed_for = now - failing_since_;
  const std::uint64_t tries = failed_tries_;
  lock.unlock();
  if (changed && failed) surroundings_.log.Failing(name_, result.error().message);
  if (changed && !failed) surroundings_.log.Working(name_, failed_for, tries);
  surroundings_.log.Settled();
  lock.lock();
}

}  // namespace inferd::alerts
