#include "daemon/observability/scrape_gate.h"

#include <algorithm>

namespace inferd::daemon {

ScrapeGate::Turn::Turn(ScrapeGate& gate, std::string_view peer) : gate_(gate) {
  std::unique_lock lock(gate.mutex_);
  if (gate.taken_ || !gate.line_.empty()) {
    const bool known = std::ranges::any_of(gate.line_, [peer](const Waiting* other) { return other->peer == peer; });
    if (gate.line_.size() >= gate.most_ && known) return;
    Waiting me{.peer = peer};
    gate.line_.push_back(&me);
    const bool called = me.called.wait_for(lock, gate.patience_, [&] { return gate.closed_ || gate.next_ == &me; });
    std::erase(gate.line_, &me);
    if (!called) return;
    gate.next_ = nullptr;
  }
  if (gate.closed_) return;
  gate.taken_ = true;
  gate.last_peer_ = peer;
  for (;;) {
    begin_ = gate.clock_.Now();
    const Duration wait = gate.share_.Wait(begin_);
    if (wait == Duration{}) break;
    if (gate.closing_.wait_for(lock, wait, [&] { return gate.closed_; })) {
      gate.PassOn();
      return;
    }
  }
  granted_ = true;
}

ScrapeGate::Turn::~Turn() {
  if (!granted_) return;
  const std::lock_guard lock(gate_.mutex_);
  gate_.share_.Spend(begin_, gate_.clock_.Now() - begin_);
  gate_.PassOn();
}

void ScrapeGate::PassOn() {
  taken_ = false;
  if (line_.empty()) return;
  const auto other = std::ranges::find_if(line_, [this](const Waiting* waiting) { return waiting->peer != last_peer_; });
  Waiting* const next = other == line_.end() ? line_.front() : *other;
  next_ = next;
  next->called.notify_one();
}

std::size_t ScrapeGate::waiting() const {
  const std::lock_guard lock(mutex_);
  return line_.size();
}

void ScrapeGate::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  closing_.notify_all();
  for (Waiting* waiting : line_) waiting->called.notify_one();
}

}  // namespace inferd::daemon
