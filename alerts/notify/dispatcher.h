// Carries alerts to one receiver: a queue, and a thread that delivers what is due and tries again what failed. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "alerts/notification.h"
#include "alerts/notify/alert_queue.h"
#include "alerts/notify/channel.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::alerts {

// What became of the messages to one receiver, and of alerts that there was no room for.
struct DeliveryCounters {
  std::atomic<std::uint64_t> ok{0};
  std::atomic<std::uint64_t> failed{0};   // tries
  std::atomic<std::uint64_t> dropped{0};  // alerts that found the queue full
};

// Is told what an operator wants to know. From the dispatchers' threads; must not block.
class DeliveryLog {
 public:
  virtual ~DeliveryLog() = default;
  // Once when deliveries begin to fail, and once when they succeed again.
  virtual void Failing(std::string_view notifier, std::string_view trouble) = 0;
  virtual void Working(std::string_view notifier, Duration failed_for, std::uint64_t failed_tries) = 0;
  // Alerts find the queue full. Once until there is room again.
  virtual void Full(std::string_view notifier, std::size_t capacity) = 0;
  // A line that a command wrote.
  virtual void Output(std::string_view notifier, std::string_view line) = 0;
  // After each delivery, whatever became of it: what is left to tell has changed.
  virtual void Settled() {}
};

class Dispatcher {
 public:
  struct Surroundings {
    const Clock& clock;
    DeliveryLog& log;
    std::function<double()> random;                        // uniform in [0, 1); this dispatcher's own
    std::function<bool(const metrics::Labels&)> silenced;  // any thread
  };
  struct State {
    std::size_t waiting = 0;  // alerts whose latest state is not delivered
    bool failing = false;
    std::string error;  // of the last delivery, if it failed
  };

  // What `surroundings` names must outlive this. `name` is for the log. `adopted`: what another dispatcher's Stop gave.
  Dispatcher(std::string name, QueueOptions options, std::unique_ptr<Channel> channel, Surroundings surroundings,
             std::shared_ptr<DeliveryCounters> counters, std::span<const AlertQueue::Item> adopted = {});
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;
  ~Dispatcher();  // Stop()

  // Queues. Never waits for a delivery.
  void Notify(std::span<const Notification> notifications);

  // Sends one alert through the queue, at once and without further tries, and takes it back (as resolved) when it was delivered. What
  // became of it: nothing, the channel's error, or kDeadlineExceeded when `patience` ends before. One test at a time (kUnavailable).
  Result<> Test(Notification notification, Duration patience);

  // Ends a delivery that runs, and the thread. What is left in the queue. Idempotent.
  std::vector<AlertQueue::Item> Stop();

  State state() const;
  std::vector<AlertQueue::Item> items() const;

 private:
  void Run();
  void Report(const Result<>& result, std::unique_lock<std::mutex>& lock);
  AlertQueue::Times Times() const { return {surroundings_.clock.Now(), surroundings_.clock.WallNow()}; }

  struct Trial {
    std::uint64_t fingerprint = 0;
    std::uint64_t after = 0;  // deliveries that had begun before are of an earlier test
    std::optional<Result<>> result;
  };

  const std::string name_;
  const QueueOptions options_;
  const std::unique_ptr<Channel> channel_;  // the thread's
  const Surroundings surroundings_;
  const std::shared_ptr<DeliveryCounters> counters_;
  StopSignal stop_;

  mutable std::mutex mutex_;
  std::condition_variable woken_;   // the thread
  std::condition_variable tested_;  // whoever tests
  AlertQueue queue_;
  State state_;
  MonotonicTime failing_since_{};
  std::uint64_t failed_tries_ = 0;  // since then
  bool full_ = false;
  std::uint64_t begun_ = 0;  // deliveries
  std::optional<Trial> trial_;
  std::thread thread_;
};

}  // namespace inferd::alerts
