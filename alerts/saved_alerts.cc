#include "alerts/saved_alerts.h"

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

namespace inferd::alerts {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 2;

Json WriteAlert(const Alert& alert) {
  Json json;
  for (const metrics::Label& label : alert.labels.pairs()) json["labels"][label.name] = label.value;
  json["annotations"] = alert.annotations;
  json["state"] = AlertStateName(alert.state);
  json["active_at"] = alert.active_at;
  const auto put = [&](const char* name, const std::optional<Millis>& time) {
    if (time) json[name] = *time;
  };
  put("fired_at", alert.fired_at);
  put("resolved_at", alert.resolved_at);
  put("missing_since", alert.missing_since);
  put("last_sent_at", alert.last_sent_at);
  return json;
}

Alert ReadAlert(const Json& json) {
  Alert alert;
  std::vector<metrics::Label> labels;
  for (const auto& [name, value] : json.at("labels").items()) labels.push_back({name, value.get<std::string>()});
  alert.labels = metrics::Labels::From(std::move(labels));
  alert.annotations = json.at("annotations").get<std::map<std::string, std::string>>();
  const auto state = json.at("state").get<std::string>();
  for (const AlertState each : {AlertState::kInactive, AlertState::kPending, AlertState::kFiring}) {
    if (state == AlertStateName(each)) alert.state = each;
  }
  alert.active_at = json.at("active_at").get<Millis>();
  const auto get = [&](const char* name) { return json.contains(name) ? std::optional(json[name].get<Millis>()) : std::nullopt; };
  alert.fired_at = get("fired_at");
  alert.resolved_at = get("resolved_at");
  alert.missing_since = get("missing_since");
  alert.last_sent_at = get("last_sent_at");
  return alert;
}

}  // namespace

std::string WriteSavedAlerts(const SavedAlerts& saved) {
  Json json{{"version", kVersion}, {"at", saved.at}, {"groups", Json::array()}};
  for (const SavedGroup& group : saved.groups) {
    Json rules = Json::array();
    for (const auto& rule : group.rules) {
      Json alerts = Json::array();
      for (const Alert& alert : rule.alerts) alerts.push_back(WriteAlert(alert));
      rules.push_back({{"rule", rule.rule}, {"labels", rule.labels}, {"alerts", std::move(alerts)}});
    }
    json["groups"].push_back({{"file", group.file}, {"name", group.name}, {"rules", std::move(rules)}});
  }
  return json.dump(1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

Result<SavedAlerts> ReadSavedAlerts(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Error(Code::kCorrupt, "it is no JSON object");
  try {
    if (json.at("version").get<int>() != kVersion) return Error(Code::kCorrupt, "it is of another version");
    SavedAlerts alerts{.at = json.at("at").get<Millis>(), .groups = {}};
    for (const Json& group : json.at("groups")) {
      SavedGroup saved{.file = group.at("file").get<std::string>(), .name = group.at("name").get<std::string>(), .rules = {}};
      for (const Json& rule : group.at("rules")) {
        GroupEvaluator::Saved of_rule{.rule = rule.at("rule").get<std::string>(),
                                      .labels = rule.at("labels").get<std::map<std::string, std::string>>(),
                                      .alerts = {}};
        for (const Json& alert : rule.at("alerts")) of_rule.alerts.push_back(ReadAlert(alert));
        saved.rules.push_back(std::move(of_rule));
      }
      alerts.groups.push_back(std::move(saved));
    }
    return alerts;
  } catch (const Json::exception& error) {
    return Error(Code::kCorrupt, error.what());
  }
}

}  // namespace inferd::alerts
