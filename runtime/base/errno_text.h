// The text of an errno value, safe to ask for from any thread.
#pragma once

#include <string>
#include <system_error>

namespace inferd {

// "No such file or directory": what the C library says of an errno. Thread-safe.
inline std::string ErrnoText(int error) { return std::generic_category().message(error); }

}  // namespace inferd
