#include "daemon/lifecycle.h"

#include <utility>

namespace inferd::daemon {

bool Lifecycle::MoveTo(State state, std::string reason) {
  Snapshot changed;
  {
    const std::lock_guard lock(mutex_);
    if (state < now_.state || (state == now_.state && reason == now_.reason)) return false;
    if (state != now_.state) now_.since = clock_.Now();
    now_.state = state;
    now_.reason = std::move(reason);
    changed = now_;
  }
  for (const Listener& listener : listeners_) listener(changed);
  return true;
}

State Lifecycle::state() const {
  const std::lock_guard lock(mutex_);
  return now_.state;
}

Lifecycle::Snapshot Lifecycle::snapshot() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

}  // namespace inferd::daemon
