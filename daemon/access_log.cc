#include "daemon/access_log.h"

#include <optional>

namespace inferd::daemon {
namespace {

std::optional<std::string_view> UnlessEmpty(std::string_view text) { return text.empty() ? std::nullopt : std::optional(text); }

// Nothing when either was not reached.
std::optional<Duration> Between(MonotonicTime from, MonotonicTime to) {
  return from == MonotonicTime{} || to == MonotonicTime{} ? std::nullopt : std::optional<Duration>(to - from);
}

}  // namespace

logging::About AboutCall(const CallEnd& end, const engine::Ledger& ledger) {
  return {.request_id = end.request_id,
          .trace_id = end.trace_id,
          .model = end.record != nullptr ? std::string_view(ledger.models()[end.record->model]) : std::string_view()};
}

logging::RequestEnded AccessEvent(const CallEnd& end) {
  logging::RequestEnded event;
  event.method = end.method.substr(0, 20);
  event.path = end.path.substr(0, 200);
  event.status = end.status;
  event.point = UnlessEmpty(end.shed_point);
  event.why = UnlessEmpty(end.message);
  event.total = end.duration;
  event.user = UnlessEmpty(end.user.substr(0, 200));
  event.client = end.peer;
  event.user_agent = UnlessEmpty(end.user_agent.substr(0, 200));
  event.bytes_in = end.bytes_in;
  event.bytes_out = end.bytes_out;
  event.prompt = UnlessEmpty(end.prompt);
  event.answer = UnlessEmpty(end.answer);
  if (end.record == nullptr) return event;
  const engine::RequestRecord& record = *end.record;
  event.outcome = engine::OutcomeName(record.outcome);
  if (record.outcome == engine::Outcome::kRejected) event.reason = engine::RefusalReasonName(record.refusal);
  event.queue = Between(record.admitted, record.scheduled);
  event.first_token = Between(record.received, record.first_token);
  event.prefill = Between(record.scheduled, record.first_token);
  event.decode = Between(record.first_token, record.last_token);
  event.stream = record.stream;
  event.tenant = UnlessEmpty(record.tenant.view());
  event.span_id = UnlessEmpty(record.span_id.view());
  if (record.admitted != MonotonicTime{}) {
    event.priority = engine::PriorityName(record.priority);
    event.prompt_tokens = record.prompt_tokens;
    event.cached_prompt_tokens = record.cached_prompt_tokens;
    event.generated_tokens = record.generated_tokens;
  }
  return event;
}

}  // namespace inferd::daemon
