// inferctl alerts: what the daemon's own rules have found.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/http_client.h"
#include "cli/silence.h"
#include "cli/text.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& object, const char* section, const char* name) {
  return object.contains(section) && object[section].contains(name) && object[section][name].is_string()
             ? PrintableLine(object[section][name].get<std::string>(), 200)
             : "-";
}

// What fires before what is pending, critical before the rest.
int Rank(const Json& alert) {
  const std::string severity = Text(alert, "labels", "severity");
  const int base = alert.value("state", "") == "firing" ? 0 : 3;
  return base + (severity == "critical" ? 0 : severity == "warning" ? 1 : 2);
}

void Show(bool as_json, Context& context) {
  HttpClient client(context.api_key);
  const std::string url = JoinUrl(context.observe_url, "/api/v1/alerts");
  const auto answer = client.Get(url, kAnswerTimeout);
  if (!answer) return context.Fail(answer.error().message);
  const Json json = Json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  if (answer->status != 200 || !json.is_object() || !json.contains("data") || !json["data"].contains("alerts"))
    return context.Fail(url + ": " + ErrorMessage(*answer));
  std::vector<Json> alerts = json["data"]["alerts"].get<std::vector<Json>>();
  std::ranges::stable_sort(alerts, {}, Rank);
  if (std::ranges::any_of(alerts, [](const Json& alert) { return alert.value("state", "") == "firing"; })) context.exit_code = kExitBad;
  if (as_json) {
    std::printf("%s\n", Json(alerts).dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  if (alerts.empty()) {
    std::puts("no alerts");
    return;
  }
  std::vector<std::vector<std::string>> rows{{"state", "severity", "alert", "since", "summary"}};
  for (const Json& alert : alerts) {
    rows.push_back({PrintableLine(alert.value("state", "-"), 20), Text(alert, "labels", "severity"), Text(alert, "labels", "alertname"),
                    PrintableLine(alert.value("activeAt", "-"), 40), Text(alert, "annotations", "summary")});
  }
  // Who looks here because nobody told him must see why.
  std::fputs((Table(rows, /*header=*/true) + SilencesThatHold(context)).c_str(), stdout);
}

}  // namespace

void AddAlerts(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("alerts", "Show alerts that fire or are about to; exit code 1 if one fires");
  const auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "Print JSON");
  command->callback([&context, as_json, command] {
    if (command->get_subcommands().empty()) Show(*as_json, context);
  });
  AddNotifiers(*command, context);
}

}  // namespace inferd::cli
