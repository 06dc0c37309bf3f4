// The commands of `inferctl model`.
#pragma once

#include "cli/commands.h"

namespace inferd::cli {

void AddModelInspect(CLI::App& model, Context& context);
void AddModelVerify(CLI::App& model, Context& context);

}  // namespace inferd::cli
