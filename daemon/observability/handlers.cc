#include "daemon/observability/handlers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "daemon/observability/form.h"
#include "daemon/observability/json_writer.h"
#include "daemon/observability/query_api.h"
#include "metrics/negotiation.h"

namespace inferd::daemon {
namespace {

using metrics::Health;
using metrics::ModelNow;
using metrics::Verdict;

constexpr std::array<std::string_view, 9> kPaths{"/metrics", "/livez",          "/readyz",      "/healthz",     "/load",
                                                 "/status",  "/debug/requests", "/debug/trace", "/debug/bundle"};

double Age(MonotonicTime since, MonotonicTime now) { return since == MonotonicTime{} || since > now ? 0 : ToSeconds(now - since); }

}  // namespace

std::string_view ObservabilityHandlers::RouteOf(std::string_view path) {
  if (const std::string_view query = QueryApi::RouteOf(path); !query.empty()) return query;
  const auto known = std::find(kPaths.begin(), kPaths.end(), path);
  return known == kPaths.end() ? "other" : *known;
}

HttpResponse ObservabilityHandlers::Handle(const RequestHead& head, const BodyReader& body) {
  if (RouteOf(head.path) == "other") {
    std::string list;
    for (const std::string_view path : kPaths) list += fmt::format("{}, ", path);
    return HttpResponse::Plain(
        404, "no such path here; there are " + list + "/api/v1/notifiers, /api/v2/silences, and Prometheus's API under /api/v1");
  }
  const bool query = !QueryApi::RouteOf(head.path).empty();
  if (head.method != "GET" && head.method != "HEAD" && !(query && head.method == "POST")) {
    const std::string_view allowed = query ? "GET, HEAD, POST" : "GET, HEAD";
    HttpResponse response = HttpResponse::Plain(405, fmt::format("only {} are answered here", allowed));
    response.Set("Allow", std::string(allowed));
    return response;
  }
  if (query) return query_(head, body);
  if (head.path == "/metrics") return Metrics(head);
  if (head.path == "/livez") return Livez();
  if (head.path == "/readyz") return Readyz();
  if (head.path == "/healthz") return Healthz();
  if (head.path == "/status") return StatusOf();
  if (head.path.starts_with("/debug/")) return debug_(head);
  return Load();
}

HttpResponse ObservabilityHandlers::Metrics(const RequestHead& head) {
  const metrics::Format format = metrics::ChooseFormat(head.Find("accept"));
  Form form;
  form.Add(head.query);
  HttpResponse response;
  response.content_type = metrics::ContentType(format);
  response.body = scraper_.Scrape(format, form.All("name[]"));
  return response;
}

HttpResponse ObservabilityHandlers::Livez() const { return HttpResponse::Plain(200, "ok"); }

HttpResponse ObservabilityHandlers::Readyz() const {
  const Lifecycle::Snapshot now = lifecycle_.snapshot();
  const Health health = Judge();
  if (now.state != State::kReady)
    return HttpResponse::Plain(503, fmt::format("{}: {}", StateName(now.state), fmt::join(health.reasons, "; ")));
  if (health.verdict == Verdict::kStalled) return HttpResponse::Plain(503, fmt::format("stalled: {}", fmt::join(health.reasons, "; ")));
  return HttpResponse::Plain(200, "ok");
}

Health ObservabilityHandlers::Judge() const {
  const Lifecycle::Snapshot life = lifecycle_.snapshot();
  Health worst{Verdict::kOk, {}};
  if (life.state > State::kReady) worst = {Verdict::kDraining, {life.reason}};
  for (std::uint16_t m = 0; m < models_; ++m) {
    std::optional<ModelNow> look = look_(m);
    if (!look) continue;
    // Among engines the verdicts rise from ok to stalled.
    worst.verdict = std::max(worst.verdict, look->health.verdict);
    // Of engines that are busy with the rest a drain says nothing; one that stands still will not get to its end.
    const bool drains = life.state > State::kReady;
    if (drains && look->health.verdict != Verdict::kStalled) continue;
    for (const std::string& reason : look->health.reasons) worst.reasons.push_back(drains ? "stalled: " + reason : reason);
  }
  if (life.state < State::kReady) return {Verdict::kLoading, {life.reason}};
  return worst;
}

HttpResponse ObservabilityHandlers::Healthz() const {
  const Health health = Judge();
  HttpResponse response;
  response.status = IsHealthy(health.verdict) ? 200 : 503;
  JsonWriter json;
  json.BeginObject().Member("status", VerdictName(health.verdict)).Key("reasons").BeginArray();
  for (const std::string& reason : health.reasons) json.Value(reason);
  json.EndArray().EndObject();
  response.body = json.Take() + "\n";
  return response;
}

HttpResponse ObservabilityHandlers::StatusOf() const {
  HttpResponse response;
  response.body = status_(Judge());
  return response;
}

HttpResponse ObservabilityHandlers::Load() const {
  const MonotonicTime now = clock_.Now();
  std::uint64_t queued = 0, running = 0, blocks = 0, used = 0;
  double oldest = 0, age = 0;
  for (std::uint16_t m = 0; m < models_; ++m) {
    const std::optional<ModelNow> look = look_(m);
    if (!look) continue;
    const engine::EngineStatus& status = look->status;
    const auto waiting = std::accumulate(status.queued.begin(), status.queued.end(), std::uint64_t{0});
    queued += waiting;
    running += status.running;
    blocks += status.kv_blocks;
    used += status.kv_blocks_used;
    oldest = std::max(oldest, Age(status.oldest_queued, now));
    // The engine publishes with every step: while it has work, its last sign of life is how fresh these numbers are; without any
    // they are exact.
    if (status.running + waiting > 0) age = std::max(age, Age(status.last_progress, now));
  }
  HttpResponse response;
  response.body = fmt::format(
      "{{\"ready\": {}, \"queued\": {}, \"running\": {}, \"kv_usage\": {:.4f}, \"oldest_queued_seconds\": {:.3f}, \"age_seconds\": "
      "{:.3f}}}\n",
      lifecycle_.ready(), queued, running, blocks == 0 ? 0.0 : static_cast<double>(used) / static_cast<double>(blocks), oldest, age);
  return response;
}

}  // namespace inferd::daemon
