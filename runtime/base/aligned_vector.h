// A vector whose elements begin at a cache line. What vector instructions walk over belongs into one: malloc() aligns to 16 bytes only, so
// that wide loads would fall across two lines, more or fewer of them by what the process happened to allocate before.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace inferd {

inline constexpr std::size_t kCacheLineBytes = 64;

template <typename T>
struct CacheLineAllocator {
  using value_type = T;

  CacheLineAllocator() = default;
  template <typename U>
  CacheLineAllocator(const CacheLineAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor): allocators convert into each other

  T* allocate(std::size_t n) { return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{kCacheLineBytes})); }
  void deallocate(T* data, std::size_t) noexcept { ::operator delete (data, std::align_val_t{kCacheLineBytes}); }

  friend bool operator==(const CacheLineAllocator&, const CacheLineAllocator&) { return true; }
};

template <typename T>
using AlignedVector = std::vector<T, CacheLineAllocator<T>>;

}  // namespace inferd
