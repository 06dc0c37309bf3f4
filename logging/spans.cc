#include "logging/spans.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "logging/json.h"

namespace inferd::logging {
namespace {

using engine::Outcome;
using engine::RequestRecord;

// Ids of children follow from their parent's, so that the same record always gives the same spans. (splitmix64's finalizer.)
std::string ChildId(std::string_view parent, std::uint64_t n) {
  std::uint64_t x = 0;
  std::from_chars(parent.data(), parent.data() + parent.size(), x, 16);
  x += n * 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  x ^= x >> 31U;
  if (x == 0) x = 1;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string id(16, '0');
  for (auto digit = id.rbegin(); digit != id.rend(); ++digit, x >>= 4U) *digit = kHex[x & 15U];
  return id;
}

// gen_ai.response.finish_reasons; empty for a request that has no answer.
std::string_view FinishReason(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
    case Outcome::kStop: return "stop";
    case Outcome::kLength: return "length";
    default: return {};
  }
}

template <typename Items, typename Append>
void AppendList(const Items& items, std::string& out, const Append& append) {
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ',';
    first = false;
    append(item);
  }
  out += ']';
}

void AppendAttribute(const Attribute& attribute, std::string& out) {
  out += R"({"key":)";
  AppendJsonString(attribute.key, out);
  out += R"(,"value":{)";
  if (const auto* text = std::get_if<std::string>(&attribute.value)) {
    out += R"("stringValue":)";
    AppendJsonString(*text, out);
  } else if (const auto* integer = std::get_if<std::int64_t>(&attribute.value)) {
    out += R"("intValue":")" + std::to_string(*integer) + '"';
  } else if (const auto* number = std::get_if<double>(&attribute.value)) {
    out += R"("doubleValue":)";
    AppendJsonNumber(*number, out);
  } else if (const auto* texts = std::get_if<std::vector<std::string>>(&attribute.value)) {
    out += R"("arrayValue":{"values":)";
    AppendList(*texts, out, [&out](const std::string& item) {
      out += R"({"stringValue":)";
      AppendJsonString(item, out);
      out += '}';
    });
    out += '}';
  } else {
    out += R"("boolValue":)";
    out += std::get<bool>(attribute.value) ? "true" : "false";
  }
  out += "}}";
}

void AppendNanoseconds(std::string_view key, WallTime time, std::string& out) {
  out += '"';
  out += key;
  out += R"(":")" + std::to_string(time.time_since_epoch().count()) + '"';
}

void AppendSpan(const Span& span, std::string& out) {
  out += R"({"traceId":)";
  AppendJsonString(span.trace_id, out);
  out += R"(,"spanId":)";
  AppendJsonString(span.span_id, out);
  if (!span.parent_span_id.empty()) {
    out += R"(,"parentSpanId":)";
    AppendJsonString(span.parent_span_id, out);
  }
  out += R"(,"name":)";
  AppendJsonString(span.name, out);
  out += R"(,"kind":)" + std::to_string(static_cast<int>(span.kind)) + ',';
  AppendNanoseconds("startTimeUnixNano", span.start, out);
  out += ',';
  AppendNanoseconds("endTimeUnixNano", span.end, out);
  out += R"(,"attributes":)";
  AppendList(span.attributes, out, [&out](const Attribute& attribute) { AppendAttribute(attribute, out); });
  if (!span.events.empty()) {
    out += R"(,"events":)";
    AppendList(span.events, out, [&out](const auto& event) {
      out += '{';
      AppendNanoseconds("timeUnixNano", event.second, out);
      out += R"(,"name":)";
      AppendJsonString(event.first, out);
      out += '}';
    });
  }
  out += span.failed ? R"(,"status":{"code":2}})" : R"(,"status":{}})";
}

}  // namespace

std::vector<Span> SpansOf(const RequestRecord& record, std::string_view model) {
  const auto wall = [&record](MonotonicTime time) { return record.received_wall + (time - record.received); };
  const bool chat = record.endpoint == engine::Endpoint::kChatCompletions;
  const std::string operation = chat ? "chat" : "text_completion";

  Span request;
  request.trace_id = record.trace_id.view();
  request.span_id = record.span_id.view();
  request.parent_span_id = record.parent_span_id.view();
  request.name = operation + " " + std::string(model);
  request.kind = SpanKind::kServer;
  request.start = record.received_wall;
  request.end = wall(record.ended);
  auto& attributes = request.attributes;
  const auto text = [&attributes](std::string_view key, std::string_view value) {
    if (!value.empty()) attributes.push_back({key, std::string(value)});
  };
  const auto number = [&attributes](std::string_view key, std::int64_t value) { attributes.push_back({key, value}); };
  text("gen_ai.operation.name", operation);
  text("gen_ai.provider.name", "inferd");
  text("gen_ai.request.model", model);
  text("gen_ai.response.model", model);
  text("gen_ai.response.id", record.id.view());
  if (const std::string_view reason = FinishReason(record.outcome); !reason.empty())
    attributes.push_back({"gen_ai.response.finish_reasons", std::vector{std::string(reason)}});
  if (Reached(record.admitted)) {
    number("gen_ai.usage.input_tokens", record.prompt_tokens);
    number("gen_ai.usage.output_tokens", record.generated_tokens);
    number("gen_ai.usage.cache_read.input_tokens", record.cached_prompt_tokens);
    number("gen_ai.request.choice.count", record.choices);
    text("inferd.priority", engine::PriorityName(record.priority));
  }
  text("http.request.method", "POST");
  text("url.path", chat ? "/v1/chat/completions" : "/v1/completions");
  number("http.response.status_code", record.http_status);
  text("client.address", record.client.view());
  text("user_agent.original", record.user_agent.view());
  text("inferd.request_id", record.id.view());
  text("inferd.tenant", record.tenant.view());
  text("inferd.outcome", engine::OutcomeName(record.outcome));
  attributes.push_back({"inferd.stream", record.stream});
  if (record.outcome == Outcome::kRejected) text("inferd.refusal", engine::RefusalReasonName(record.refusal));
  if (record.preemptions > 0) number("inferd.preemptions", record.preemptions);
  if (record.energy_joules > 0) attributes.push_back({"inferd.energy_joules", record.energy_joules});
  request.failed = record.outcome == Outcome::kFailed || record.outcome == Outcome::kExpired || record.http_status >= 500;
  if (request.failed) text("error.type", record.outcome == Outcome::kExpired ? "deadline_exceeded" : std::to_string(record.http_status));
  if (Reached(record.first_token)) request.events.emplace_back("first_token", wall(record.first_token));
  for (const MonotonicTime preempted : record.preempted) {
    if (Reached(preempted)) request.events.emplace_back("preempted", wall(preempted));
  }
  if (record.outcome == Outcome::kCancelled) request.events.emplace_back("cancelled", wall(record.ended));

  std::vector<Span> spans;
  spans.push_back(std::move(request));
  const auto stage = [&](std::string_view name, MonotonicTime from, MonotonicTime to, std::uint64_t n) {
    if (!Reached(from)) return;
    Span span;
    span.trace_id = record.trace_id.view();
    span.span_id = ChildId(record.span_id.view(), n);
    span.parent_span_id = record.span_id.view();
    span.name = name;
    span.start = wall(from);
    // A stage that was not left ended with the request.
    span.end = wall(Reached(to) ? to : record.ended);
    spans.push_back(std::move(span));
  };
  stage("queue", record.admitted, record.scheduled, 1);
  stage("prefill", record.scheduled, record.first_token, 2);
  stage("decode", record.first_token, record.last_token, 3);
  return spans;
}

std::pair<std::string, std::size_t> OtlpBody(std::span<const RequestRecord> records, std::span<const std::string> models,
                                             const Resource& resource) {
  const std::array<Attribute, 3> who{Attribute{"service.name", resource.service}, Attribute{"service.version", resource.version},
                                     Attribute{"service.instance.id", resource.instance}};
  std::string body = R"({"resourceSpans":[{"resource":{"attributes":)";
  AppendList(who, body, [&body](const Attribute& attribute) { AppendAttribute(attribute, body); });
  body += R"(},"scopeSpans":[{"scope":{"name":"inferd"},"spans":[)";
  std::size_t n = 0;
  for (const RequestRecord& record : records) {
    const std::string_view model = record.model < models.size() ? std::string_view(models[record.model]) : std::string_view("other");
    for (const Span& span : SpansOf(record, model)) {
      if (n > 0) body += ',';
      AppendSpan(span, body);
      ++n;
    }
  }
  body += "]}]}]}";
  return {std::move(body), n};
}

}  // namespace inferd::logging
