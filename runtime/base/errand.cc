#include "runtime/base/errand.h"

#include <algorithm>

namespace inferd {

std::atomic<MonotonicTime> Errand::until_{};
std::atomic<MonotonicTime> Errand::not_before_{};

Errand::Errand(const Clock& clock) : clock_(clock), begin_(clock.Now()) {
  MonotonicTime turn = not_before_.load(std::memory_order_relaxed);
  granted_ = turn <= begin_ && not_before_.compare_exchange_strong(turn, begin_ + kLongest + kRests * kLongest, std::memory_order_acq_rel);
  if (granted_) until_.store(begin_ + kLongest, std::memory_order_relaxed);
}

Errand::~Errand() {
  if (!granted_) return;
  // Each is written only while it is still this errand's: after a long one they may be another's.
  MonotonicTime until = begin_ + kLongest;
  until_.compare_exchange_strong(until, {}, std::memory_order_relaxed);
  const Duration took = std::min(clock_.Now() - begin_, kLongest);
  MonotonicTime turn = begin_ + kLongest + kRests * kLongest;
  not_before_.compare_exchange_strong(turn, begin_ + took + kRests * took, std::memory_order_acq_rel);
}

}  // namespace inferd
