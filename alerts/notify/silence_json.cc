// Silences as Alertmanager's API v2 writes them (https://github.com/prometheus/alertmanager, api/v2/openapi.yaml: gettableSilence,
// postableSilence).
#include <utility>

#include "alerts/notify/json_text.h"
#include "alerts/notify/payload.h"
#include "alerts/notify/silences.h"

namespace inferd::alerts {
namespace {

using metrics::MatchKind;

Json ToJson(const Silence& silence, WallTime now) {
  Json matchers = Json::array();
  for (const metrics::Matcher& matcher : silence.matchers) {
    const MatchKind kind = matcher.kind();
    matchers.push_back({{"name", matcher.name()},
                        {"value", matcher.value()},
                        {"isRegex", kind == MatchKind::kRegex || kind == MatchKind::kNotRegex},
                        {"isEqual", kind == MatchKind::kEqual || kind == MatchKind::kRegex}});
  }
  return {{"id", silence.id},
          {"status", {{"state", std::string(SilenceStateName(silence, now))}}},
          {"updatedAt", Rfc3339(silence.updated_at)},
          {"comment", silence.comment},
          {"createdBy", silence.created_by},
          {"startsAt", Rfc3339(silence.starts_at)},
          {"endsAt", Rfc3339(silence.ends_at)},
          {"matchers", std::move(matchers)}};
}

tl::unexpected<Status> Wrong(const std::string& what) { return Error(Code::kInvalidArgument, what); }

Result<std::string> TextOf(const Json& json, const char* key, bool required) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) {
    if (required) return Wrong(std::string(key) + " is missing");
    return std::string();
  }
  if (!found->is_string()) return Wrong(std::string(key) + " must be a text");
  return found->get<std::string>();
}

Result<bool> BoolOf(const Json& json, const char* key, bool fallback) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return fallback;
  if (!found->is_boolean()) return Wrong(std::string(key) + " must be true or false");
  return found->get<bool>();
}

Result<WallTime> TimeOf(const Json& json, const char* key, bool required) {
  INFERD_ASSIGN_OR_RETURN(const std::string text, TextOf(json, key, required));
  if (text.empty() && !required) return WallTime{};
  const auto time = ParseRfc3339(text);
  if (!time) return Wrong(std::string(key) + " is not a time such as 2026-01-31T12:00:00Z");
  return *time;
}

Result<Silence> SilenceFromJson(const Json& json) {
  if (!json.is_object()) return Wrong("a silence must be an object");
  Silence silence;
  INFERD_ASSIGN_OR_RETURN(silence.id, TextOf(json, "id", false));
  INFERD_ASSIGN_OR_RETURN(silence.comment, TextOf(json, "comment", true));
  INFERD_ASSIGN_OR_RETURN(silence.created_by, TextOf(json, "createdBy", true));
  INFERD_ASSIGN_OR_RETURN(silence.starts_at, TimeOf(json, "startsAt", true));
  INFERD_ASSIGN_OR_RETURN(silence.ends_at, TimeOf(json, "endsAt", true));
  INFERD_ASSIGN_OR_RETURN(silence.updated_at, TimeOf(json, "updatedAt", false));
  const auto matchers = json.find("matchers");
  if (matchers == json.end() || !matchers->is_array()) return Wrong("matchers must be an array");
  if (matchers->size() > kMaxMatchers) return Wrong("there are more than " + std::to_string(kMaxMatchers) + " matchers");
  for (const Json& matcher : *matchers) {
    if (!matcher.is_object()) return Wrong("a matcher must be an object");
    INFERD_ASSIGN_OR_RETURN(std::string name, TextOf(matcher, "name", true));
    INFERD_ASSIGN_OR_RETURN(std::string value, TextOf(matcher, "value", true));
    INFERD_ASSIGN_OR_RETURN(const bool regex, BoolOf(matcher, "isRegex", false));
    INFERD_ASSIGN_OR_RETURN(const bool equal, BoolOf(matcher, "isEqual", true));
    const MatchKind kind = regex ? (equal ? MatchKind::kRegex : MatchKind::kNotRegex) : (equal ? MatchKind::kEqual : MatchKind::kNotEqual);
    INFERD_ASSIGN_OR_RETURN(metrics::Matcher made, metrics::Matcher::Make(kind, std::move(name), std::move(value)));
    silence.matchers.push_back(std::move(made));
  }
  return silence;
}

}  // namespace

std::string SilencesJson(const std::vector<Silence>& silences, WallTime now) {
  Json array = Json::array();
  for (const Silence& silence : silences) array.push_back(ToJson(silence, now));
  return Dump(array);
}

std::string SilenceJson(const Silence& silence, WallTime now) { return Dump(ToJson(silence, now)); }

Result<Silence> ParseSilenceJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Wrong("the body is not valid JSON");
  return SilenceFromJson(json);
}

Result<std::vector<Silence>> ParseSilencesJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_array()) return Wrong("is not a list of silences");
  std::vector<Silence> silences;
  for (const Json& one : json) {
    INFERD_ASSIGN_OR_RETURN(Silence silence, SilenceFromJson(one));
    silences.push_back(std::move(silence));
  }
  return silences;
}

}  // namespace inferd::alerts
