// All notifiers: hands what is to be told to each of them, and changes them while the daemon runs. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notification.h"
#include "alerts/notify/channels.h"
#include "alerts/notify/dispatcher.h"
#include "alerts/notify/silences.h"

namespace inferd::alerts {

struct NotifierOptions {
  std::string name;                      // unique; a label of metrics
  std::vector<ChannelOptions> channels;  // each gets everything: the peers of a cluster, or the only one
  QueueOptions queue;
};

struct NotifierState {
  std::string name;
  std::string_view channel;  // "webhook"
  std::size_t waiting = 0;   // alerts whose latest state is not delivered, by the receiver that has most
  bool failing = false;      // the last delivery to some receiver failed
  std::string error;
  std::uint64_t ok = 0;       // messages
  std::uint64_t failed = 0;   // tries
  std::uint64_t dropped = 0;  // alerts
};

class Notifiers final : public NotificationSink {
 public:
  // All must outlive this.
  Notifiers(const Clock& clock, DeliveryLog& log, const Silences& silences);
  Notifiers(const Notifiers&) = delete;
  Notifiers& operator=(const Notifiers&) = delete;
  ~Notifiers() override;  // Stop()

  // From now on there are these. One that is as it was goes on undisturbed; one that has changed takes over what the old one of its name
  // had still to tell.
  void Configure(const std::vector<NotifierOptions>& wanted);

  void Notify(std::span<const Notification> notifications) override;

  // Sends a test alert by that notifier and says what became of it, within little more than twice the channel's timeout. kNotFound.
  Result<> Test(const std::string& name);

  std::vector<NotifierState> States() const;

  // What each notifier has told and has still to tell, as JSON; empty when that is nothing. Restore is called before the first Configure:
  // what may have been told then stays told, so that whoever heard of an alert before a restart hears of its end. A text that is not what
  // Keep gives is kInvalidArgument and changes nothing.
  std::string Keep() const;
  Result<> Restore(std::string_view kept);

  // Ends deliveries that run. Idempotent.
  void Stop();

 private:
  struct Receiver {
    std::string name;
    ChannelOptions channel;
    QueueOptions queue;
    std::shared_ptr<Dispatcher> dispatcher;
    std::shared_ptr<DeliveryCounters> counters;
  };

  Receiver Make(const NotifierOptions& options, const ChannelOptions& channel, std::span<const AlertQueue::Item> adopted);

  const Clock& clock_;
  DeliveryLog& log_;
  const Silences& silences_;
  mutable std::mutex mutex_;
  std::vector<Receiver> receivers_;
  std::map<std::string, std::vector<AlertQueue::Item>> restored_;      // by name; until a notifier takes them over
  std::map<std::string, std::shared_ptr<DeliveryCounters>> counters_;  // by name: they outlive a change
};

}  // namespace inferd::alerts
