// inferctl silence: for a while, do not tell of alerts. Speaks the silences of Alertmanager's API v2.
#include "cli/silence.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "alerts/notify/silences.h"
#include "cli/commands.h"
#include "cli/http_client.h"
#include "cli/text.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& object, const char* key) {
  return object.contains(key) && object[key].is_string() ? PrintableLine(object[key].get_ref<const std::string&>(), 200) : std::string();
}

std::string MatcherText(const Json& matcher) {
  const bool regex = matcher.value("isRegex", false);
  const bool equal = matcher.value("isEqual", true);
  return Text(matcher, "name") + (equal ? (regex ? "=~" : "=") : (regex ? "!~" : "!=")) + Text(matcher, "value");
}

std::string MatchersText(const Json& silence) {
  std::string text;
  if (!silence.contains("matchers") || !silence["matchers"].is_array()) return text;
  for (const Json& matcher : silence["matchers"]) text += (text.empty() ? "" : " ") + (matcher.is_object() ? MatcherText(matcher) : "");
  return text;
}

std::string StateOf(const Json& silence) {
  return silence.contains("status") && silence["status"].is_object() ? Text(silence["status"], "state") : "";
}

// What the daemon has; those that are over, too.
Result<Json> AllSilences(Context& context) {
  HttpClient client(context.api_key);
  INFERD_ASSIGN_OR_RETURN(const HttpResponse answer, client.Get(JoinUrl(context.observe_url, "/api/v2/silences"), kAnswerTimeout));
  Json json = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (answer.status != 200 || !json.is_array()) return Error(Code::kUnavailable, ErrorMessage(answer));
  return json;
}

struct NewSilence {
  std::vector<std::string> matchers;
  std::string duration = "1h";
  std::string author;
  std::string comment;
};

void SetSilence(const NewSilence& add, Context& context) {
  const auto length = ParseDuration(add.duration);
  if (!length) return context.Fail("\"" + add.duration + "\" is not a duration such as 30m, 2h or 1d");
  const SystemClock clock;
  alerts::Silence silence;
  silence.starts_at = clock.WallNow();
  silence.ends_at = silence.starts_at + *length;
  silence.comment = add.comment;
  silence.created_by = add.author;
  for (const std::string& text : add.matchers) {
    auto matcher = alerts::ParseMatcher(text);
    if (!matcher) return context.Fail(matcher.error().message);
    silence.matchers.push_back(std::move(*matcher));
  }
  HttpClient client(context.api_key);
  const auto answer = client.Send("POST", JoinUrl(context.observe_url, "/api/v2/silences"), alerts::SilenceJson(silence, silence.starts_at),
                                  kAnswerTimeout);
  if (!answer) return context.Fail(answer.error().message);
  const Json json = Json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  if (answer->status != 200 || !json.is_object()) return context.Fail(ErrorMessage(*answer));
  std::printf("%s\n", Text(json, "silenceID").c_str());
}

void ListSilences(bool all, bool as_json, Context& context) {
  const auto silences = AllSilences(context);
  if (!silences) return context.Fail(silences.error().message);
  Json shown = Json::array();
  std::vector<std::vector<std::string>> rows{{"id", "state", "until", "matchers", "by", "comment"}};
  for (const Json& silence : *silences) {
    const std::string state = StateOf(silence);
    if (!all && state == "expired") continue;
    shown.push_back(silence);
    rows.push_back(
        {Text(silence, "id"), state, Text(silence, "endsAt"), MatchersText(silence), Text(silence, "createdBy"), Text(silence, "comment")});
  }
  if (as_json) {
    std::printf("%s\n", shown.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else if (rows.size() == 1) {
    std::puts("no silence holds");
  } else {
    std::fputs(Table(rows, /*header=*/true).c_str(), stdout);
  }
}

bool IsId(const std::string& id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
}

void ExpireSilences(const std::vector<std::string>& ids, Context& context) {
  HttpClient client(context.api_key);
  for (const std::string& id : ids) {
    if (!IsId(id)) {
      context.Fail("this is no id of a silence; inferctl silence list shows them");
      continue;
    }
    const auto answer = client.Send("DELETE", JoinUrl(context.observe_url, "/api/v2/silence/" + id), "", kAnswerTimeout);
    if (!answer) return context.Fail(answer.error().message);
    if (answer->status != 200) context.Fail(id + ": " + ErrorMessage(*answer));
  }
}

}  // namespace

std::string SilencesThatHold(Context& context) {
  std::string text;
  const auto silences = AllSilences(context);
  if (!silences) return "it is not known whether silences hold: " + silences.error().message + "\n";
  for (const Json& silence : *silences) {
    if (StateOf(silence) != "active") continue;
    const std::string comment = Text(silence, "comment");
    text += "silenced until " + Text(silence, "endsAt") + " by " + Text(silence, "createdBy") + ": " + MatchersText(silence) +
            (comment.empty() ? "" : " (" + comment + ")") + "\n";
  }
  return text;
}

void AddSilence(CLI::App& app, Context& context) {
  auto* silence = app.add_subcommand("silence", "Silence alerts for a while");
  silence->require_subcommand(1);
  silence->fallthrough();

  auto* add = silence->add_subcommand("add", "Do not tell of alerts whose labels meet every matcher; prints the id of the silence");
  const auto options = std::make_shared<NewSilence>();
  const char* user = std::getenv("USER");
  options->author = user != nullptr ? user : "inferctl";
  add->add_option("MATCHER", options->matchers, "name=value, name!=value, name=~expression or name!~expression")->required();
  add->add_option("--duration,-d", options->duration, "How long, such as 30m, 2h or 1d")->capture_default_str();
  add->add_option("--comment,-c", options->comment, "Why, for whoever finds it");
  add->add_option("--author,-a", options->author, "Who; without it the user's name");
  add->callback([&context, options] { SetSilence(*options, context); });

  auto* list = silence->add_subcommand("list", "Show the silences that hold or will");
  const auto all = std::make_shared<bool>(false);
  const auto as_json = std::make_shared<bool>(false);
  list->add_flag("--all", *all, "Those that are over, too");
  list->add_flag("--json", *as_json, "Print JSON, as Alertmanager's API has it");
  list->callback([&context, all, as_json] { ListSilences(*all, *as_json, context); });

  auto* expire = silence->add_subcommand("expire", "End silences now");
  const auto ids = std::make_shared<std::vector<std::string>>();
  expire->add_option("ID", *ids, "Which ones, as silence list shows them")->required();
  expire->callback([&context, ids] { ExpireSilences(*ids, context); });
}

}  // namespace inferd::cli
