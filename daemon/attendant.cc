#include "daemon/attendant.h"

#include <algorithm>
#include <chrono>

#include "daemon/log.h"
#include "metrics/health.h"

namespace inferd::daemon {
namespace {

constexpr Duration kPeriod = std::chrono::seconds(1);
// While something moves, starting and stopping may go on; a minute of standstill is then the service manager's to judge.
constexpr Duration kPatience = std::chrono::seconds(60);
// An output that hangs keeps nobody from being ready.
constexpr Duration kForTheLog = std::chrono::milliseconds(500);

}  // namespace

Sights LookAround(const Views& views, int loaded_percent) {
  Sights sights;
  sights.life = views.lifecycle.snapshot();
  sights.loaded_percent = loaded_percent;
  const MonotonicTime now = views.clock.Now();
  for (std::size_t i = 0; i < views.models.size(); ++i) {
    const ServedModel* model = views.models.at(i);
    if (model == nullptr) continue;
    const engine::EngineStatus status = model->engine->status();
    sights.running += status.running;
    for (const std::uint32_t queued : status.queued) sights.queued += queued;
    sights.inside += model->engine->inside();
    sights.movement += static_cast<std::uint64_t>(status.last_progress.time_since_epoch().count());
    const metrics::Health health = metrics::JudgeEngine(status, model->engine->options().max_running, now);
    if (health.verdict == metrics::Verdict::kStalled) {
      sights.stalled += (sights.stalled.empty() ? "" : "; ") + model->name + ": " + health.reasons.at(0);
    } else {
      sights.stalls_at = std::min(sights.stalls_at, metrics::StallsAt(status));
    }
  }
  sights.movement += static_cast<std::uint64_t>(loaded_percent) + sights.inside;
  return sights;
}

std::string StatusLine(const Sights& sights) {
  switch (sights.life.state) {
    case State::kStarting: return "Starting";
    case State::kLoading: {
      std::string reason = sights.life.reason;
      if (!reason.empty() && reason[0] >= 'a' && reason[0] <= 'z') reason[0] = static_cast<char>(reason[0] - 'a' + 'A');
      return reason + ", " + std::to_string(sights.loaded_percent) + " %";
    }
    case State::kWarming: return "Warming up";
    case State::kReady:
      if (!sights.stalled.empty()) return "Stalled: " + sights.stalled;
      return "Serving " + std::to_string(sights.running) + ", queue " + std::to_string(sights.queued);
    case State::kDraining: return "Draining, " + std::to_string(sights.inside) + " left";
    case State::kStopped: return "Stopped";
  }
  return "";
}

void Attendant::Attend(MonotonicTime now) {
  const Sights sights = look_();
  const bool moved_on = sights.life.state != told_;
  if (!moved_on && now < due_) return;

  if (moved_on && sights.life.state == State::kReady) {
    ProcessLog().Drain(kForTheLog);  // whoever waits for the start finds its lines in the log
    service_.Ready();
  }
  if (moved_on && sights.life.state == State::kDraining) service_.Stopping();
  told_ = sights.life.state;

  if (std::string status = StatusLine(sights); status != status_) {
    service_.Status(status);
    status_ = std::move(status);
  }
  if (told_ != State::kReady && sights.movement != movement_) service_.ExtendTimeout(kPatience);
  movement_ = sights.movement;
  FeedWatchdog(sights, now);

  const Duration period = service_.watchdog() > Duration{} ? std::min(kPeriod, service_.watchdog() / 10) : kPeriod;
  due_ = std::min({now + period, sights.stalls_at, TriggersAt()});
}

// A verdict that takes itself back is no reason for a restart. What is left of the interval is for saving the evidence; should that hang,
// too, the unfed watchdog runs out by itself.
MonotonicTime Attendant::TriggersAt() const {
  return stalled_since_ == MonotonicTime{} || triggered_ ? MonotonicTime::max() : stalled_since_ + service_.watchdog() / 4;
}

void Attendant::FeedWatchdog(const Sights& sights, MonotonicTime now) {
  if (service_.watchdog() == Duration{} || triggered_) return;
  if (sights.stalled.empty()) {
    stalled_since_ = MonotonicTime{};
    service_.FeedWatchdog();
    ++feeds_;
    return;
  }
  if (stalled_since_ == MonotonicTime{}) stalled_since_ = now;
  if (now < TriggersAt()) return;
  triggered_ = true;
  save_(sights.stalled);
  service_.TriggerWatchdog();
}

}  // namespace inferd::daemon
