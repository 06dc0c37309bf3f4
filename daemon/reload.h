// What SIGHUP does, up to the point where it is applied: reads the configuration, the keys and the alert rules again, checks them, and says
// what changes.
// Nothing of the running daemon is touched when there is a fault.
#pragma once

#include <memory>
#include <vector>

#include "alerts/notify/notifiers.h"
#include "alerts/rule_file.h"
#include "config/config.h"
#include "daemon/api/api.h"
#include "daemon/api/keys.h"
#include "runtime/base/status.h"

namespace inferd::daemon {

struct ReloadPlan {
  config::Config config;                 // the running one with every change that can be applied
  std::shared_ptr<const KeyStore> keys;  // nullptr: everybody may ask
  std::vector<alerts::NotifierOptions> notifiers;
  std::vector<alerts::RuleGroup> rules;
  std::vector<config::Change> applied;
  std::vector<config::Change> waiting;  // need a restart
};

// kInvalidArgument with one fault per line.
Result<ReloadPlan> PlanReload(const config::Sources& sources, const config::Config& running);

// nullptr when no file is configured.
Result<std::shared_ptr<const KeyStore>> LoadKeys(const config::Config& config);

// The part of the configuration that the API reads anew for each request.
ApiSettings SettingsOf(const config::Config& config);

}  // namespace inferd::daemon
