// The compute threads of one model. ParallelFor cuts a range into chunks that the threads take from a shared counter, so that a thread
// the kernel puts aside holds up one chunk, not its whole share. Between the many short sections of a forward pass the workers spin for a
// moment; after that they sleep. One caller at a time; the caller works too. How long each worker was busy is measured with two looks at
// the clock for each section that it took part in. Between two chunks a thread lets an Errand go first (base/errand.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <type_traits>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::model {

class ComputePool {
 public:
  // `threads` counts the caller; at least 1. The clock must outlive the pool.
  ComputePool(int threads, const Clock& clock);
  ComputePool(const ComputePool&) = delete;
  ComputePool& operator=(const ComputePool&) = delete;
  ~ComputePool();

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // How long the workers, without the caller, have worked since they were asked last, one after the other. Between two calls of
  // ParallelFor, by the caller. `busy` holds threads() - 1 of them.
  void TakeBusy(std::span<Duration> busy);
  // Binds thread i to cpus[i] alone; thread 0 is the caller, who binds itself. `cpus` has one for each of threads(). See PinThread.
  Result<> Pin(std::span<const int> cpus);

  // Calls body(begin, end, thread) until [0, n) is covered, `thread` in [0, threads()). Returns when all of it is done.
  template <typename Body>
  void ParallelFor(int n, int grain, const Body& body) {
    if (n <= grain) {
      if (n > 0) body(0, n, 0);
      return;
    }
    Run(
        n, grain, [](const void* context, int begin, int end, int thread) { (*static_cast<const Body*>(context))(begin, end, thread); },
        &body);
  }

 private:
  struct alignas(64) Worker {
    Duration busy{};  // its own while a section is underway, the caller's in between
    std::thread thread;
  };
  using Call = void (*)(const void* context, int begin, int end, int thread);

  void Run(int n, int grain, Call call, const void* context);
  void Work(int thread);
  void Stop();
  // False when there was none left.
  bool TakeChunk(int thread);

  const Clock& clock_;
  std::vector<Worker> workers_;
  Call call_ = nullptr;
  const void* context_ = nullptr;
  int n_ = 0;
  int grain_ = 1;
  alignas(64) std::atomic<int> next_{0};
  alignas(64) std::atomic<std::uint32_t> epoch_{0};
  alignas(64) std::atomic<int> pending_{0};
  std::atomic<bool> stop_{false};
};

// The CPUs that the process may run on: first one of each physical core, then their siblings.
std::vector<int> AllowedCpus();

// From now on the thread runs on this CPU only. kIo when the system does not let it.
Result<> PinThread(std::thread::native_handle_type thread, int cpu);

// One per physical core that the process may run on, and no more than the whole CPUs its cgroup grants.
int DefaultThreads();

}  // namespace inferd::model
