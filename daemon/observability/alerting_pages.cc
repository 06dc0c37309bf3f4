#include "daemon/observability/alerting_pages.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/observability/form.h"
#include "daemon/observability/json_writer.h"

namespace inferd::daemon {
namespace {

constexpr std::string_view kSilences = "/api/v2/silences";
constexpr std::string_view kSilence = "/api/v2/silence/";
constexpr std::string_view kNotifiers = "/api/v1/notifiers";
constexpr std::string_view kTest = "/test";

int StatusOf(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return 400;
    case Code::kNotFound: return 404;
    case Code::kResourceExhausted: return 429;
    default: return 500;
  }
}

HttpResponse Json(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body) + "\n";
  return response;
}

// Alertmanager's errors are JSON strings.
HttpResponse SilenceError(int status, std::string_view message) {
  JsonWriter json;
  json.Value(message);
  return Json(status, json.Take());
}
HttpResponse SilenceError(const Status& status) { return SilenceError(StatusOf(status.code), status.message); }

// Prometheus's errors are objects.
HttpResponse NotifierError(int status, std::string_view type, std::string_view message) {
  JsonWriter json;
  json.BeginObject().Member("status", "error").Member("errorType", type).Member("error", message).EndObject();
  return Json(status, json.Take());
}

// A page on the web may make a browser on this machine send what a form can send. JSON, and methods that forms have not, it may not.
bool MayActFor(const RequestHead& head) {
  const std::string_view origin = head.Find("origin");
  if (!origin.empty() && origin != "http://" + std::string(head.Find("host"))) return false;
  return head.method != "POST" || head.Find("content-type").starts_with("application/json");
}

}  // namespace

std::string_view AlertingPages::RouteOf(std::string_view path) {
  if (path == kSilences) return kSilences;
  if (path.starts_with(kSilence) && path.size() > kSilence.size()) return "/api/v2/silence/{id}";
  if (path == kNotifiers) return kNotifiers;
  if (path.starts_with("/api/v1/notifiers/") && path.ends_with(kTest) && path.size() > kNotifiers.size() + 1 + kTest.size()) {
    return "/api/v1/notifiers/{name}/test";
  }
  return {};
}

HttpResponse AlertingPages::Handle(const RequestHead& head, const Result<std::string>& body, const Auditor::KeyUse& who) {
  const std::string_view route = RouteOf(head.path);
  const auto only = [&](std::string methods) {
    HttpResponse response = SilenceError(405, "only " + methods + " is answered here");
    response.Set("Allow", std::move(methods));
    return response;
  };
  const bool reads = !Acts(head);
  if (!reads && !MayActFor(head)) return SilenceError(415, "send it as Content-Type: application/json, and not from another site's page");
  if (!body) {
    const Code why = body.error().code;
    return SilenceError(why == Code::kResourceExhausted ? 413 : why == Code::kDeadlineExceeded ? 408 : 400, body.error().message);
  }
  if (body->size() > kMaxBody) return SilenceError(413, "the body is longer than 64 KiB");
  if (route == kSilences) {
    if (reads) return ListSilences(head.query);
    return head.method == "POST" ? SetSilence(*body, who) : only("GET, POST");
  }
  if (route == kNotifiers) return reads ? ListNotifiers() : only("GET");
  if (route == "/api/v2/silence/{id}") {
    const std::string id = head.path.substr(kSilence.size());
    if (head.method == "DELETE") return EndSilence(id, who);
    if (!reads) return only("GET, DELETE");
    const auto found = silences_.Find(id);
    return found ? Json(200, alerts::SilenceJson(*found, clock_.WallNow())) : SilenceError(found.error());
  }
  if (head.method != "POST") return only("POST");
  const std::size_t begin = kNotifiers.size() + 1;
  return TestNotifier(head.path.substr(begin, head.path.size() - begin - kTest.size()), who);
}

HttpResponse AlertingPages::ListSilences(std::string_view query) const {
  std::vector<alerts::Silence> silences = silences_.List();
  Form form;
  form.Add(query);
  for (const std::string& text : form.All("filter")) {
    const auto filter = alerts::ParseMatcher(text);
    if (!filter) return SilenceError(filter.error());
    std::erase_if(silences, [&](const alerts::Silence& silence) {
      return std::none_of(silence.matchers.begin(), silence.matchers.end(), [&](const metrics::Matcher& m) {
        return m.kind() == filter->kind() && m.name() == filter->name() && m.value() == filter->value();
      });
    });
  }
  return Json(200, alerts::SilencesJson(silences, clock_.WallNow()));
}

HttpResponse AlertingPages::SetSilence(std::string_view body, const Auditor::KeyUse& who) {
  auto silence = alerts::ParseSilenceJson(body);
  if (!silence) return SilenceError(silence.error());
  const auto id = silences_.Set(*silence);
  if (id) silence->id = *id;
  if (id || id.error().code == Code::kIo) {
    on_act_(
        {.kind = Act::Kind::kSetSilence, .silence = *silence, .outcome = id ? Result<>() : Result<>(tl::unexpected<Status>(id.error()))},
        who);
  }
  if (!id) return SilenceError(id.error());
  JsonWriter json;
  json.BeginObject().Member("silenceID", *id).EndObject();
  return Json(200, json.Take());
}

HttpResponse AlertingPages::EndSilence(const std::string& id, const Auditor::KeyUse& who) {
  const Result<> ended = silences_.Expire(id);
  const auto silence = silences_.Find(id);
  if (silence && (ended || ended.error().code == Code::kIo)) {
    on_act_({.kind = Act::Kind::kEndSilence, .silence = *silence, .outcome = ended}, who);
  }
  if (!ended) return SilenceError(ended.error());
  HttpResponse response;
  response.body = "";
  return response;
}

HttpResponse AlertingPages::ListNotifiers() const {
  JsonWriter json;
  json.BeginObject().Member("status", "success").Key("data").BeginArray();
  for (const alerts::NotifierState& state : notifiers_.States()) {
    json.BeginObject()
        .Member("name", state.name)
        .Member("channel", state.channel)
        .Member("failing", state.failing)
        .Member("error", state.error)
        .Member("waiting", state.waiting)
        .Member("ok", state.ok)
        .Member("failed", state.failed)
        .Member("dropped", state.dropped)
        .EndObject();
  }
  json.EndArray().EndObject();
  return Json(200, json.Take());
}

HttpResponse AlertingPages::TestNotifier(const std::string& name, const Auditor::KeyUse& who) {
  const Result<> outcome = notifiers_.Test(name);
  if (outcome || outcome.error().code != Code::kNotFound) {
    on_act_({.kind = Act::Kind::kTestNotifier, .notifier = name, .outcome = outcome}, who);
  }
  if (outcome) {
    JsonWriter json;
    json.BeginObject().Member("status", "success").Key("data").BeginObject();
    json.Member("notifier", name).Member("outcome", "delivered").EndObject().EndObject();
    return Json(200, json.Take());
  }
  if (outcome.error().code != Code::kNotFound) return NotifierError(502, "delivery", outcome.error().message);
  std::string known;
  for (const alerts::NotifierState& state : notifiers_.States()) known += (known.empty() ? "" : ", ") + state.name;
  return NotifierError(404, "not_found",
                       known.empty() ? "no notifier is configured (alerts.notify)" : "there is no such notifier; there are " + known);
}

}  // namespace inferd::daemon
