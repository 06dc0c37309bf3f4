#include "daemon/observability/debug_pages.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <optional>
#include <set>

#include "daemon/log.h"
#include "daemon/observability/gzip.h"
#include "daemon/version.h"
#include "logging/format.h"
#include "logging/json.h"

namespace inferd::daemon {
namespace {

// The value of `name` in a query; these values need no decoding.
std::string_view QueryValue(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') return pair.substr(name.size() + 1);
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

std::string Html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string Milliseconds(MonotonicTime from, MonotonicTime to) {
  if (from == MonotonicTime{} || to == MonotonicTime{}) return "-";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", ToSeconds(to - from) * 1e3);
  return text.data();
}

// `stage` of a request's bar, as a share of its whole time.
std::string Bar(const engine::RequestRecord& record, MonotonicTime from, MonotonicTime to, std::string_view css) {
  const double whole = ToSeconds(record.ended - record.received);
  if (from == MonotonicTime{} || whole <= 0) return {};
  if (to == MonotonicTime{}) to = record.ended;
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(), "<i class=%.*s style=\"left:%.1f%%;width:%.1f%%\"></i>", static_cast<int>(css.size()), css.data(),
                ToSeconds(from - record.received) / whole * 100, ToSeconds(to - from) / whole * 100);
  return text.data();
}

constexpr std::string_view kPageHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>inferd: requests</title><style>
body{font:14px system-ui,sans-serif;margin:1.5em;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}th,td{padding:.2em .6em;text-align:right;white-space:nowrap;border-bottom:1px solid #ddd}
th:first-child,td:first-child,.l{text-align:left}td.b{position:relative;width:30%;min-width:12em;background:#f4f4f4}
i{position:absolute;top:.25em;bottom:.25em}.q{background:#b0b0b0}.p{background:#4a7fb5}.d{background:#5aa469}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td.b{background:#242424}th,td{border-color:#333}}
</style></head><body><h1>Requests</h1>
)";

}  // namespace

std::string Tar(const std::vector<std::pair<std::string, std::string>>& files, WallTime now) {
  constexpr std::size_t kBlock = 512;
  std::string out;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  for (const auto& [name, text] : files) {
    std::array<char, kBlock> head{};
    // Fields of the ustar header: name, mode, uid, gid, size, mtime, checksum, type, magic.
    std::snprintf(head.data(), 100, "%s", name.c_str());
    std::snprintf(head.data() + 100, 8, "%07o", 0640U);
    std::snprintf(head.data() + 108, 8, "%07o", 0U);
    std::snprintf(head.data() + 116, 8, "%07o", 0U);
    std::snprintf(head.data() + 124, 12, "%011llo", static_cast<unsigned long long>(text.size()));
    std::snprintf(head.data() + 136, 12, "%011llo", static_cast<unsigned long long>(seconds));
    std::fill_n(head.data() + 148, 8, ' ');
    head[156] = '0';
    std::snprintf(head.data() + 257, 6, "ustar");
    head[263] = head[264] = '0';
    unsigned sum = 0;
    for (const char c : head) sum += static_cast<unsigned char>(c);
    std::snprintf(head.data() + 148, 8, "%06o", sum);
    out.append(head.data(), head.size());
    out += text;
    out.append((kBlock - text.size() % kBlock) % kBlock, '\0');
  }
  out.append(2 * kBlock, '\0');
  return out;
}

std::string_view DebugPages::ModelOf(const engine::RequestRecord& record) const { return views_.ledger.models()[record.model]; }

HttpResponse DebugPages::Handle(const RequestHead& head) const {
  if (head.path == "/debug/requests") return Requests(head.query);
  if (head.path == "/debug/trace") return Trace(head.query);
  return Bundle();
}

std::string DebugPages::RequestsJson() const {
  const auto records = recorder_.Requests();
  std::string body = "{\"in_flight\":[";
  const std::vector<engine::RequestRecord> running = Running();
  const MonotonicTime now = views_.clock.Now();
  for (const engine::RequestRecord& record : running) {
    body += &record == running.data() ? "\n" : ",\n";
    logging::AppendRequestJson(record, ModelOf(record), now, body);
  }
  body += "\n],\"requests\":[";
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    body += record == records.rbegin() ? "\n" : ",\n";
    logging::AppendRequestJson(*record, ModelOf(*record), now, body);
  }
  return body + "\n]}\n";
}

std::string DebugPages::AsComments() const {
  std::string text;
  const MonotonicTime now = views_.clock.Now();
  const auto add = [&](const engine::RequestRecord& record) {
    text += "# request ";
    logging::AppendRequestJson(record, ModelOf(record), now, text);
    text += '\n';
  };
  for (const engine::RequestRecord& record : recorder_.Requests()) add(record);
  for (const engine::RequestRecord& record : Running()) add(record);
  for (const engine::StepRecord& step : recorder_.Steps()) {
    std::array<char, 256> line{};
    std::snprintf(line.data(), line.size(),
                  "# step %u.%llu %s %.3f ms, %u prefill tokens, %u generated, %u running, %u queued, %u KV blocks\n",
                  static_cast<unsigned>(step.model), static_cast<unsigned long long>(step.number),
                  std::string(engine::StepPhaseName(step.phase)).c_str(), ToSeconds(step.total()) * 1e3, step.prefill_tokens,
                  step.generated_tokens, step.running, step.queue_depth, step.kv_blocks_used);
    text += line.data();
  }
  return text;
}

HttpResponse DebugPages::OneRequest(std::string_view id) const {
  // First those that are inside: who ends meanwhile is found in its record.
  const std::vector<engine::RequestRecord> running = Running();
  const MonotonicTime now = views_.clock.Now();
  HttpResponse response;
  const auto answer = [&](const engine::RequestRecord& record) {
    logging::AppendRequestJson(record, ModelOf(record), now, response.body);
    response.body += "\n";
    return response;
  };
  if (const auto ended = recorder_.Find(id)) return answer(*ended);
  const auto open = std::ranges::find(running, id, [](const engine::RequestRecord& record) { return record.id.view(); });
  if (open != running.end()) return answer(*open);
  return HttpResponse::Plain(404, "no request with this id in flight or among the last ones that have ended");
}

HttpResponse DebugPages::Requests(std::string_view query) const {
  HttpResponse response;
  if (const std::string_view id = QueryValue(query, "id"); !id.empty()) return OneRequest(id);
  if (QueryValue(query, "format") == "json") {
    response.body = RequestsJson();
    return response;
  }
  response.content_type = "text/html; charset=utf-8";
  std::string& page = response.body = kPageHead;
  const std::vector<engine::RequestRecord> running = Running();
  const MonotonicTime now = views_.clock.Now();
  page += "<p>In flight now: " + std::to_string(running.size()) + ", oldest first; times in milliseconds.</p>\n";
  if (!running.empty()) {
    page +=
        "<table><tr><th>request<th class=l>model<th class=l>endpoint<th class=l>client<th class=l>stage<th>for<th>prompt<th>generated"
        "<th>since the last token\n";
  }
  for (const engine::RequestRecord& r : running) {
    page += "<tr><td>" + Html(r.id.view()) + "<td class=l>" + Html(ModelOf(r)) + "<td class=l>" +
            std::string(engine::EndpointName(r.endpoint)) + "<td class=l>" + Html(r.client.view()) + "<td class=l>" +
            std::string(engine::StageName(r.stage())) + "<td>" + Milliseconds(r.received, now) + "<td>" + std::to_string(r.prompt_tokens) +
            "<td>" + std::to_string(r.generated_tokens) + "<td>" + Milliseconds(r.last_token, now) + "\n";
  }
  if (!running.empty()) page += "</table>\n";
  const auto records = recorder_.Requests();
  page += "<p>The last " + std::to_string(records.size()) +
          " that have ended, newest first; times in milliseconds. <a href=\"?format=json\">JSON</a>, <a "
          "href=\"/debug/trace?seconds=60\">trace of "
          "the last minute</a> for Perfetto.</p>\n<table><tr><th>request<th class=l>model<th class=l>outcome<th>status<th>total<th>queue"
          "<th>first token<th>prompt<th>generated<th class=l>queue, prefill, decode\n";
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    const engine::RequestRecord& r = *record;
    const std::string id = Html(r.id.view());
    page += "<tr><td><a href=\"?id=" + id + "\">" + id + "</a><td class=l>" + Html(ModelOf(r)) + "<td class=l>" +
            std::string(engine::OutcomeName(r.outcome)) + "<td>" + std::to_string(r.http_status) + "<td>" +
            Milliseconds(r.received, r.ended) + "<td>" + Milliseconds(r.admitted, r.scheduled) + "<td>" +
            Milliseconds(r.received, r.first_token) + "<td>" + std::to_string(r.prompt_tokens) + "<td>" +
            std::to_string(r.generated_tokens) + "<td class=b>" + Bar(r, r.admitted, r.scheduled, "q") +
            Bar(r, r.scheduled, r.first_token, "p") + Bar(r, r.first_token, r.last_token, "d") + "\n";
  }
  page += "</table></body></html>\n";
  return response;
}

std::vector<engine::RequestRecord> DebugPages::Running() const {
  std::vector<engine::RequestRecord> running;
  for (const OpenCalls::Facts& call : views_.open_calls.List()) {
    engine::RequestRecord& record = running.emplace_back();
    record.id = std::string_view(call.request_id);
    record.trace_id = std::string_view(call.trace_id);
    record.span_id = std::string_view(call.span_id);
    record.client = std::string_view(call.client);
    record.endpoint = call.endpoint;
    record.received = call.received;
    record.received_wall = call.received_wall;
    record.model = views_.ledger.other_model();
    if (call.request == nullptr) continue;
    const engine::RequestRecord& known = call.request->record;
    record.model = known.model;
    record.admitted = known.admitted;
    record.prompt_tokens = known.prompt_tokens;
    record.priority = known.priority;
    record.stream = known.stream;
    record.tenant = known.tenant;
    record.user_agent = known.user_agent;
    const engine::Request::Progress& progress = call.request->progress;
    record.scheduled = progress.scheduled;
    record.first_token = progress.first_token;
    record.last_token = progress.last_token;
    record.generated_tokens = progress.generated_tokens;
  }
  return running;
}

std::string DebugPages::TraceJson(Duration last) const {
  // First those that are inside: who ends meanwhile is seen in its record as well, and only that counts.
  const std::vector<engine::RequestRecord> running = Running();
  const MonotonicTime now = views_.clock.Now();
  const logging::TraceWindow window{.begin = now - last, .end = now, .wall_begin = views_.clock.WallNow() - last};
  std::vector<engine::RequestRecord> requests = recorder_.Requests(window.begin);
  std::set<std::string_view> ended;
  for (const engine::RequestRecord& record : requests) ended.insert(record.span_id.view());
  std::vector<engine::RequestRecord> open;
  std::copy_if(running.begin(), running.end(), std::back_inserter(open),
               [&ended](const engine::RequestRecord& record) { return !ended.contains(record.span_id.view()); });
  requests.insert(requests.end(), open.begin(), open.end());
  return logging::ChromeTrace(recorder_.Steps(window.begin), requests, views_.ledger.models(), window);
}

HttpResponse DebugPages::Trace(std::string_view query) const {
  double seconds = 5;
  if (const std::string_view text = QueryValue(query, "seconds"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size() || !(seconds > 0) || seconds > 86'400) {
      return HttpResponse::Plain(400, "seconds must be a number above 0 and at most 86400");
    }
  }
  HttpResponse response;
  response.body = TraceJson(FromSeconds(seconds));
  response.Set("Content-Disposition", "attachment; filename=\"inferd-trace.json\"");
  return response;
}

HttpResponse DebugPages::Bundle() const {
  std::vector<std::pair<std::string, std::string>> files;
  const auto add = [&files](const std::string& name, std::string text) { files.emplace_back("inferd-bundle/" + name, std::move(text)); };
  add("version.txt", "inferd " + std::string(Version()) + " (" + std::string(Revision()) + ", " + std::string(Compiler()) + ")\n");
  add("config.yaml", config::ToYaml(views_.running_config(), config::Secrets::kHidden));
  add("requests.json", RequestsJson());
  add("trace.json", TraceJson(std::chrono::hours(1)));
  std::string log;
  for (const std::string& line : LastLogLines()) log += line + "\n";
  add("log.jsonl", std::move(log));
  for (const auto& [name, make] : extras_) {
    if (auto text = make()) add(name, std::move(*text));
  }

  auto packed = Gzip(Tar(files, views_.clock.WallNow()));
  if (!packed) return HttpResponse::Plain(503, "no memory for the bundle");
  HttpResponse response;
  response.content_type = "application/gzip";
  response.body = std::move(*packed);
  response.Set("Content-Disposition", "attachment; filename=\"inferd-bundle.tar.gz\"");
  return response;
}

}  // namespace inferd::daemon
