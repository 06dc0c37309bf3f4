#include "metrics/collectors/nvml_events.h"

#include <chrono>
#include <utility>

#include "runtime/base/thread.h"

namespace inferd::metrics::nvml {
namespace {

constexpr unsigned kWaitMilliseconds = 100;
// After an error the wait returns at once, and again: a lost GPU must not keep a core busy.
constexpr auto kPauseAfterError = std::chrono::seconds(1);

}  // namespace

Result<std::unique_ptr<EventWatcher>> EventWatcher::Start(const Library& library, std::span<const Device> devices, Handler handler) {
  const Api& api = library.api();
  if (api.event_types == nullptr || api.event_set_create == nullptr || api.event_set_free == nullptr || api.event_register == nullptr ||
      api.event_wait == nullptr) {
    return Error(Code::kUnsupported, "the driver library has no events");
  }
  EventSet set = nullptr;
  if (const Return result = api.event_set_create(&set); result != kSuccess) {
    return Error(Code::kUnsupported, "no event set: " + library.ErrorText(result));
  }
  bool any = false;
  Return last = kNotSupported;
  for (Device device : devices) {
    unsigned long long types = 0;
    last = api.event_types(device, &types);
    types &= kEventXid | kEventDoubleBitEcc;
    if (last != kSuccess || types == 0) continue;
    last = api.event_register(device, types, set);
    any = any || last == kSuccess;
  }
  if (!any) {
    api.event_set_free(set);
    return Error(Code::kUnsupported, "no events: " + library.ErrorText(last));
  }
  return std::unique_ptr<EventWatcher>(new EventWatcher(api, set, std::move(handler)));
}

EventWatcher::EventWatcher(const Api& api, EventSet set, Handler handler) : api_(api), set_(set), handler_(std::move(handler)) {
  thread_ = std::thread([this] { Loop(); });
}

EventWatcher::~EventWatcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  api_.event_set_free(set_);
}

void EventWatcher::Loop() {
  const ThreadSetup thread("gpu-events");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    EventData event{};
    const Return result = api_.event_wait(set_, &event, kWaitMilliseconds);
    if (result == kSuccess) handler_(event);
    lock.lock();
    if (result != kSuccess && result != kTimeout) wake_.wait_for(lock, kPauseAfterError, [this] { return stopping_; });
  }
}

}  // namespace inferd::metrics::nvml
