#include "runtime/base/thread.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <cstddef>

namespace inferd {
namespace {

// Far more than a frame with the registers of AVX-512 and AMX (11 KB) and a handler that makes a backtrace. Only what is touched costs
// memory.
constexpr std::size_t kBytes = std::size_t{64} << 10U;

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

void ThreadSetup::ForThisThread(const char* name) { thread_local const ThreadSetup setup(name); }

}  // namespace inferd
