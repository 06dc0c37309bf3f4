// Every event that the daemon logs. To add one: a struct here and its name in AllEvents at the end; docs/LOGS.md, formats and checks follow
// (build/dev/logging/logs_doc > docs/LOGS.md). Texts are views: an event is written before what it shows goes away.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "logging/event.h"

namespace inferd::logging {

// What has no event of its own yet.
struct Note {
  std::string_view text = {};
  static constexpr EventType kType{.name = "note",
                                   .level = Level::kInfo,
                                   .message = "{text}",
                                   .help = "Something worth a line that has no event of its own. Its level says how much it matters."};
  static constexpr auto Fields() { return std::tuple{Field{"text", &Note::text, "What happened."}}; }
};

struct CollectorNote {
  std::string_view text = {};
  static constexpr EventType kType{
      .name = "collector_note",
      .level = Level::kInfo,
      .component = Component::kMetrics,
      .message = "{text}",
      .help =
          "What a collector found out about its source, once: what is missing, lost or not given. At level warn "
          "when something that was there has gone."};
  static constexpr auto Fields() { return std::tuple{Field{"text", &CollectorNote::text, "What it found out."}}; }
};

struct DaemonStarted {
  std::string_view version = {};
  std::string_view revision = {};
  std::int64_t pid = 0;
  static constexpr EventType kType{.name = "daemon_started",
                                   .level = Level::kInfo,
                                   .message = "inferd {version} ({revision})",
                                   .help = "The daemon has started. The first line of its life.",
                                   .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e01"};
  static constexpr auto Fields() {
    return std::tuple{Field{"version", &DaemonStarted::version, "Version of inferd."},
                      Field{"revision", &DaemonStarted::revision, "Revision of its source."},
                      Field{"pid", &DaemonStarted::pid, "Process id."}};
  }
};

struct StateChanged {
  std::string_view state = {};
  std::optional<std::string_view> reason = {};
  static constexpr EventType kType{.name = "state_changed",
                                   .level = Level::kInfo,
                                   .message = "{state}: {reason}",
                                   .help = "The daemon has moved on in its life: loading, warming, ready, draining, stopped.",
                                   .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e02"};
  static constexpr auto Fields() {
    return std::tuple{Field{"state", &StateChanged::state, "The state that begins."},
                      Field{"reason", &StateChanged::reason, "Why, or what is done in it."}};
  }
};

struct ModelLoaded {
  std::string_view architecture = {};
  std::string_view quantization = {};
  std::uint64_t parameters = 0;
  std::int64_t context = 0;
  std::uint64_t kv_cache_bytes = 0;
  std::int64_t threads = 0;
  std::string_view kernels = {};
  std::optional<std::string_view> cpus = {};
  std::optional<std::uint64_t> locked_bytes = {};
  std::optional<std::string_view> no_chat = {};
  static constexpr EventType kType{
      .name = "model_loaded",
      .level = Level::kInfo,
      .component = Component::kModel,
      .message =
          "model {model}: {architecture} {quantization}, {parameters} parameters, context {context}, "
          "{threads} threads, kernels {kernels}, on CPUs {cpus}, locked bytes: {locked_bytes}, no chat: {no_chat}",
      .help = "A model is in memory and its engine runs.",
      .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e03"};
  static constexpr auto Fields() {
    return std::tuple{Field{"architecture", &ModelLoaded::architecture, "Family of the model: llama, qwen2, qwen3."},
                      Field{"quantization", &ModelLoaded::quantization, "Number format of most of its weights."},
                      Field{"parameters", &ModelLoaded::parameters, "Number of its parameters."},
                      Field{"context", &ModelLoaded::context, "Most tokens of one request."},
                      Field{"kv_cache_bytes", &ModelLoaded::kv_cache_bytes, "Memory for attention keys and values."},
                      Field{"threads", &ModelLoaded::threads, "Compute threads."},
                      Field{"kernels", &ModelLoaded::kernels, "Instruction set of its arithmetic."},
                      Field{"cpus", &ModelLoaded::cpus, "The CPU of each compute thread, if they are bound (models[].pin_threads)."},
                      Field{"locked_bytes", &ModelLoaded::locked_bytes,
                            "Weights and KV cache that are not paged out, if they are locked (models[].lock_memory)."},
                      Field{"no_chat", &ModelLoaded::no_chat, "Why the model cannot chat, if it cannot."}};
  }
};

struct ReloadRefused {
  std::string_view fault = {};
  static constexpr EventType kType{.name = "reload_refused",
                                   .level = Level::kError,
                                   .component = Component::kConfig,
                                   .message = "reload refused, the running configuration stays: {fault}",
                                   .help = "A reload found a fault and changed nothing. One line for each fault.",
                                   .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e04"};
  static constexpr auto Fields() { return std::tuple{Field{"fault", &ReloadRefused::fault, "file:line:column: message."}}; }
};

struct SettingChanged {
  std::string_view key = {};
  std::string_view to = {};
  std::string_view from = {};
  static constexpr EventType kType{.name = "setting_changed",
                                   .level = Level::kInfo,
                                   .component = Component::kConfig,
                                   .message = "reload: {key} is now {to}, was {from}",
                                   .help = "A reload has applied a change."};
  static constexpr auto Fields() {
    return std::tuple{Field{"key", &SettingChanged::key, "Full name of the configuration key."},
                      Field{"to", &SettingChanged::to, "Its value now."}, Field{"from", &SettingChanged::from, "Its value before."}};
  }
};

struct SettingWaits {
  std::string_view key = {};
  std::string_view running = {};
  std::string_view file = {};
  static constexpr EventType kType{.name = "setting_waits",
                                   .level = Level::kWarn,
                                   .component = Component::kConfig,
                                   .message = "reload: {key} stays {running} until a restart; the file says {file}",
                                   .help = "A reload found a change that only a restart can apply."};
  static constexpr auto Fields() {
    return std::tuple{Field{"key", &SettingWaits::key, "Full name of the configuration key."},
                      Field{"running", &SettingWaits::running, "Its value now."},
                      Field{"file", &SettingWaits::file, "The value that waits."}};
  }
};

// The access line. Times that were not reached are left out.
struct RequestEnded {
  std::string_view method = {};
  std::string_view path = {};
  std::int64_t status = 0;
  std::optional<std::string_view> outcome = {};
  std::optional<std::string_view> reason = {};
  std::optional<std::string_view> point = {};
  std::optional<std::string_view> why = {};
  Duration total{};
  std::optional<Duration> queue = {};
  std::optional<Duration> first_token = {};
  std::optional<Duration> prefill = {};
  std::optional<Duration> decode = {};
  std::optional<std::uint64_t> prompt_tokens = {};
  std::optional<std::uint64_t> cached_prompt_tokens = {};
  std::optional<std::uint64_t> generated_tokens = {};
  std::optional<bool> stream = {};
  std::optional<std::string_view> priority = {};
  std::optional<std::string_view> tenant = {};
  std::optional<std::string_view> user = {};
  std::string_view client = {};
  std::optional<std::string_view> user_agent = {};
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::optional<std::string_view> span_id = {};
  std::optional<std::string_view> prompt = {};
  std::optional<std::string_view> answer = {};
  static constexpr EventType kType{.name = "request_ended",
                                   .level = Level::kInfo,
                                   .component = Component::kAccess,
                                   .message =
                                       "{method} {path} {status} {outcome} {reason}, prompt {prompt_tokens}, generated {generated_tokens}, "
                                       "first token {first_token_seconds}, total {total_seconds} s",
                                   .help =
                                       "A request has ended, however it did: the access line. Requests to other endpoints than the "
                                       "generating ones are at level debug, failures of the server at level error."};
  static constexpr auto Fields() {
    using R = RequestEnded;
    return std::tuple{Field{"method", &R::method, "HTTP method."},
                      Field{"path", &R::path, "Path, without the query."},
                      Field{"status", &R::status, "HTTP status; 499 when the client went away."},
                      Field{"outcome", &R::outcome, "ok, length, stop, rejected, expired, cancelled or failed."},
                      Field{"reason", &R::reason, "Why it was refused: queue_full, rate, unauthorized and so on."},
                      Field{"point", &R::point, "Which admission point refused it."},
                      Field{"why", &R::why, "The message that the client got."},
                      Field{"total_seconds", &R::total, "From the end of its headers to the end of the answer."},
                      Field{"queue_seconds", &R::queue, "From its admission to its first engine step."},
                      Field{"first_token_seconds", &R::first_token, "From its arrival to its first token."},
                      Field{"prefill_seconds", &R::prefill, "From its first engine step to its first token."},
                      Field{"decode_seconds", &R::decode, "From its first token to its last."},
                      Field{"prompt_tokens", &R::prompt_tokens, "Tokens of its prompts."},
                      Field{"cached_prompt_tokens", &R::cached_prompt_tokens, "Of these, taken from the prefix cache."},
                      Field{"generated_tokens", &R::generated_tokens, "Tokens of its answers."},
                      Field{"stream", &R::stream, "Whether it was streamed."},
                      Field{"priority", &R::priority, "interactive, normal or batch."},
                      Field{"tenant", &R::tenant, "Name of the key that was used, never the key."},
                      Field{"user", &R::user, "The field user of the body."},
                      Field{"client", &R::client, "Address of the client."},
                      Field{"user_agent", &R::user_agent, "What the client calls itself."},
                      Field{"bytes_in", &R::bytes_in, "Bytes read, headers included."},
                      Field{"bytes_out", &R::bytes_out, "Bytes written, headers included."},
                      Field{"span_id", &R::span_id, "The request's span in its trace."},
                      Field{"prompt", &R::prompt, "What was asked, as logs.prompts says; never by default."},
                      Field{"answer", &R::answer, "What was answered, as logs.prompts says; never by default."}};
  }
};

// About the log itself.
struct LinesLost {
  std::uint64_t lines = 0;
  std::string_view reason = {};
  std::string_view where = {};
  Duration during{};
  static constexpr EventType kType{.name = "log_lines_lost",
                                   .level = Level::kWarn,
                                   .component = Component::kLogs,
                                   .message = "{lines} log lines were lost before this one: {reason} ({where})",
                                   .help = "Lines could not be written and are gone; writing goes on here.",
                                   .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e05"};
  static constexpr auto Fields() {
    return std::tuple{
        Field{"lines", &LinesLost::lines, "How many."},
        Field{"reason", &LinesLost::reason, "Why: queue_full, disk_full, read_only, missing, io, blocked, journal or internal."},
        Field{"where", &LinesLost::where, "The file or stream."},
        Field{"during_seconds", &LinesLost::during, "From the first lost line to this one."}};
  }
};

struct LinesLeftOut {
  std::string_view left_out = {};
  std::uint64_t lines = 0;
  static constexpr EventType kType{.name = "log_lines_left_out",
                                   .level = Level::kWarn,
                                   .component = Component::kLogs,
                                   .message = "{lines} more lines of {left_out} were left out",
                                   .help = "An event repeated so fast that only the first ones of ten seconds were written."};
  static constexpr auto Fields() {
    return std::tuple{Field{"left_out", &LinesLeftOut::left_out, "Name of the event."},
                      Field{"lines", &LinesLeftOut::lines, "How many were not written."}};
  }
};

struct LogFileTrouble {
  std::string_view file = {};
  std::string_view trouble = {};
  static constexpr EventType kType{.name = "log_file_trouble",
                                   .level = Level::kError,
                                   .component = Component::kLogs,
                                   .message = "{file}: {trouble}",
                                   .help =
                                       "The log file cannot be opened, written, rotated or compressed. Writing goes on by itself when the "
                                       "cause has gone. Also on standard error.",
                                   .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e06",
                                   .burst = 5};
  static constexpr auto Fields() {
    return std::tuple{Field{"file", &LogFileTrouble::file, "Path of the file."},
                      Field{"trouble", &LogFileTrouble::trouble, "What cannot be done, and why."}};
  }
};

struct AuditHeadIs {
  std::uint64_t lines = 0;
  std::string_view hash = {};
  static constexpr EventType kType{
      .name = "audit_head",
      .level = Level::kInfo,
      .component = Component::kLogs,
      .message = "the audit log has {lines} lines; the last one's hash is {hash}",
      .help =
          "Where the audit log stands when the daemon starts and when it stops. `inferctl audit verify --head` "
          "compares it with the file: that finds lines cut off its end.",
      .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e07"};
  static constexpr auto Fields() {
    return std::tuple{Field{"lines", &AuditHeadIs::lines, "Number of the last line."},
                      Field{"hash", &AuditHeadIs::hash, "SHA-256 of the last line."}};
  }
};

struct TracesNotTaken {
  std::string_view trouble;
  static constexpr EventType kType{.name = "traces_not_taken",
                                   .level = Level::kWarn,
                                   .component = Component::kTracing,
                                   .message = "the collector does not take traces: {trouble}",
                                   .help = "The OpenTelemetry collector began to fail. The metric of exported spans counts what is lost.",
                                   .burst = 5};
  static constexpr auto Fields() {
    return std::tuple{Field{"trouble", &TracesNotTaken::trouble, "What it answered, or why it cannot be reached."}};
  }
};

// About notifiers and silences.
struct NotificationsFail {
  std::string_view notifier = {};
  std::string_view trouble = {};
  static constexpr EventType kType{.name = "notifications_fail",
                                   .level = Level::kError,
                                   .component = Component::kMetrics,
                                   .message = "notifier {notifier} does not deliver alerts: {trouble}",
                                   .help =
                                       "A notifier began to fail. It goes on trying, with the latest state of each alert; `inferctl alerts "
                                       "test` tries at once. The line "
                                       "comes once until it succeeds again.",
                                   .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e0b"};
  static constexpr auto Fields() {
    return std::tuple{Field{"notifier", &NotificationsFail::notifier, "Name of the notifier, and of the peer where there are several."},
                      Field{"trouble", &NotificationsFail::trouble, "What was answered, or why there is no answer."}};
  }
};

struct NotificationsWork {
  std::string_view notifier = {};
  Duration failed_for{};
  std::uint64_t tries = 0;
  static constexpr EventType kType{.name = "notifications_work",
                                   .level = Level::kInfo,
                                   .component = Component::kMetrics,
                                   .message = "notifier {notifier} delivers alerts again, after {failed_seconds} and {tries} failed tries",
                                   .help = "A notifier that failed has delivered a message.",
                                   .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e0c"};
  static constexpr auto Fields() {
    return std::tuple{Field{"notifier", &NotificationsWork::notifier, "Name of the notifier, and of the peer where there are several."},
                      Field{"failed_seconds", &NotificationsWork::failed_for, "From the first failure to now."},
                      Field{"tries", &NotificationsWork::tries, "Deliveries that failed in that time."}};
  }
};

struct NotifierFull {
  std::string_view notifier = {};
  std::uint64_t capacity = 0;
  static constexpr EventType kType{
      .name = "notifier_full",
      .level = Level::kError,
      .component = Component::kMetrics,
      .message = "notifier {notifier} holds {capacity} alerts, and further ones are dropped",
      .help = "More alerts at the same time than alerts.notify's queue. Those that still fire are offered again."};
  static constexpr auto Fields() {
    return std::tuple{Field{"notifier", &NotifierFull::notifier, "Name of the notifier, and of the peer where there are several."},
                      Field{"capacity", &NotifierFull::capacity, "Most alerts that it holds."}};
  }
};

struct NotifierOutput {
  std::string_view notifier = {};
  std::string_view line = {};
  static constexpr EventType kType{.name = "notifier_output",
                                   .level = Level::kInfo,
                                   .component = Component::kMetrics,
                                   .message = "{notifier}: {line}",
                                   .help = "A line that the command of a notifier wrote to standard output or standard error.",
                                   .burst = 200};
  static constexpr auto Fields() {
    return std::tuple{Field{"notifier", &NotifierOutput::notifier, "Name of the notifier."},
                      Field{"line", &NotifierOutput::line, "What it wrote."}};
  }
};

struct SilenceChanged {
  std::string_view change = {};
  std::string_view matchers = {};
  Duration lasts{};
  std::string_view by = {};
  std::string_view comment = {};
  std::string_view id = {};
  static constexpr EventType kType{.name = "silence_changed",
                                   .level = Level::kInfo,
                                   .component = Component::kMetrics,
                                   .message = "silence of {matchers} {change} by {by}: {comment}",
                                   .help = "A silence was set or ended by hand. One that ends by itself makes no line.",
                                   .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e0d"};
  static constexpr auto Fields() {
    return std::tuple{Field{"change", &SilenceChanged::change, "set or ended."},
                      Field{"matchers", &SilenceChanged::matchers, "Which alerts it holds for."},
                      Field{"lasts_seconds", &SilenceChanged::lasts, "From now to its end."},
                      Field{"by", &SilenceChanged::by, "Who it says made it."},
                      Field{"comment", &SilenceChanged::comment, "Why."},
                      Field{"id", &SilenceChanged::id, "Its id, for inferctl silence expire."}};
  }
};

// About alerts.
struct AlertFires {
  std::string_view alertname = {};
  std::optional<std::string_view> severity = {};
  std::optional<std::string_view> summary = {};
  std::string_view labels = {};
  static constexpr EventType kType{.name = "alert_fires",
                                   .level = Level::kWarn,
                                   .component = Component::kMetrics,
                                   .message = "alert {alertname} fires: {summary}, severity {severity}",
                                   .help =
                                       "A rule of the daemon's own has held for long enough. At level error when its severity is critical, "
                                       "at level info when it is info.",
                                   .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e08"};
  static constexpr auto Fields() {
    return std::tuple{Field{"alertname", &AlertFires::alertname, "Name of the rule."},
                      Field{"severity", &AlertFires::severity, "critical, warning or info."},
                      Field{"summary", &AlertFires::summary, "What is wrong, in one line."},
                      Field{"labels", &AlertFires::labels, "All labels of the alert."}};
  }
};

struct AlertResolved {
  std::string_view alertname = {};
  std::optional<std::string_view> severity = {};
  std::string_view labels = {};
  static constexpr EventType kType{.name = "alert_resolved",
                                   .level = Level::kInfo,
                                   .component = Component::kMetrics,
                                   .message = "alert {alertname} is resolved: {labels}, severity {severity}",
                                   .help = "What an alert was about is over.",
                                   .message_id = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5e09"};
  static constexpr auto Fields() {
    return std::tuple{Field{"alertname", &AlertResolved::alertname, "Name of the rule."},
                      Field{"severity", &AlertResolved::severity, "critical, warning or info."},
                      Field{"labels", &AlertResolved::labels, "All labels of the alert."}};
  }
};

struct RuleFails {
  std::string_view rule = {};
  std::string_view group = {};
  std::string_view trouble = {};
  static constexpr EventType kType{.name = "rule_fails",
                                   .level = Level::kWarn,
                                   .component = Component::kMetrics,
                                   .message = "rule {rule} of group {group} cannot be judged: {trouble}",
                                   .help = "A rule has begun to fail, or fails in another way; its alerts stay as they were.",
                                   .burst = 20};
  static constexpr auto Fields() {
    return std::tuple{Field{"rule", &RuleFails::rule, "Name of the rule."}, Field{"group", &RuleFails::group, "Name of its group."},
                      Field{"trouble", &RuleFails::trouble, "What is wrong."}};
  }
};

template <typename... E>
struct EventList {
  static constexpr std::array<const EventInfo*, sizeof...(E)> kInfos{&kEvent<E>...};
};
using AllEvents = EventList<Note, CollectorNote, DaemonStarted, StateChanged, ModelLoaded, ReloadRefused, SettingChanged, SettingWaits,
                            RequestEnded, LinesLost, LinesLeftOut, LogFileTrouble, AuditHeadIs, TracesNotTaken, AlertFires, AlertResolved,
                            RuleFails, NotificationsFail, NotificationsWork, NotifierFull, NotifierOutput, SilenceChanged>;
inline constexpr std::size_t kEvents = AllEvents::kInfos.size();

// The place of an event in the list; kEvents for one that is not in it, as in tests.
constexpr std::size_t IndexOf(const EventInfo& info) {
  for (std::size_t i = 0; i < kEvents; ++i) {
    // By name: with -fsanitize=undefined GCC takes comparing addresses for no constant expression.
    if (AllEvents::kInfos[i]->type.name == info.type.name) return i;
  }
  return kEvents;
}

// The text of docs/LOGS.md.
std::string LogsMarkdown();

}  // namespace inferd::logging
