#include "logging/line_queue.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace inferd::logging {
namespace {

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

}  // namespace

LineQueue::LineQueue(std::size_t lines, Duration nap, int naps)
    : nap_(nap), naps_(naps), fill_mark_(std::max<std::size_t>(1, lines / 4)), ring_(std::max<std::size_t>(1, lines)), wake_at_(kNever) {}

void LineQueue::CountUnwritten() { unwritten_.store(size_ + in_hand_, std::memory_order_release); }

void LineQueue::Wake() {
  if (wake_) return;
  wake_ = true;
  woken_.notify_one();
}

LineQueue::Stage LineQueue::Put(Entry& entry) {
  const std::lock_guard lock(mutex_);
  if (stage_ != Stage::kQueued) return stage_;
  const Level level = entry.level;
  if (size_ == ring_.size()) {
    oldest_ = (oldest_ + 1) % ring_.size();
    --size_;
    ++lost_;
  }
  std::swap(ring_[(oldest_ + size_) % ring_.size()], entry);
  ++size_;
  ++put_;
  CountUnwritten();
  if (!wake_ && (size_ >= wake_at_ || level >= Level::kError)) {
    ++wakes_;
    Wake();
  }
  return Stage::kQueued;
}

void LineQueue::LookAfter() {
  const std::lock_guard lock(mutex_);
  look_after_ = true;
  Wake();
}

bool LineQueue::Take(std::span<Entry> batch, Taken& taken) {
  Lock lock(mutex_);
  in_hand_ = 0;
  busy_ = false;
  CountUnwritten();
  if (stopping_ && stage_ == Stage::kQueued && size_ == 0) stage_ = Stage::kDirect;
  if (awaiting_ > 0) written_.notify_all();
  while (size_ == 0 && !look_after_ && stage_ == Stage::kQueued) {
    wake_ = false;
    const auto woken = [this] { return wake_; };
    if (idle_ < naps_) {
      wake_at_ = fill_mark_;
      if (!woken_.wait_for(lock, nap_, woken)) ++idle_;
    } else {
      wake_at_ = 1;
      woken_.wait(lock, woken);
    }
  }
  wake_at_ = kNever;
  if (stage_ != Stage::kQueued) return false;
  taken = {.look_after = std::exchange(look_after_, false)};
  first_in_hand_ = put_ - size_;
  for (; taken.lines < batch.size() && size_ > 0; ++taken.lines, --size_) {
    std::swap(batch[taken.lines], ring_[oldest_]);
    oldest_ = (oldest_ + 1) % ring_.size();
  }
  if (size_ == 0) oldest_ = 0;  // the next line finds the place whose memory is in the cache
  if (taken.lines > 0) idle_ = 0;
  in_hand_ = taken.lines;
  busy_ = true;
  return true;
}

bool LineQueue::Await(Lock& lock, Duration patience, const std::function<bool()>& done) {
  ++awaiting_;
  const bool in_time = written_.wait_for(lock, patience, done);
  --awaiting_;
  return in_time;
}

bool LineQueue::Drain(Duration patience) {
  Lock lock(mutex_);
  const std::uint64_t target = put_;
  const auto written = [&] { return put_ - size_ >= target && (in_hand_ == 0 || first_in_hand_ >= target); };
  if (!written()) Wake();
  return Await(lock, patience, written);
}

// The writer itself says when nothing is left, between two lines of others: nobody writes beside it, or into an output that hangs.
bool LineQueue::Stop(Duration patience) {
  Lock lock(mutex_);
  stopping_ = true;
  if (size_ == 0 && !busy_) stage_ = Stage::kDirect;
  Wake();
  if (!Await(lock, patience, [this] { return stage_ == Stage::kDirect; })) stage_ = Stage::kAbandoned;
  return stage_ == Stage::kDirect;
}

LineQueue::Stage LineQueue::stage() const {
  const std::lock_guard lock(mutex_);
  return stage_;
}

std::uint64_t LineQueue::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

std::uint64_t LineQueue::wakes() const {
  const std::lock_guard lock(mutex_);
  return wakes_;
}

}  // namespace inferd::logging
