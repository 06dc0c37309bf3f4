// A bounded lock-free queue for records: any number of producers, any number of consumers, neither ever waits.
// A full ring refuses the value and counts it; the producer goes on. Capacity is a power of two.
// After D. Vyukov, "Bounded MPMC queue" (1024cores.net): each cell carries a sequence number that says whose turn it is.
#pragma once

#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace inferd {

template <typename T>
class Ring {
  static_assert(std::is_trivially_copyable_v<T>, "a half-copied record must not own anything");

 public:
  explicit Ring(std::size_t capacity) : mask_(capacity - 1), cells_(new Cell[capacity]) {
    assert(std::has_single_bit(capacity));
    for (std::size_t i = 0; i < capacity; ++i) cells_[i].sequence.store(i, std::memory_order_relaxed);
  }

  // False, and one more in dropped(), when the ring is full.
  bool TryPush(const T& value) {
    std::size_t position = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[position & mask_];
      const std::size_t sequence = cell.sequence.load(std::memory_order_acquire);
      const auto turn = static_cast<std::ptrdiff_t>(sequence - position);
      if (turn == 0) {
        if (tail_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
          cell.value = value;
          cell.sequence.store(position + 1, std::memory_order_release);
          return true;
        }
      } else if (turn < 0) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        return false;
      } else {
        position = tail_.load(std::memory_order_relaxed);
      }
    }
  }

  // False when the ring is empty; `out` is untouched then.
  bool TryPop(T& out) {
    std::size_t position = head_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[position & mask_];
      const std::size_t sequence = cell.sequence.load(std::memory_order_acquire);
      const auto turn = static_cast<std::ptrdiff_t>(sequence - (position + 1));
      if (turn == 0) {
        if (head_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
          out = cell.value;
          cell.sequence.store(position + mask_ + 1, std::memory_order_release);
          return true;
        }
      } else if (turn < 0) {
        return false;
      } else {
        position = head_.load(std::memory_order_relaxed);
      }
    }
  }

  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  std::size_t capacity() const { return mask_ + 1; }

 private:
  struct Cell {
    std::atomic<std::size_t> sequence{0};
    T value{};
  };

  const std::size_t mask_;
  const std::unique_ptr<Cell[]> cells_;
  alignas(64) std::atomic<std::size_t> tail_{0};
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace inferd
