#include "daemon/observability/notifications.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "alerts/notify/payload.h"
#include "daemon/log.h"
#include "metrics/family.h"
#include "runtime/base/replace_file.h"

namespace inferd::daemon {
namespace {

std::string MatchersText(const alerts::Silence& silence) {
  std::string text;
  for (const metrics::Matcher& matcher : silence.matchers) text += (text.empty() ? "" : ", ") + matcher.ToString();
  return text;
}

}  // namespace

Notifications::Notifications(const Clock& clock, Auditor& audit, const std::string& folder)
    : clock_(clock),
      audit_(audit),
      file_(folder.empty() ? "" : folder + "/notifiers.json"),
      silences_(clock, folder.empty() ? "" : folder + "/silences.json"),
      notifiers_(clock, log_, silences_),
      pages_(clock, silences_, notifiers_, [this](const AlertingPages::Act& act, const Auditor::KeyUse& who) { Tell(act, who); }) {
  if (const auto loaded = silences_.Load(); !loaded) daemon::Log(Level::kError, loaded.error().message);
  std::ifstream stream(file_, std::ios::binary);
  if (file_.empty() || !stream) return;
  std::string kept{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (const auto restored = notifiers_.Restore(kept); !restored) {
    daemon::Log(Level::kError, file_ + ": " + restored.error().message + "; what ended while the daemon was down is not told");
  }
  kept_ = std::move(kept);
}

void Notifications::Tell(const AlertingPages::Act& act, Auditor::KeyUse who) {
  using Kind = AlertingPages::Act::Kind;
  const std::string_view outcome = act.outcome ? "ok" : "failed";
  std::string detail = act.outcome ? "" : act.outcome.error().message;
  if (act.kind == Kind::kTestNotifier) {
    who.path = act.notifier;
    who.detail = detail;
    audit_.EnterTest(who, outcome);
    return;
  }
  const bool ended = act.kind == Kind::kEndSilence;
  const std::string matchers = MatchersText(act.silence);
  detail = "until " + alerts::Rfc3339(act.silence.ends_at) + ": " + matchers + (detail.empty() ? "" : "; ") + detail;
  who.path = act.silence.id;
  who.detail = detail;
  audit_.EnterSilence(ended ? "silence_ended" : "silence_set", who, outcome);
  if (!act.outcome) return;
  daemon::Log(logging::SilenceChanged{.change = ended ? "ended" : "set",
                                      .matchers = matchers,
                                      .lasts = act.silence.ends_at - clock_.WallNow(),
                                      .by = act.silence.created_by,
                                      .comment = act.silence.comment,
                                      .id = act.silence.id});
}

void Notifications::Notify(std::span<const alerts::Notification> notifications) {
  notifiers_.Notify(notifications);
  Keep();
}

// Whatever is in a queue when the daemon is killed counts as told when it is read again.
void Notifications::Keep() {
  if (file_.empty()) return;
  keep_.Ask([this] {
    std::string text = notifiers_.Keep();
    if (text == kept_) return;
    if (const auto written = ReplaceFile(file_, text); !written) {
      if (!keeping_fails_) daemon::Log(Level::kError, written.error().message);
      keeping_fails_ = true;
      return;
    }
    keeping_fails_ = false;
    kept_ = std::move(text);
  });
}

void Notifications::Stop() {
  notifiers_.Stop();
  Keep();
  keep_.Finish();
}

void Notifications::Log::Failing(std::string_view notifier, std::string_view trouble) {
  daemon::Log(logging::NotificationsFail{.notifier = notifier, .trouble = trouble});
}
void Notifications::Log::Working(std::string_view notifier, Duration failed_for, std::uint64_t failed_tries) {
  daemon::Log(logging::NotificationsWork{.notifier = notifier, .failed_for = failed_for, .tries = failed_tries});
}
void Notifications::Log::Full(std::string_view notifier, std::size_t capacity) {
  daemon::Log(logging::NotifierFull{.notifier = notifier, .capacity = capacity});
}
void Notifications::Log::Output(std::string_view notifier, std::string_view line) {
  daemon::Log(logging::NotifierOutput{.notifier = notifier, .line = line});
}

std::vector<prometheus::MetricFamily> Notifications::Collect() const {
  metrics::FamilyBuilder sent(metrics::Metric::kNotifications), waiting(metrics::Metric::kNotificationsWaiting);
  for (const alerts::NotifierState& state : notifiers_.States()) {
    sent.Add({state.name, "ok"}, static_cast<double>(state.ok));
    sent.Add({state.name, "failed"}, static_cast<double>(state.failed));
    sent.Add({state.name, "dropped"}, static_cast<double>(state.dropped));
    waiting.Add({state.name}, static_cast<double>(state.waiting));
  }
  const WallTime now = clock_.WallNow();
  const std::vector<alerts::Silence> all = silences_.List();
  metrics::FamilyBuilder silences(metrics::Metric::kSilences);
  for (const std::string_view state : {"active", "pending"}) {
    silences.Add({state}, static_cast<double>(std::count_if(all.begin(), all.end(), [&](const alerts::Silence& silence) {
                   return alerts::SilenceStateName(silence, now) == state;
                 })));
  }
  return {sent.Take(), waiting.Take(), silences.Take()};
}

}  // namespace inferd::daemon
