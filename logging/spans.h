// Spans of a request, made from its record: one for the request and children for the time in the queue, in prefill and in decode; written
// as OTLP/HTTP JSON (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding") with the attributes of the GenAI semantic conventions
// (open-telemetry/semantic-conventions, gen-ai-spans). Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/engine/records.h"

namespace inferd::logging {

enum class SpanKind : std::uint8_t { kInternal = 1, kServer = 2 };  // OTLP's numbers

struct Attribute {
  std::string_view key;
  std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>> value;
};

struct Span {
  std::string_view trace_id;  // of the record
  std::string span_id;
  std::string parent_span_id;  // empty: none
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  WallTime start{};
  WallTime end{};
  std::vector<Attribute> attributes;
  std::vector<std::pair<std::string_view, WallTime>> events;
  bool failed = false;
};

// The request's own span first. Stages that it did not reach have none. Points into `record`.
std::vector<Span> SpansOf(const engine::RequestRecord& record, std::string_view model);

// What says who made the spans.
struct Resource {
  std::string service = "inferd";
  std::string version;
  std::string instance;  // host and process
};

// The body of one export request; also the number of spans in it.
std::pair<std::string, std::size_t> OtlpBody(std::span<const engine::RequestRecord> records, std::span<const std::string> models,
                                             const Resource& resource);

}  // namespace inferd::logging
