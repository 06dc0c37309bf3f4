// What was built, from what, with what.
#pragma once

#include <string_view>

namespace inferd::daemon {

std::string_view Version();   // "0.1.0"
std::string_view Revision();  // of the source, "unknown" outside of a checkout
std::string_view Compiler();  // "GNU 12.2.0"

}  // namespace inferd::daemon
