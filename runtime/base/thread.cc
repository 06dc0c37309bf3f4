#include "runtime/base/thread.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace inferd {
namespace {

// Far more than a frame with the registers of AVX-512 and AMX (11 KB) and a handler that makes a backtrace. Only what is touched costs
// memory.
constexpr std::size_t kBytes = std::size_t{64} << 10U;

// struct sched_attr of sched_setattr(2), which Debian 12's C library does not declare.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // ns; of a thread of the normal policy the time slice
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);  // SCHED_ATTR_SIZE_VER0

}  // namespace

ThreadSetup::ThreadSetup(const char* name) {
  if (name != nullptr) ::prctl(PR_SET_NAME, name);
  stack_t present{};
  // Sanitizers give each thread one of their own.
  if (::sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) return;
  void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  stack_t stack{};
  stack.ss_sp = memory;
  stack.ss_size = kBytes;
  if (::sigaltstack(&stack, nullptr) == 0) {
    stack_ = memory;
  } else {
    ::munmap(memory, kBytes);
  }
}

ThreadSetup::~ThreadSetup() {
  if (stack_ == nullptr) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  none.ss_size = kBytes;  // looked at even where there is to be none (sigaltstack(2))
  ::sigaltstack(&none, nullptr);
  ::munmap(stack_, kBytes);
}

void TakeShortTurns() {
  SchedulingAttributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0 || attributes.policy != SCHED_OTHER) return;
  attributes.runtime = 100'000;  // the least that the kernel takes
  ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void ThreadSetup::ForThisThread(const char* name) { thread_local const ThreadSetup setup(name); }

}  // namespace inferd
