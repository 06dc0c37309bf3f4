// inferctl trace ID: where one request spent its time, as the daemon's flight recorder has it.
#include <algorithm>
#include <cctype>
#include <cmath>
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

constexpr Duration kTimeout = std::chrono::seconds(10);
constexpr double kWidth = 50;

struct Stage {
  std::string name;
  double begin = 0;  // seconds since the request's arrival
  double length = 0;
};

double Seconds(const Json& request, const char* key) {
  return request.contains(key) && request[key].is_number() ? request[key].get<double>() : -1;
}

// In the order in which they were reached; before the queue the body is read and made into tokens, behind the last token the answer's end
// is written.
std::vector<Stage> StagesOf(const Json& request) {
  std::vector<Stage> stages;
  const double total = std::max(Seconds(request, "total_seconds"), 0.0);
  const double queued = Seconds(request, "queue_seconds");
  double at = Seconds(request, "first_token_seconds") - Seconds(request, "prefill_seconds") - queued;
  if (queued < 0 || Seconds(request, "first_token_seconds") < 0) at = 0;
  if (at > 0) stages.push_back({"reading", 0, at});
  for (const auto& [name, key] : {std::pair{"queue", "queue_seconds"}, {"prefill", "prefill_seconds"}, {"decode", "decode_seconds"}}) {
    const double length = Seconds(request, key);
    if (length < 0) break;
    stages.push_back({name, at, length});
    at += length;
  }
  if (total > at) stages.push_back({stages.empty() ? "answer" : "rest", at, total - at});
  return stages;
}

void Print(const Json& request) {
  std::vector<std::vector<std::string>> facts;
  for (const auto& [key, value] : request.items()) {
    if (key.ends_with("_seconds")) continue;
    facts.push_back({key, PrintableLine(value.is_string() ? value.get<std::string>() : value.dump(), 200)});
  }
  std::fputs(Table(facts, /*header=*/false).c_str(), stdout);
  const double total = std::max(Seconds(request, "total_seconds"), 1e-9);
  std::vector<std::vector<std::string>> rows{{"stage", "after", "took", "|" + std::string(static_cast<std::size_t>(kWidth), '-') + "|"}};
  for (const Stage& stage : StagesOf(request)) {
    const auto from = static_cast<std::size_t>(std::clamp(stage.begin / total, 0.0, 1.0) * kWidth);
    const auto width = static_cast<std::size_t>(std::clamp(std::round(stage.length / total * kWidth), 1.0, kWidth));
    rows.push_back(
        {stage.name, FormatSeconds(stage.begin), FormatSeconds(stage.length),
         "|" + std::string(from, ' ') +
             std::string(std::min(width, static_cast<std::size_t>(kWidth) - std::min(from, static_cast<std::size_t>(kWidth))), '#')});
  }
  rows.push_back({"total", "", FormatSeconds(total), ""});
  std::printf("\n%s", Table(rows, /*header=*/true).c_str());
}

bool IsSane(const std::string& id) {
  return !id.empty() && id.size() <= 64 &&
         std::ranges::all_of(id, [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == ':' || c == '-'; });
}

}  // namespace

void AddTrace(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("trace", "Show where one request spent its time");
  const auto id = std::make_shared<std::string>();
  const auto as_json = std::make_shared<bool>(false);
  command->add_option("REQUEST_ID", *id, "X-Request-Id of the answer")->required();
  command->add_flag("--json", *as_json, "Print JSON");
  command->callback([&context, id, as_json] {
    if (!IsSane(*id)) return context.Fail("this is no request id: letters, digits and ._:- are allowed, at most 64 of them");
    HttpClient client(context.api_key);
    const auto answer = client.Get(JoinUrl(context.observe_url, "/debug/requests?id=" + *id), kTimeout);
    if (!answer) return context.Fail(answer.error().message);
    const Json request = Json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
    if (answer->status != 200 || !request.is_object()) return context.Fail(ErrorMessage(*answer));
    if (*as_json) {
      std::printf("%s\n", request.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    } else {
      Print(request);
    }
  });
}

}  // namespace inferd::cli
