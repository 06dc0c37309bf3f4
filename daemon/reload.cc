#include "daemon/reload.h"

#include <algorithm>
#include <string>
#include <utility>

#include "config/value.h"
#include "daemon/notifier_options.h"
#include "daemon/rules.h"
#include "daemon/service_manager.h"

namespace inferd::daemon {

Result<std::shared_ptr<const KeyStore>> LoadKeys(const config::Config& config) {
  if (!config.auth.keys_file) return std::shared_ptr<const KeyStore>();
  INFERD_ASSIGN_OR_RETURN(const std::string path, CredentialPath(*config.auth.keys_file));
  auto keys = KeyStore::Load(path);
  if (!keys) return tl::unexpected<Status>(std::move(keys).error());
  return std::make_shared<const KeyStore>(std::move(*keys));
}

ApiSettings SettingsOf(const config::Config& config) {
  ApiSettings settings;
  settings.deadline = config.queue.deadline;
  settings.sample = config.tracing.sample;
  settings.keep_texts = config.logs.prompts != "never";
  for (std::size_t i = 0; i < engine::kPriorities; ++i) {
    const std::string_view name = engine::PriorityName(static_cast<engine::Priority>(i));
    settings.priorities[i] =
        std::find(config.queue.priorities.begin(), config.queue.priorities.end(), name) != config.queue.priorities.end();
  }
  return settings;
}

Result<ReloadPlan> PlanReload(const config::Sources& sources, const config::Config& running) {
  const auto loaded = config::Load(sources);
  if (!loaded) {
    std::string faults;
    for (const config::Fault& fault : loaded.error()) faults += (faults.empty() ? "" : "\n") + fault.ToString();
    return Error(Code::kInvalidArgument, std::move(faults));
  }
  ReloadPlan plan;
  plan.config = running;
  config::CopyReloadable(plan.config, loaded->config);
  for (config::Change& change : config::Diff(running, loaded->config)) {
    (change.reloadable ? plan.applied : plan.waiting).push_back(std::move(change));
  }
  // The new file may be sound by itself and still open what is listened on now.
  if (!plan.config.auth.keys_file) {
    std::vector<std::string> listens = running.api.listen;
    listens.push_back(running.observability.listen);
    for (const std::string& listen : listens) {
      const auto address = config::ParseListenAddress(listen);
      if (address && !address->loopback) {
        return Error(Code::kInvalidArgument,
                     "auth.keys_file cannot be taken away while " + listen + " is listened on; restart to change both");
      }
    }
  }
  INFERD_ASSIGN_OR_RETURN(plan.keys, LoadKeys(plan.config));
  INFERD_ASSIGN_OR_RETURN(plan.notifiers, NotifierOptionsOf(plan.config.alerts));
  INFERD_ASSIGN_OR_RETURN(plan.rules, LoadRules(plan.config.alerts));
  return plan;
}

}  // namespace inferd::daemon
