// The beginning of every thread of ours: its name, as top and gdb show it, and an alternate signal stack, without which a crash handler
// cannot run where the thread's own stack has overflowed. For the thread that makes it, from its first line to its last.
#pragma once

namespace inferd {

class ThreadSetup {
 public:
  // At most 15 characters count (prctl(2), PR_SET_NAME); nullptr keeps the name that the thread has. Without memory for the stack the
  // thread goes on without one.
  explicit ThreadSetup(const char* name);
  ThreadSetup(const ThreadSetup&) = delete;
  ThreadSetup& operator=(const ThreadSetup&) = delete;
  ~ThreadSetup();

  // For threads of a library, which has a hook for their beginning and none for their end: until the thread ends.
  static void ForThisThread(const char* name);

 private:
  void* stack_ = nullptr;
};

// From now on the calling thread takes short turns (0.1 ms; sched_setattr(2), the time slice of a thread of the normal policy): the kernel
// lets it in as soon as it wakes, where it would wait for the end of a longer turn of a thread that computes. For threads that wait and
// answer. Linux before 6.12 has no such thing, and a sandbox may forbid it; then nothing changes.
void TakeShortTurns();

}  // namespace inferd
