// Which rule files a configuration names, and what stands in them.
#pragma once

#include <string>
#include <vector>

#include "alerts/rule_file.h"
#include "config/config.h"
#include "runtime/base/status.h"

namespace inferd::daemon {

// The pattern behind the word "shipped" in alerts.rules: the folder of an installed inferd, or the source's own rules for one that runs
// from where it was built.
std::string ShippedRules();

// Every group of every file; none when alerts are switched off. kInvalidArgument with one fault per line.
Result<std::vector<alerts::RuleGroup>> LoadRules(const config::Alerts& config);

}  // namespace inferd::daemon
