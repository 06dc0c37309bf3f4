#include "alerts/notify/notifiers.h"

#include <algorithm>
#include <array>
#include <future>
#include <random>
#include <utility>

#include "alerts/notify/queue_json.h"
#include "runtime/base/hide.h"
#include "runtime/base/thread.h"

namespace inferd::alerts {
namespace {

constexpr std::array<std::string_view, std::variant_size_v<ChannelOptions>> kChannelNames{"alertmanager", "webhook", "exec", "journal",
                                                                                          "email"};

std::function<double()> Random() {
  return [engine = std::mt19937_64(std::random_device()())]() mutable { return std::uniform_real_distribution<double>()(engine); };
}

Duration TimeoutOf(const ChannelOptions& options) {
  return std::visit(
      [](const auto& o) {
        if constexpr (requires { o.timeout; }) return o.timeout;
        return Duration(std::chrono::seconds(5));
      },
      options);
}

// For log lines: which of several receivers it is.
std::string NameOf(const NotifierOptions& options, const ChannelOptions& channel) {
  const auto* peer = std::get_if<AlertmanagerOptions>(&channel);
  return options.name + (peer != nullptr && options.channels.size() > 1 ? " (" + HideInUrl(peer->url) + ")" : "");
}

Notification TestAlert(const std::string& name, WallTime now) {
  Notification alert;
  alert.labels = {{"alertname", "InferdTest"}, {"notifier", name}, {"severity", "info"}};
  alert.annotations = {{"description", "Somebody asked for it (inferctl alerts test). Nothing is wrong."},
                       {"summary", "Test of the notifier " + name}};
  alert.starts_at = now;
  alert.ends_at = now + std::chrono::minutes(5);
  alert.fingerprint = alert.labels.hash();
  return alert;
}

}  // namespace

Notifiers::Notifiers(const Clock& clock, DeliveryLog& log, const Silences& silences) : clock_(clock), log_(log), silences_(silences) {}

Notifiers::~Notifiers() { Stop(); }

Notifiers::Receiver Notifiers::Make(const NotifierOptions& options, const ChannelOptions& channel,
                                    std::span<const AlertQueue::Item> adopted) {
  std::shared_ptr<DeliveryCounters>& counters = counters_[options.name];
  if (counters == nullptr) counters = std::make_shared<DeliveryCounters>();
  auto made = MakeChannel(channel, options.name, clock_, [this, name = options.name](std::string_view line) { log_.Output(name, line); });
  const Dispatcher::Surroundings surroundings{
      .clock = clock_, .log = log_, .random = Random(), .silenced = [this](const metrics::Labels& labels) {
        return silences_.Silenced(labels);
      }};
  return {options.name, channel, options.queue,
          std::make_shared<Dispatcher>(NameOf(options, channel), options.queue, std::move(made), surroundings, counters, adopted),
          counters};
}  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): does not follow a std::function into its buffer

void Notifiers::Configure(const std::vector<NotifierOptions>& wanted) {
  const std::lock_guard lock(mutex_);
  std::vector<Receiver> next;
  // First what stays as it is; what is left over then hands its queue on.
  std::vector<std::pair<const NotifierOptions*, const ChannelOptions*>> fresh;
  for (const NotifierOptions& options : wanted) {
    for (const ChannelOptions& channel : options.channels) {
      const auto same = std::find_if(receivers_.begin(), receivers_.end(), [&](const Receiver& r) {
        return r.name == options.name && r.channel == channel && r.queue == options.queue;
      });
      if (same == receivers_.end()) {
        fresh.emplace_back(&options, &channel);
      } else {
        next.push_back(std::move(*same));
        receivers_.erase(same);
      }
    }
  }
  std::map<std::string, std::vector<AlertQueue::Item>> left = std::exchange(restored_, {});
  for (Receiver& old : receivers_) {
    for (AlertQueue::Item& item : old.dispatcher->Stop()) left[old.name].push_back(std::move(item));
  }
  for (const auto& [options, channel] : fresh) next.push_back(Make(*options, *channel, left[options->name]));
  // In the order of the configuration.
  std::vector<Receiver> ordered;
  for (const NotifierOptions& options : wanted) {
    for (Receiver& receiver : next) {
      if (receiver.dispatcher != nullptr && receiver.name == options.name) ordered.push_back(std::move(receiver));
    }
  }
  receivers_ = std::move(ordered);
  std::erase_if(counters_, [&](const auto& counters) {
    return std::none_of(receivers_.begin(), receivers_.end(), [&](const Receiver& r) { return r.name == counters.first; });
  });
}

void Notifiers::Notify(std::span<const Notification> notifications) {
  const std::lock_guard lock(mutex_);
  for (const Receiver& receiver : receivers_) receiver.dispatcher->Notify(notifications);
}

Result<> Notifiers::Test(const std::string& name) {
  std::vector<std::pair<std::shared_ptr<Dispatcher>, Duration>> targets;
  {
    const std::lock_guard lock(mutex_);
    for (const Receiver& receiver : receivers_) {
      if (receiver.name == name) targets.emplace_back(receiver.dispatcher, 2 * TimeoutOf(receiver.channel) + std::chrono::seconds(5));
    }
  }
  if (targets.empty()) return Error(Code::kNotFound, "there is no such notifier");
  const Notification alert = TestAlert(name, clock_.WallNow());
  std::vector<std::future<Result<>>> outcomes;
  for (const auto& [dispatcher, patience] : targets) {
    outcomes.push_back(std::async(std::launch::async, [&alert, to = dispatcher, within = patience] {
      const ThreadSetup thread("notify-test");
      return to->Test(alert, within);
    }));
  }
  Result<> all;
  for (std::future<Result<>>& outcome : outcomes) {
    const Result<> one = outcome.get();
    if (one) continue;
    all = all ? Error(one.error().code, one.error().message) : Error(all.error().code, all.error().message + "; " + one.error().message);
  }
  return all;
}

std::vector<NotifierState> Notifiers::States() const {
  const std::lock_guard lock(mutex_);
  std::vector<NotifierState> states;
  for (const Receiver& receiver : receivers_) {
    if (states.empty() || states.back().name != receiver.name) {
      states.push_back({.name = receiver.name,
                        .channel = kChannelNames.at(receiver.channel.index()),
                        .waiting = 0,
                        .failing = false,
                        .error = {},
                        .ok = receiver.counters->ok,
                        .failed = receiver.counters->failed,
                        .dropped = receiver.counters->dropped});
    }
    const Dispatcher::State state = receiver.dispatcher->state();
    NotifierState& shown = states.back();
    shown.waiting = std::max(shown.waiting, state.waiting);
    shown.failing = shown.failing || state.failing;
    if (shown.error.empty()) shown.error = state.error;
  }
  return states;
}

std::string Notifiers::Keep() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::vector<AlertQueue::Item>> items;
  for (const Receiver& receiver : receivers_) {
    std::vector<AlertQueue::Item>& kept = items[receiver.name];
    for (AlertQueue::Item& item : receiver.dispatcher->items()) {
      // The peers of a cluster: what one of them has still to hear is what counts.
      const auto same = std::find_if(
          kept.begin(), kept.end(), [&](const AlertQueue::Item& k) { return k.notification.fingerprint == item.notification.fingerprint; });
      if (same == kept.end()) {
        kept.push_back(std::move(item));
      } else if (item.waiting && !same->waiting) {
        *same = std::move(item);
      }
    }
  }
  std::erase_if(items, [](const auto& entry) { return entry.second.empty(); });
  return items.empty() ? std::string() : QueuesJson(items);
}

Result<> Notifiers::Restore(std::string_view kept) {
  if (kept.empty()) return {};
  INFERD_ASSIGN_OR_RETURN(auto items, ParseQueuesJson(kept));
  const std::lock_guard lock(mutex_);
  restored_ = std::move(items);
  return {};
}

void Notifiers::Stop() {
  const std::lock_guard lock(mutex_);
  for (const Receiver& receiver : receivers_) receiver.dispatcher->Stop();
}

}  // namespace inferd::alerts
