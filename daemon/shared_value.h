// A value that readers take a snapshot of while a reload replaces it. Thread-safe; a snapshot stays as it was.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace inferd::daemon {

template <typename T>
class SharedValue {
 public:
  explicit SharedValue(T value) : value_(std::make_shared<const T>(std::move(value))) {}

  std::shared_ptr<const T> Get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  void Set(T value) {
    auto fresh = std::make_shared<const T>(std::move(value));
    const std::lock_guard lock(mutex_);
    value_.swap(fresh);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

}  // namespace inferd::daemon
