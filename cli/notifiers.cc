// inferctl alerts test, inferctl alerts notifiers: whether those who should hear of alerts can.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/http_client.h"
#include "cli/text.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

// A test waits for a delivery that is under way, and for its own; both may take as long as alerts.notify's timeout says.
constexpr Duration kTestTimeout = std::chrono::minutes(10);

// The answer's data; the message of Prometheus's error shape otherwise.
Result<Json> DataOf(const HttpResponse& answer) {
  Json json = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (answer.status == 200 && json.is_object() && json.contains("data")) return std::move(json["data"]);
  if (json.is_object() && json.contains("error") && json["error"].is_string()) {
    return Error(Code::kUnavailable, PrintableLine(json["error"].get_ref<const std::string&>(), 1000));
  }
  return Error(Code::kUnavailable, ErrorMessage(answer));
}

void Test(const std::string& name, Context& context) {
  const bool sane = !name.empty() && name.size() <= 64 &&
                    std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; });
  if (!sane) return context.Fail("this is no name of a notifier: letters, digits and ._- are allowed, at most 64 of them");
  HttpClient client(context.api_key);
  const auto answer = client.Send("POST", JoinUrl(context.observe_url, "/api/v1/notifiers/" + name + "/test"), "{}", kTestTimeout);
  if (!answer) return context.Fail(answer.error().message);
  if (const auto data = DataOf(*answer); !data) return context.Fail(name + ": " + data.error().message);
  std::printf("%s: delivered\n", name.c_str());
}

void List(bool as_json, Context& context) {
  HttpClient client(context.api_key);
  const auto answer = client.Get(JoinUrl(context.observe_url, "/api/v1/notifiers"), kAnswerTimeout);
  if (!answer) return context.Fail(answer.error().message);
  const auto data = DataOf(*answer);
  if (!data) return context.Fail(data.error().message);
  if (as_json) {
    std::printf("%s\n", data->dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  std::vector<std::vector<std::string>> rows{{"name", "channel", "state", "waiting", "ok", "failed", "dropped", "error"}};
  for (const Json& notifier : *data) {
    const auto cell = [&](const char* key) {
      if (!notifier.contains(key)) return std::string("-");
      return PrintableLine(notifier[key].is_string() ? notifier[key].get<std::string>() : notifier[key].dump(), 120);
    };
    rows.push_back({cell("name"), cell("channel"), notifier.value("failing", false) ? "failing" : "good", cell("waiting"), cell("ok"),
                    cell("failed"), cell("dropped"), cell("error")});
  }
  std::fputs(rows.size() == 1 ? "no notifier is configured\n" : Table(rows, /*header=*/true).c_str(), stdout);
}

}  // namespace

void AddNotifiers(CLI::App& alerts, Context& context) {
  auto* test = alerts.add_subcommand("test", "Send a test alert by a notifier and say what became of it");
  const auto name = std::make_shared<std::string>();
  test->add_option("NOTIFIER", *name, "Its name, as alerts notifiers shows it")->required();
  test->callback([&context, name] { Test(*name, context); });

  auto* list = alerts.add_subcommand("notifiers", "Show who is told of alerts, and whether that works");
  const auto as_json = std::make_shared<bool>(false);
  list->add_flag("--json", *as_json, "Print JSON");
  list->callback([&context, as_json] { List(*as_json, context); });
}

}  // namespace inferd::cli
