// inferctl query: asks the daemon's own history, in PromQL.
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/http_client.h"
#include "cli/text.h"
#include "metrics/series/labels.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr Duration kQueryTimeout = std::chrono::seconds(60);

struct QueryOptions {
  std::string expr;
  std::string time;
  std::string range;
  std::string step;
  bool json = false;
};

std::string SeriesOf(const Json& metric) {
  std::vector<metrics::Label> labels;
  for (const auto& [name, value] : metric.items()) labels.push_back({name, value.get<std::string>()});
  return PrintableLine(metrics::Labels::From(std::move(labels)).ToString(), 400);
}

std::string ValueOf(const Json& point) { return PrintableLine(point.at(1).get<std::string>(), 400); }
std::string TimeOf(const Json& point) { return point.at(0).dump(); }

// A matrix has a row for each point; everything else one for each series.
void Print(const Json& data) {
  const std::string type = data.at("resultType").get<std::string>();
  const Json& result = data.at("result");
  std::vector<std::vector<std::string>> rows;
  if (type == "matrix") {
    for (const Json& series : result) {
      std::string name = SeriesOf(series.at("metric"));
      for (const Json& point : series.at("values")) rows.push_back({std::exchange(name, ""), TimeOf(point), ValueOf(point)});
    }
  } else if (type == "vector") {
    for (const Json& series : result) rows.push_back({SeriesOf(series.at("metric")), ValueOf(series.at("value"))});
  } else {
    rows.push_back({ValueOf(result)});
  }
  std::fputs(Table(rows, /*header=*/false).c_str(), stdout);
}

std::string UrlOf(const QueryOptions& options, const Context& context) {
  std::string query = "query=" + UrlEscaped(options.expr);
  if (options.range.empty()) {
    if (!options.time.empty()) query += "&time=" + UrlEscaped(options.time);
    return JoinUrl(context.observe_url, "/api/v1/query?" + query);
  }
  const double end = ToSeconds(SystemClock().WallNow().time_since_epoch());
  const double range = ToSeconds(ParseDuration(options.range).value_or(Duration{}));
  // 60 lines fit on a screen.
  const std::string step = options.step.empty() ? std::to_string(range / 60) : options.step;
  return JoinUrl(context.observe_url, "/api/v1/query_range?" + query + "&start=" + std::to_string(end - range) +
                                          "&end=" + std::to_string(end) + "&step=" + UrlEscaped(step));
}

void Query(const QueryOptions& options, Context& context) {
  if (!options.range.empty() && !ParseDuration(options.range)) return context.Fail("--range must be a duration such as 15m");
  HttpClient client(context.api_key);
  const auto answer = client.Get(UrlOf(options, context), kQueryTimeout);
  if (!answer) return context.Fail(answer.error().message);
  const Json json = Json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  if (answer->status != 200 || !json.is_object()) return context.Fail(ErrorMessage(*answer));
  if (options.json) {
    std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  try {
    for (const char* notes : {"warnings", "infos"}) {
      if (!json.contains(notes)) continue;
      for (const Json& note : json[notes]) std::fprintf(stderr, "%s\n", PrintableLine(note.get<std::string>(), 400).c_str());
    }
    Print(json.at("data"));
  } catch (const Json::exception& error) {
    context.Fail(std::string("the answer is no query result: ") + error.what());
  }
}

}  // namespace

void AddQuery(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("query", "Ask the daemon's own history, in PromQL");
  const auto options = std::make_shared<QueryOptions>();
  command->add_option("EXPR", options->expr, "Expression, such as 1 + 1")->required();
  CLI::Option* time = command->add_option("--time", options->time, "Moment: seconds since 1970 or RFC 3339 (default: now)");
  CLI::Option* range = command->add_option("--range", options->range, "Values over this time up to now, such as 15m")->excludes(time);
  command->add_option("--step", options->step, "Distance of the values of --range (default: 60 values)")->needs(range);
  command->add_flag("--json", options->json, "Print the answer as JSON");
  command->callback([options, &context] { Query(*options, context); });
}

}  // namespace inferd::cli
