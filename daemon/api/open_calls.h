// The generation requests that are inside now: who asks, since when. What becomes of them is in their records once they have ended. Any
// thread; a reader takes a copy.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/engine/records.h"
#include "runtime/engine/request.h"

namespace inferd::daemon {

class OpenCalls {
 public:
  struct Facts {
    std::string request_id;
    std::string trace_id;
    std::string span_id;
    std::string client;
    engine::Endpoint endpoint = engine::Endpoint::kChatCompletions;
    MonotonicTime received{};
    WallTime received_wall{};
    // Since an engine has taken it. Of its record only what was written before that may be read.
    std::shared_ptr<const engine::Request> request = nullptr;
  };

  // Inside until it is destroyed, which the OpenCalls must outlive.
  class Entry {
   public:
    Entry(OpenCalls& calls, Facts facts) : calls_(calls) {
      const std::lock_guard lock(calls_.mutex_);
      place_ = calls_.facts_.insert(calls_.facts_.end(), std::move(facts));
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    // An engine has taken the request.
    void Taken(std::shared_ptr<const engine::Request> request) {
      const std::lock_guard lock(calls_.mutex_);
      place_->request = std::move(request);
    }
    ~Entry() {
      const std::lock_guard lock(calls_.mutex_);
      calls_.facts_.erase(place_);
    }

   private:
    OpenCalls& calls_;
    std::list<Facts>::iterator place_;
  };

  // In the order of their arrival.
  std::vector<Facts> List() const {
    const std::lock_guard lock(mutex_);
    return {facts_.begin(), facts_.end()};
  }

 private:
  mutable std::mutex mutex_;
  std::list<Facts> facts_;
};

}  // namespace inferd::daemon
