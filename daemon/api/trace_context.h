// Identity of a request: X-Request-Id and W3C Trace Context (https://www.w3.org/TR/trace-context/). Pure functions but for the
// random ids, which any thread may ask for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace inferd::daemon {

// Whether a caller's X-Request-Id may be taken over: [A-Za-z0-9._:-]{1,64}.
bool IsSaneRequestId(std::string_view id);
// "req-" and 24 hexadecimal digits.
std::string NewRequestId();

struct TraceContext {
  std::string trace_id;        // 32 lower-case hexadecimal digits
  std::string span_id;         // 16, ours
  std::string parent_span_id;  // 16, the caller's; empty when the trace begins here
  bool sampled = true;
};

// What a traceparent header says, with a new span id; nothing when the header breaks the specification.
std::optional<TraceContext> ParseTraceparent(std::string_view header);
TraceContext NewTrace();
// The header that a callee, or the answer, gets: the trace with our span.
std::string FormatTraceparent(const TraceContext& trace);

std::uint64_t RandomNumber();
// Whether one of all requests is in the share `ratio` (0 to 1) of them; `random` is evenly distributed.
bool Sampled(double ratio, std::uint64_t random);

}  // namespace inferd::daemon
