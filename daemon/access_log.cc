#include "daemon/access_log.h"

#include <array>
#include <charconv>

namespace inferd::daemon {
namespace {

std::string Milliseconds(Duration duration) {
  std::array<char, 32> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), ToSeconds(duration) * 1e3, std::chars_format::fixed, 1);
  return std::string(buffer.data(), error == std::errc() ? end : buffer.data()) + "ms";
}

// A value that a client chose: short, and in quotes if it holds anything that would look like another field.
std::string Value(std::string_view text) {
  std::string value(text.substr(0, 200));
  if (!value.empty() && value.find_first_of(" =\"") == std::string::npos) return value;
  for (char& c : value) {
    if (c == '"') c = '\'';
  }
  return '"' + value + '"';
}

}  // namespace

std::string AccessLine(const CallEnd& end, const engine::Ledger& ledger) {
  std::string line = "request " + std::string(end.request_id) + " " + std::string(end.method.substr(0, 20)) + " " + Value(end.path) + " " +
                     std::to_string(end.status);
  const auto field = [&line](std::string_view name, std::string_view value) { line += " " + std::string(name) + "=" + std::string(value); };
  if (end.record != nullptr) {
    const engine::RequestRecord& record = *end.record;
    field("outcome", engine::OutcomeName(record.outcome));
    if (record.outcome == engine::Outcome::kRejected) field("reason", engine::RefusalReasonName(record.refusal));
    field("model", ledger.models()[record.model]);
    if (!record.tenant.empty()) field("tenant", record.tenant.view());
    if (!end.user.empty()) field("user", Value(end.user));
    if (record.admitted != MonotonicTime{}) {
      field("priority", engine::PriorityName(record.priority));
      field("prompt", std::to_string(record.prompt_tokens));
      field("cached", std::to_string(record.cached_prompt_tokens));
      field("generated", std::to_string(record.generated_tokens));
    }
    if (record.scheduled != MonotonicTime{}) field("queue", Milliseconds(record.scheduled - record.received));
    if (record.first_token != MonotonicTime{}) field("ttft", Milliseconds(record.first_token - record.received));
  }
  field("total", Milliseconds(end.duration));
  field("client", end.peer);
  if (!end.shed_point.empty()) field("point", end.shed_point);
  if (!end.message.empty()) field("message", Value(end.message));
  return line;
}

}  // namespace inferd::daemon
