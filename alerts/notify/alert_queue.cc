#include "alerts/notify/alert_queue.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace inferd::alerts {
namespace {

// How soon an alert that was silenced is looked at again.
constexpr Duration kSilencePoll = std::chrono::seconds(5);

bool IsFiring(const Notification& notification) { return notification.status == NotificationStatus::kFiring; }

}  // namespace

bool AlertQueue::Batch::Has(std::uint64_t fingerprint) const {
  return std::any_of(versions.begin(), versions.end(), [&](const auto& version) { return version.first == fingerprint; });
}

AlertQueue::AlertQueue(QueueOptions options, std::function<double()> random, std::function<bool(const metrics::Labels&)> silenced)
    : options_(std::move(options)), random_(std::move(random)), silenced_(std::move(silenced)) {}

metrics::Labels AlertQueue::GroupLabels(const metrics::Labels& labels) const {
  for (const std::string& name : options_.group_by) {
    if (name == kGroupByAll) return labels;
  }
  return labels.Only(options_.group_by);
}

bool AlertQueue::Put(const Notification& notification, const Times& times) {
  const metrics::Labels labels = GroupLabels(notification.labels);
  return PutInto(labels.ToString(), labels, notification, times, false);
}

bool AlertQueue::PutUrgent(const Notification& notification, const Times& times) {
  // No set of labels reads like this key: the group is its own.
  return PutInto("urgent " + notification.labels.ToString(), notification.labels, notification, times, true);
}

bool AlertQueue::PutInto(const std::string& key, const metrics::Labels& labels, const Notification& notification, const Times& times,
                         bool urgent) {
  const auto group = groups_.find(key);
  const bool known = group != groups_.end() && group->second.alerts.contains(notification.fingerprint);
  if (!IsFiring(notification)) {
    if (!known) return true;
    Entry& entry = group->second.alerts.at(notification.fingerprint);
    if (!entry.told || !options_.send_resolved) {
      Forget(notification.fingerprint);
      return true;
    }
    // Resolved alerts are heard of again and again; it is news once.
    if (!IsFiring(entry.notification)) return true;
    entry.notification = notification;
    Touch(entry);
  } else {
    if (!known && size() >= options_.capacity) return false;
    Group& home = groups_[key];
    if (home.alerts.empty()) {
      home.labels = labels;
      home.begun = times.now;
      home.urgent = urgent;
    }
    Entry& entry = home.alerts[notification.fingerprint];
    const bool news = !known || !IsFiring(entry.notification) || entry.notification.starts_at != notification.starts_at;
    entry.notification = notification;
    entry.expires = notification.ends_at == WallTime{} ? MonotonicTime::max() : times.now + (notification.ends_at - times.wall);
    if (!news && !options_.refresh) return true;
    Touch(entry);
  }
  Group& touched = groups_.at(key);
  Schedule(touched, times.now);
  if (urgent) touched.due = times.now;
  return true;
}

void AlertQueue::Forget(std::uint64_t fingerprint) {
  for (auto it = groups_.begin(); it != groups_.end();) {
    it = it->second.alerts.erase(fingerprint) > 0 && it->second.alerts.empty() ? groups_.erase(it) : std::next(it);
  }
}

// For a group with news. One that failed waits out its pause.
void AlertQueue::Schedule(Group& group, MonotonicTime now) const {
  if (group.failures > 0) return;
  const MonotonicTime due = group.sent ? *group.sent + options_.group_interval : group.begun + options_.group_wait;
  group.due = std::min(group.due, std::max(now, due));
}

// What nobody has said for so long fires no more: the rule is gone, or whoever judged it.
void AlertQueue::Expire(Group& group, MonotonicTime now) {
  for (auto it = group.alerts.begin(); it != group.alerts.end();) {
    Entry& entry = it->second;
    if (IsFiring(entry.notification) && entry.expires <= now) {
      if (!entry.told || !options_.send_resolved) {
        it = group.alerts.erase(it);
        continue;
      }
      entry.notification.status = NotificationStatus::kResolved;
      Touch(entry);
      Schedule(group, now);
    }
    ++it;
  }
}

std::optional<MonotonicTime> AlertQueue::NextDue() const {
  MonotonicTime next = MonotonicTime::max();
  for (const auto& [key, group] : groups_) {
    next = std::min(next, group.due);
    for (const auto& [fingerprint, entry] : group.alerts) {
      if (IsFiring(entry.notification)) next = std::min(next, entry.expires);
    }
  }
  return next == MonotonicTime::max() ? std::nullopt : std::optional(next);
}

std::optional<AlertQueue::Batch> AlertQueue::Take(const Times& times) {
  for (auto& [key, group] : groups_) Expire(group, times.now);
  std::erase_if(groups_, [](const auto& group) { return group.second.alerts.empty(); });
  for (;;) {
    const auto first =
        std::min_element(groups_.begin(), groups_.end(), [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
    if (first == groups_.end() || first->second.due > times.now) return std::nullopt;
    // A group that has nothing to say after all is due at some later time.
    if (auto batch = TakeFrom(first->first, first->second, times.now)) return batch;
  }
}

std::optional<AlertQueue::Batch> AlertQueue::TakeFrom(const std::string& key, Group& group, MonotonicTime now) {
  std::vector<Entry*> news, others;
  bool silenced = false;
  for (auto& [fingerprint, entry] : group.alerts) {
    if (!IsFiring(entry.notification)) {
      news.push_back(&entry);  // who was told that it fires is told that it does not, silenced or not
    } else if (!group.urgent && silenced_(entry.notification.labels)) {
      silenced = true;
    } else {
      (entry.waiting ? news : others).push_back(&entry);
    }
  }
  const bool repeats = options_.repeat_interval > Duration::zero();
  const bool repeat = repeats && group.sent && now >= *group.sent + options_.repeat_interval && !others.empty();
  if (news.empty() && !repeat) {
    group.due = MonotonicTime::max();
    if (silenced) group.due = now + kSilencePoll;
    if (repeats && group.sent && !others.empty()) group.due = std::min(group.due, *group.sent + options_.repeat_interval);
    return std::nullopt;
  }

  Batch batch{.group = key, .message = {.group = group.labels, .alerts = {}, .truncated = 0}, .versions = {}};
  for (const std::vector<Entry*>* entries : {&news, &others}) {
    for (Entry* entry : *entries) {
      if (batch.message.alerts.size() >= options_.batch) {
        if (entries == &others) ++batch.message.truncated;
        continue;
      }
      if (IsFiring(entry->notification)) entry->told = true;
      batch.message.alerts.push_back(entry->notification);
      batch.versions.emplace_back(entry->notification.fingerprint, entry->version);
    }
  }
  std::sort(batch.message.alerts.begin(), batch.message.alerts.end(),
            [](const Notification& a, const Notification& b) { return std::tie(a.status, a.labels) < std::tie(b.status, b.labels); });
  group.due = MonotonicTime::max();
  return batch;
}

void AlertQueue::Delivered(const Batch& batch, const Times& times) {
  for (auto& [key, other] : groups_) {
    if (other.failures > 0 && key != batch.group) other.due = times.now;
  }
  const auto found = groups_.find(batch.group);
  if (found == groups_.end()) return;
  Group& group = found->second;
  for (const auto& [fingerprint, version] : batch.versions) {
    const auto entry = group.alerts.find(fingerprint);
    if (entry == group.alerts.end() || entry->second.version != version) continue;  // there is newer news
    entry->second.waiting = false;
    if (!IsFiring(entry->second.notification)) group.alerts.erase(entry);
  }
  if (group.alerts.empty()) {
    groups_.erase(found);
    return;
  }
  group.failures = 0;
  group.sent = times.now;
  group.due = MonotonicTime::max();
  if (batch.versions.size() >= options_.batch) {
    group.due = times.now;  // what did not fit in goes on at once
  } else if (std::any_of(group.alerts.begin(), group.alerts.end(), [](const auto& alert) { return alert.second.waiting; })) {
    Schedule(group, times.now);
  } else if (options_.repeat_interval > Duration::zero()) {
    group.due = times.now + options_.repeat_interval;
  }
}

void AlertQueue::Failed(const Batch& batch, const Times& times) {
  const auto found = groups_.find(batch.group);
  if (found == groups_.end()) return;
  ++found->second.failures;
  found->second.due = times.now + Pause(found->second.failures);
  // A repetition that failed is news again, or it would wait for the next one.
  for (const auto& [fingerprint, version] : batch.versions) {
    const auto entry = found->second.alerts.find(fingerprint);
    if (entry != found->second.alerts.end()) entry->second.waiting = true;
  }
}

// Between one half and the whole of what doubling gives: receivers that come back are not met by everybody at once.
Duration AlertQueue::Pause(int failures) const {
  Duration pause = options_.first_pause;
  for (int i = 1; i < failures && pause < options_.longest_pause; ++i) pause *= 2;
  pause = std::min(pause, options_.longest_pause);
  return pause / 2 + std::chrono::duration_cast<Duration>(pause / 2 * random_());
}

std::size_t AlertQueue::waiting() const {
  std::size_t n = 0;
  for (const auto& [key, group] : groups_) {
    n += static_cast<std::size_t>(std::count_if(group.alerts.begin(), group.alerts.end(), [](const auto& a) { return a.second.waiting; }));
  }
  return n;
}

std::size_t AlertQueue::size() const {
  std::size_t n = 0;
  for (const auto& [key, group] : groups_) n += group.alerts.size();
  return n;
}

std::vector<AlertQueue::Item> AlertQueue::Items() const {
  std::vector<Item> items;
  for (const auto& [key, group] : groups_) {
    if (group.urgent) continue;
    for (const auto& [fingerprint, entry] : group.alerts) items.push_back({entry.notification, entry.told, entry.waiting});
  }
  return items;
}

void AlertQueue::Adopt(const Item& item, const Times& times) {
  if (!IsFiring(item.notification) && (!item.told || !options_.send_resolved)) return;
  const metrics::Labels labels = GroupLabels(item.notification.labels);
  Group& group = groups_[labels.ToString()];
  if (group.alerts.empty()) {
    group.labels = labels;
    group.begun = times.now;
  }
  Entry& entry = group.alerts[item.notification.fingerprint];
  entry.notification = item.notification;
  entry.told = item.told;
  if (IsFiring(item.notification) && item.notification.ends_at != WallTime{}) {
    entry.expires = times.now + (item.notification.ends_at - times.wall);
  }
  if (item.waiting) {
    Touch(entry);
    Schedule(group, times.now);
  } else if (options_.repeat_interval > Duration::zero()) {
    if (!group.sent) group.sent = times.now;
    group.due = std::min(group.due, times.now + options_.repeat_interval);
  }
}

}  // namespace inferd::alerts
