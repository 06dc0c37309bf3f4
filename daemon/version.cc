#include "daemon/version.h"

namespace inferd::daemon {

std::string_view Version() { return INFERD_VERSION; }
std::string_view Revision() { return INFERD_REVISION; }
std::string_view Compiler() { return INFERD_COMPILER; }

}  // namespace inferd::daemon
