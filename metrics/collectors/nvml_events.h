// Waits for what NVIDIA's driver reports by itself (XID errors, double-bit ECC errors) on a thread of its own, because the wait blocks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "metrics/collectors/nvml_api.h"
#include "runtime/base/status.h"

namespace inferd::metrics::nvml {

class EventWatcher {
 public:
  // Called on the watcher's thread.
  using Handler = std::function<void(const EventData& event)>;

  // kUnsupported when the driver offers no such event on any of `devices`. `library` must outlive the watcher.
  static Result<std::unique_ptr<EventWatcher>> Start(const Library& library, std::span<const Device> devices, Handler handler);
  // Stops within the length of one wait, 100 ms.
  ~EventWatcher();
  EventWatcher(const EventWatcher&) = delete;
  EventWatcher& operator=(const EventWatcher&) = delete;

 private:
  EventWatcher(const Api& api, EventSet set, Handler handler);
  void Loop();

  const Api& api_;
  EventSet set_;
  Handler handler_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace inferd::metrics::nvml
