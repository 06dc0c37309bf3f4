// What inferctl alerts says of silences.
#pragma once

#include <string>

#include "cli/commands.h"

namespace inferd::cli {

// A line for each silence that holds now; a line that says why when that cannot be known.
std::string SilencesThatHold(Context& context);

}  // namespace inferd::cli
