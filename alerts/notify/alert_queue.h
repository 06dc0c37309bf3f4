// What one receiver has still to be told: of every alert the latest state, gathered in groups, with the moment at which each group is due.
// A newer state of an alert takes the place of the older one; nothing else is ever taken out before it was delivered. Pure: time and chance
// come in. For one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alerts/notify/channel.h"
#include "runtime/base/clock.h"

namespace inferd::alerts {

// Gathers every alert by itself, instead of by the labels that are named.
inline constexpr std::string_view kGroupByAll = "...";

struct QueueOptions {
  std::vector<std::string> group_by = {};  // labels; empty: all alerts together
  Duration group_wait{};                   // from the first alert of a group to its first message
  Duration group_interval{};               // from a message of a group to the next one, when something has changed
  Duration repeat_interval{};              // the same when nothing has; zero: never
  bool send_resolved = true;
  bool refresh = false;         // what is heard of a firing alert is sent on even if it is nothing new: for receivers that forget
  std::size_t capacity = 1000;  // alerts
  std::size_t batch = 500;      // alerts in one message
  Duration first_pause = std::chrono::seconds(1);  // after a failure; doubled with each further one
  Duration longest_pause = std::chrono::seconds(60);

  bool operator==(const QueueOptions&) const = default;
};

class AlertQueue {
 public:
  struct Times {
    MonotonicTime now{};
    WallTime wall{};
  };
  // A message, and what it was made of.
  struct Batch {
    std::string group;
    Message message;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> versions;  // by fingerprint

    bool Has(std::uint64_t fingerprint) const;
  };

  // `random`: uniform in [0, 1). `silenced`: whether an alert is not to be told of now.
  AlertQueue(QueueOptions options, std::function<double()> random, std::function<bool(const metrics::Labels&)> silenced);

  // What happens to an alert now. A resolved one counts only if a receiver may have heard that it fired. False when the queue is full: the
  // alert is not taken.
  bool Put(const Notification& notification, const Times& times);
  // The same for an alert that is a group by itself and due at once.
  bool PutUrgent(const Notification& notification, const Times& times);
  // Takes an alert out, whatever its state.
  void Forget(std::uint64_t fingerprint);

  // When Take is worth while again; nothing: not before the next Put.
  std::optional<MonotonicTime> NextDue() const;
  // The message that is due first, if any is. Must be followed by Delivered or Failed before the next Take.
  std::optional<Batch> Take(const Times& times);
  // The receiver has it. What failed before is due at once: the way is open again.
  void Delivered(const Batch& batch, const Times& times);
  // It is due again after a pause.
  void Failed(const Batch& batch, const Times& times);

  // Alerts whose latest state is not delivered.
  std::size_t waiting() const;
  std::size_t size() const;

  // Everything in it, and the way to put it into a queue with other options: what was told stays told.
  struct Item {
    Notification notification;
    bool told = false;     // the receiver may have heard that it fires
    bool waiting = false;  // the receiver has not heard of this state
  };
  std::vector<Item> Items() const;
  void Adopt(const Item& item, const Times& times);

 private:
  struct Entry {
    Notification notification;
    std::uint64_t version = 0;
    bool told = false;
    bool waiting = false;
    MonotonicTime expires = MonotonicTime::max();  // firing: when it counts as resolved if nothing more is heard
  };
  struct Group {
    bool urgent = false;  // made by PutUrgent: no silence holds for it
    metrics::Labels labels;
    std::map<std::uint64_t, Entry> alerts;  // by fingerprint
    MonotonicTime begun{};
    MonotonicTime due = MonotonicTime::max();
    std::optional<MonotonicTime> sent;
    int failures = 0;  // in a row
  };
  using Groups = std::map<std::string, Group>;

  bool PutInto(const std::string& key, const metrics::Labels& labels, const Notification& notification, const Times& times, bool urgent);
  metrics::Labels GroupLabels(const metrics::Labels& labels) const;
  void Schedule(Group& group, MonotonicTime now) const;
  void Expire(Group& group, MonotonicTime now);
  std::optional<Batch> TakeFrom(const std::string& key, Group& group, MonotonicTime now);
  Duration Pause(int failures) const;
  void Touch(Entry& entry) {
    entry.version = ++version_;
    entry.waiting = true;
  }

  const QueueOptions options_;
  const std::function<double()> random_;
  const std::function<bool(const metrics::Labels&)> silenced_;
  Groups groups_;
  std::uint64_t version_ = 0;
};

}  // namespace inferd::alerts
