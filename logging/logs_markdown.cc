// docs/LOGS.md, made from the events.
#include <string>

#include "logging/events.h"

namespace inferd::logging {
namespace {

constexpr std::string_view kIntro = R"(<!-- Generated from logging/events.h: `build/dev/logging/logs_doc > docs/LOGS.md`. -->
# Log lines

Every line is one event of a fixed type: a stable name, a level, a message for people and fields for programs. The same event goes to
wherever `logs` in the configuration says:

- **a file** (`logs.file`): one JSON object a line;
- **systemd's journal**, when systemd has connected standard error to it: an entry with fields. `journalctl REQUEST_ID=...` and
  `journalctl EVENT=request_ended` find lines; `SEQ` is the line's number, an event's own fields are `INFERD_<FIELD>`;
- **standard error** otherwise: readable on a terminal, JSON when it is anything else (`logs.format` decides differently).

A line of JSON has these fields first, then those of its event that have a value:

| field | type | what it is |
|---|---|---|
| `time` | text | RFC 3339 in UTC, with microseconds |
| `level` | text | trace, debug, info, warn, error, critical |
| `event` | text | one of the names below |
| `message` | text | the event in words |
| `component` | text | the part of the daemon that says it; `logs.levels` sets the level of each |
| `seq` | integer | rises by one with every line the process makes: a gap is a line that was not written |
| `request_id` | text | of lines about a request: the X-Request-Id that the client got |
| `trace_id` | text | of lines about a request: its W3C trace |
| `model` | text | of lines about a model |

Whatever a client sends, a line stays one line of valid JSON: control characters are escaped, invalid UTF-8 becomes U+FFFD. Texts over
32 KiB are cut. Logging never makes the daemon wait: a line that cannot be taken or written is lost, counted in
`inferd_log_dropped_total` by reason, and a line `log_lines_lost` says how many before the next one that is written. Events with a limit
repeat at most that often in ten seconds; `log_lines_left_out` counts the rest.

## Files

`logs.file` is rotated by size (`logs.rotate.size`) and by time (`logs.rotate.every`, from midnight UTC). What is put aside is called
`inferd-20261122T000000.123Z.log`, then compressed, and removed by number, age or size of all (`logs.rotate.keep`, `keep_for`,
`keep_bytes`). While the disk is full, read-only or gone the daemon serves on; writing resumes by itself.

To rotate with logrotate instead, switch inferd's own rotation off and let logrotate move the file (the package has this snippet as
`/usr/share/inferd/logrotate.conf`). inferd notices within a quarter of a second, or at once on SIGHUP, and makes a new file; no line is
lost. It takes over a file that logrotate has made (`create`), too, but that one must belong to its user. Leave the audit log to inferd.

```yaml
logs: {file: /var/log/inferd/inferd.log, rotate: {size: 0, every: 0s}}
```

```
/var/log/inferd/inferd.log {
	daily
	rotate 7
	compress
	delaycompress
	missingok
	notifempty
	nocreate
}
```

## Prompts

Access lines hold no prompts and answers unless `logs.prompts` says so: `hashed` gives the SHA-256 of a text (equal ones can be told, and
short ones guessed), `redacted` the text without e-mail addresses, telephone, identity and card numbers and keys, `full` all of it.
Redaction finds patterns; names and addresses in words stay.

## Audit log

`logs.audit.file` names a file for sensitive acts alone: starts and stops, reloads, models loaded, silences set and ended (`silence_set`,
`silence_ended`: matchers, until when, and the id as target), tests of notifiers (`notifier_test`), refused keys on both planes, and what was
opened by a key of the role admin where no other would do (`admin_access`). The actor is the name of the key, `local` for somebody on this
machine without one. Of refusals, tests and `admin_access` ten a second are entered each; how many more there were is a line with the outcome
`not_entered` before the next act. Each line ends in the SHA-256 of the line before it, and is on the
disk (fdatasync) before it counts. `inferctl audit verify FILE` finds the first line that was altered, removed or moved, in the rotated
files as well, and says when the file is empty or missing behind them; lines may be missing at the beginning only when they were older than
`logs.audit.keep` (`--keep`, 180d). A chain cannot show that its own end is missing or was made anew: the daemon logs the number and hash of
the last line when it starts and stops (`audit_head`), elsewhere than in the file, and `--head HASH` compares.
While the file cannot be written the acts wait in memory, `inferd_audit_waiting` counts them, and the alert
[InferdAuditNotWritten](runbooks/InferdAuditNotWritten.md) fires.

## Traces and debug pages

A request's `traceparent` is taken over when it follows the W3C's rules, else a new trace begins; the answer's header names inferd's span.
`tracing.otlp` sends spans to an OpenTelemetry collector: one for the request with events (`first_token`, `preempted`, `cancelled`), children
for queue, prefill and decode, with the GenAI conventions' attributes. `tracing.sample` decides what is exported; a caller can only ask to be left out. `/debug/requests`,
`/debug/trace` and `/debug/bundle` show what the daemon remembers by itself: 10000 engine steps and 1000 requests. With keys configured
they need one with the role admin from elsewhere than this machine. From this machine they, and everything else on the observability
plane but the probes, are open to who calls it by a loopback name or address, the address listened on or its host name: a web page that had
its own name lead to 127.0.0.1 (DNS rebinding) is refused.

![A trace: the steps of an engine, its worker, two requests that have ended and one that runs](images/trace.png)

The trace is in Chrome's Trace Event Format: for Perfetto (https://ui.perfetto.dev), Chrome's tracing page, whose own importer reads it without a
warning in the tests, and speedscope, with which docs/images/trace.mjs makes this picture of a running daemon.

A crash leaves `crash-20261122T000000Z-PID.txt` in the state directory (`$STATE_DIRECTORY`, set by systemd) and on standard error: signal,
backtrace, last engine steps; the newest eight are kept.

)";

void AppendCell(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
}

}  // namespace

std::string LogsMarkdown() {
  std::string out(kIntro);
  out += "## Events\n\n| event | level | component | limit | message |\n|---|---|---|---|---|\n";
  for (const EventInfo* info : AllEvents::kInfos) {
    const EventType& type = info->type;
    out += "| [`" + std::string(type.name) + "`](#" + std::string(type.name) + ") | " + std::string(LevelName(type.level)) + " | " +
           std::string(ComponentName(type.component)) + " | " + (type.burst == 0 ? "-" : std::to_string(type.burst)) + " | ";
    AppendCell(type.message, out);
    out += " |\n";
  }
  for (const EventInfo* info : AllEvents::kInfos) {
    out += "\n### " + std::string(info->type.name) + "\n\n" + std::string(info->type.help) + "\n";
    if (!info->type.message_id.empty()) out += "In the journal: `MESSAGE_ID=" + std::string(info->type.message_id) + "`.\n";
    out += "\n| field | type | what it is |\n|---|---|---|\n";
    for (const FieldInfo& field : info->fields) {
      out +=
          "| `" + std::string(field.name) + "` | " + std::string(FieldTypeName(field.type)) + (field.optional ? ", optional" : "") + " | ";
      AppendCell(field.help, out);
      out += " |\n";
    }
  }
  return out;
}

}  // namespace inferd::logging
