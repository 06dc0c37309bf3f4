#include "daemon/rules.h"

#include <filesystem>
#include <system_error>
#include <utility>

namespace inferd::daemon {

std::string ShippedRules() {
  // The build puts a link of this name beside the program; an installation has none.
  std::error_code error;
  const std::filesystem::path beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "shipped-rules";
  if (!error && std::filesystem::is_directory(beside, error)) return beside / "*.yml";
  return INFERD_RULES_DIR "/*.yml";
}

Result<std::vector<alerts::RuleGroup>> LoadRules(const config::Alerts& config) {
  if (!config.enabled) return std::vector<alerts::RuleGroup>();
  std::vector<std::string> patterns;
  for (const std::string& pattern : config.rules) patterns.push_back(pattern == "shipped" ? ShippedRules() : pattern);
  auto groups = alerts::ReadRuleFiles(patterns);
  if (groups) return std::move(*groups);
  std::string faults;
  for (const alerts::RuleFault& fault : groups.error()) faults += (faults.empty() ? "" : "\n") + fault.ToString();
  return Error(Code::kInvalidArgument, std::move(faults));
}

}  // namespace inferd::daemon
