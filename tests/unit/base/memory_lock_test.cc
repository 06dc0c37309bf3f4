#include "runtime/base/memory_lock.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace inferd {
namespace {

constexpr std::size_t kBytes = 64 << 10;

// "VmLck:  64 kB" of /proc/self/status, in bytes.
std::size_t LockedByThisProcess() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmLck:")) return std::stoul(line.substr(6)) * 1024;
  }
  return 0;
}

void* Map() { return ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

TEST(MemoryLock, CountsAsLocked) {
  const std::size_t before = LockedByThisProcess();
  void* const data = Map();
  ASSERT_NE(data, MAP_FAILED);
  const auto locked = LockMemory(data, kBytes, "weights");
  ASSERT_TRUE(locked) << locked.error().message;
  EXPECT_EQ(LockedByThisProcess(), before + kBytes);
  ::munmap(data, kBytes);
  EXPECT_EQ(LockedByThisProcess(), before);
}

TEST(MemoryLock, NothingIsLockedAtOnce) { EXPECT_TRUE(LockMemory(nullptr, 0, "an empty file")); }

// In a process of its own, because the limit binds only whoever is not root, and neither can be taken back.
void LockWithLimit(rlim_t limit) {
  void* const data = Map();
  const rlimit most{limit, limit};
  if (::setrlimit(RLIMIT_MEMLOCK, &most) != 0 || (::geteuid() == 0 && ::setuid(65534) != 0)) std::_Exit(3);
  const auto locked = LockMemory(data, kBytes, "weights");
  std::fputs(locked ? "locked" : (std::string(CodeName(locked.error().code)) + " " + locked.error().message).c_str(), stderr);
  std::_Exit(0);
}

TEST(MemoryLock, NamesTheLimitAndWhereToSetIt) {
  for (const rlim_t limit : {rlim_t{0}, rlim_t{4096}}) {
    EXPECT_EXIT(LockWithLimit(limit), testing::ExitedWithCode(0),
                "resource_exhausted weights: cannot lock 65536 bytes into memory: this process may lock " + std::to_string(limit) +
                    " bytes in all .RLIMIT_MEMLOCK.; set LimitMEMLOCK=infinity in the unit");
  }
}

}  // namespace
}  // namespace inferd
