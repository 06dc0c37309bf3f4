#include "runtime/base/memory_lock.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <string>

#include "runtime/base/errno_text.h"

namespace inferd {

Result<> LockMemory(const void* data, std::size_t bytes, std::string_view what) {
  if (bytes == 0 || ::mlock2(data, bytes, MLOCK_ONFAULT) == 0) return {};
  const int error = errno;
  std::string message = std::string(what) + ": cannot lock " + std::to_string(bytes) + " bytes into memory: ";
  rlimit limit{};
  // EPERM: nothing may be locked at all (mlock(2)).
  if ((error == ENOMEM || error == EPERM) && ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    message += "this process may lock " + std::to_string(limit.rlim_cur) +
               " bytes in all (RLIMIT_MEMLOCK); set LimitMEMLOCK=infinity in the unit, or ulimit -l unlimited";
  } else {
    message += ErrnoText(error);
  }
  return Error(Code::kResourceExhausted, std::move(message));
}

}  // namespace inferd
