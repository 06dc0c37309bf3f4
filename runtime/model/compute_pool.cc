#include "runtime/model/compute_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "runtime/base/errand.h"
#include "runtime/base/errno_text.h"
#include "runtime/base/thread.h"

namespace inferd::model {
namespace {

// About 50 microseconds: longer than the serial work between two sections of a step, shorter than anybody would notice.
constexpr int kSpins = 2000;

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

struct Place {
  int cpu = 0;
  bool first_of_core = false;  // no smaller allowed CPU is on the same physical core
};

// The CPUs that the process may run on, in order.
std::vector<Place> AllowedPlaces() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return {};
  std::vector<Place> places;
  std::set<std::pair<int, int>> cores;  // (package, core)
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(static_cast<std::size_t>(cpu), &allowed)) continue;
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    int package = 0;
    int core = cpu;
    std::ifstream(topology + "physical_package_id") >> package;
    std::ifstream(topology + "core_id") >> core;
    places.push_back({.cpu = cpu, .first_of_core = cores.emplace(package, core).second});
  }
  return places;
}

}  // namespace

ComputePool::ComputePool(int threads, const Clock& clock) : clock_(clock), workers_(static_cast<std::size_t>(std::max(threads, 1) - 1)) {
  try {
    for (int i = 1; i < threads; ++i) workers_[static_cast<std::size_t>(i - 1)].thread = std::thread([this, i] { Work(i); });
  } catch (const std::system_error&) {  // no more threads
    Stop();
    throw;
  }
}

ComputePool::~ComputePool() { Stop(); }

void ComputePool::Stop() {
  stop_ = true;
  epoch_.fetch_add(1);
  epoch_.notify_all();
  for (Worker& worker : workers_) {
    if (worker.thread.joinable()) worker.thread.join();
  }
}

Result<> ComputePool::Pin(std::span<const int> cpus) {
  for (std::size_t i = 0; i < workers_.size(); ++i) INFERD_RETURN_IF_ERROR(PinThread(workers_[i].thread.native_handle(), cpus[i + 1]));
  return {};
}

void ComputePool::Run(int n, int grain, Call call, const void* context) {
  call_ = call;
  context_ = context;
  n_ = n;
  grain_ = grain;
  next_.store(0, std::memory_order_relaxed);
  pending_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  epoch_.fetch_add(1);
  epoch_.notify_all();
  while (TakeChunk(0)) {
  }
  for (int spins = 0; pending_.load(std::memory_order_acquire) != 0; ++spins) {
    if (spins < kSpins) {
      Pause();
    } else {
      std::this_thread::yield();
    }
  }
}

bool ComputePool::TakeChunk(int thread) {
  if (Errand::UnderWay(clock_)) std::this_thread::yield();
  const int begin = next_.fetch_add(grain_, std::memory_order_relaxed);
  if (begin >= n_) return false;
  call_(context_, begin, std::min(begin + grain_, n_), thread);
  return true;
}

void ComputePool::TakeBusy(std::span<Duration> busy) {
  for (std::size_t i = 0; i < workers_.size(); ++i) busy[i] = std::exchange(workers_[i].busy, Duration::zero());
}

void ComputePool::Work(int thread) {
  const ThreadSetup setup("compute");
  std::uint32_t seen = 0;
  for (;;) {
    for (int spins = 0; spins < kSpins && epoch_.load(std::memory_order_acquire) == seen; ++spins) Pause();
    epoch_.wait(seen, std::memory_order_acquire);
    seen = epoch_.load(std::memory_order_acquire);
    if (stop_) return;
    const MonotonicTime begin = clock_.Now();
    if (TakeChunk(thread)) {
      while (TakeChunk(thread)) {
      }
      workers_[static_cast<std::size_t>(thread - 1)].busy += clock_.Now() - begin;
    }
    pending_.fetch_sub(1, std::memory_order_release);
  }
}

std::vector<int> AllowedCpus() {
  std::vector<int> cpus;
  std::vector<int> siblings;
  for (const Place& place : AllowedPlaces()) (place.first_of_core ? cpus : siblings).push_back(place.cpu);
  cpus.insert(cpus.end(), siblings.begin(), siblings.end());
  return cpus;
}

Result<> PinThread(std::thread::native_handle_type thread, int cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<std::size_t>(cpu), &only);
  if (const int error = ::pthread_setaffinity_np(thread, sizeof(only), &only); error != 0) {
    return Error(Code::kIo, "cannot bind a compute thread to CPU " + std::to_string(cpu) + ": " + ErrnoText(error));
  }
  return {};
}

int DefaultThreads() {
  const std::vector<Place> places = AllowedPlaces();
  int threads = static_cast<int>(std::ranges::count_if(places, &Place::first_of_core));
  std::string quota;
  double period = 0;
  if (std::ifstream limit("/sys/fs/cgroup/cpu.max"); limit >> quota >> period && quota != "max" && period > 0) {
    threads = std::min(threads, static_cast<int>(std::floor(std::stod(quota) / period)));
  }
  return std::max(threads, 1);
}

}  // namespace inferd::model
