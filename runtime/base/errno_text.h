// What the C library says of an errno, for messages.
#pragma once

#include <string>
#include <system_error>

namespace inferd {

// "No such file or directory". Thread-safe.
inline std::string ErrnoText(int error) { return std::generic_category().message(error); }

}  // namespace inferd
