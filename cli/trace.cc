// inferctl trace ID: where one request spent its time, as the daemon's flight recorder has it, a file that was written when it had, or the
// journal.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/http_client.h"
#include "cli/journal.h"
#include "cli/text.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kWidth = 50;

struct Stage {
  std::string name;
  double begin = 0;  // seconds since the request's arrival
  double length = 0;
};

double Seconds(const Json& request, const char* key) {
  return request.contains(key) && request[key].is_number() ? request[key].get<double>() : -1;
}

// From its arrival to its end, or to now when it is in flight.
double Whole(const Json& request) { return std::max({Seconds(request, "total_seconds"), Seconds(request, "age_seconds"), 0.0}); }

// In the order in which they were reached; before the queue the body is read and made into tokens, behind the last token the answer's end
// is written.
std::vector<Stage> StagesOf(const Json& request) {
  std::vector<Stage> stages;
  const double total = Whole(request);
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
  if (const double silent = Seconds(request, "since_last_token_seconds"); silent >= 0) {
    facts.push_back({"last token", FormatSeconds(silent) + " ago"});
  }
  std::fputs(Table(facts, /*header=*/false).c_str(), stdout);
  const double total = std::max(Whole(request), 1e-9);
  std::vector<std::vector<std::string>> rows{{"stage", "after", "took", "|" + std::string(static_cast<std::size_t>(kWidth), '-') + "|"}};
  for (const Stage& stage : StagesOf(request)) {
    const auto from = static_cast<std::size_t>(std::clamp(stage.begin / total, 0.0, 1.0) * kWidth);
    const auto width = static_cast<std::size_t>(std::clamp(std::round(stage.length / total * kWidth), 1.0, kWidth));
    rows.push_back(
        {stage.name, FormatSeconds(stage.begin), FormatSeconds(stage.length),
         "|" + std::string(from, ' ') +
             std::string(std::min(width, static_cast<std::size_t>(kWidth) - std::min(from, static_cast<std::size_t>(kWidth))), '#')});
  }
  rows.push_back({request.contains("total_seconds") ? "total" : "so far", "", FormatSeconds(total), ""});
  std::printf("\n%s", Table(rows, /*header=*/true).c_str());
}

// The request in a log file or in saved flight data, compressed or not: the last line that is about its end. Nothing when there is none.
Result<Json> FindIn(const std::string& path, const std::string& id) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(::gzopen(path.c_str(), "rbe"), &::gzclose);
  if (!file) return Error(Code::kIo, path + " cannot be read");
  Json found;
  std::string line;
  std::array<char, 64U << 10U> piece;
  while (::gzgets(file.get(), piece.data(), static_cast<int>(piece.size())) != nullptr) {
    line += piece.data();
    if (line.back() != '\n' && line.size() < (1U << 20U)) continue;
    if (line.find("\"request_id\":\"" + id + '"') != std::string::npos) {
      Json parsed = Json::parse(line.substr(line.find('{')), nullptr, /*allow_exceptions=*/false);
      if (parsed.is_object() && parsed.value("request_id", "") == id && parsed.contains("total_seconds")) found = std::move(parsed);
    }
    line.clear();
  }
  return found;
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
  const auto files = std::make_shared<std::vector<std::string>>();
  command->add_option("REQUEST_ID", *id, "X-Request-Id of the answer")->required();
  command->add_option("--in", *files, "Where to look when the daemon does not know it any more: log files, saved flight data (.gz too)");
  command->add_flag("--json", *as_json, "Print JSON");
  command->callback([&context, id, as_json, files] {
    if (!IsSane(*id)) return context.Fail("this is no request id: letters, digits and ._:- are allowed, at most 64 of them");
    HttpClient client(context.api_key);
    const auto answer = client.Get(JoinUrl(context.observe_url, "/debug/requests?id=" + *id), kAnswerTimeout);
    Json request;
    if (answer && answer->status == 200) request = Json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
    for (auto file = files->begin(); !request.is_object() && file != files->end(); ++file) {
      const auto found = FindIn(*file, *id);
      if (!found) return context.Fail(found.error().message);
      request = *found;
    }
    if (!request.is_object()) request = RequestOfJournal(AccessLineInJournal(*id));
    if (!request.is_object()) return context.Fail(answer ? ErrorMessage(*answer) : answer.error().message);
    if (*as_json) {
      std::printf("%s\n", request.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    } else {
      Print(request);
    }
  });
}

}  // namespace inferd::cli
