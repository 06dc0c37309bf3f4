// Keeping memory from being paged out. Any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "runtime/base/status.h"

namespace inferd {

// From now on a page of [data, data + bytes) that has come into memory stays there, until it is unmapped (mlock2(2) with MLOCK_ONFAULT).
// Nothing is read or allocated by this, but all of the range counts against RLIMIT_MEMLOCK at once. kResourceExhausted says which limit
// was met and where it is set; `what` begins the message.
Result<> LockMemory(const void* data, std::size_t bytes, std::string_view what);

}  // namespace inferd
