#include "runtime/base/errand.h"

#include <algorithm>

namespace inferd {

std::atomic<MonotonicTime> Errand::until_{};
std::atomic<MonotonicTime> Errand::not_before_{};

Errand::Errand(const Clock& clock) : clock_(clock), begin_(clock.Now()) {
  if (begin_ < not_before_.load(std::memory_order_acquire)) return;
  MonotonicTime none{};
  granted_ = until_.compare_exchange_strong(none, begin_ + kLongest, std::memory_order_acq_rel);
}

Errand::~Errand() {
  if (!granted_) return;
  const MonotonicTime end = clock_.Now();
  not_before_.store(end + kRests * std::min(end - begin_, kLongest), std::memory_order_relaxed);
  until_.store({}, std::memory_order_release);
}

}  // namespace inferd
