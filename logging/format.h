// Lines as they are written: JSON for files and programs, text for people at a terminal, entries for systemd's journal. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "logging/event.h"

namespace inferd::logging {

// "2026-11-22T04:50:00.123456Z" (RFC 3339, UTC).
void AppendTime(WallTime time, std::string& out);

// One JSON object without a line break: time, level, event, message, component, seq; request_id, trace_id and model where the event has
// them; then the event's own fields that have a value.
void AppendJsonLine(const Line& line, std::string& out);

// One line for people: time of day (UTC), level, message, then the fields that the message does not show, as name=value. Whatever a client
// sent, it is one line and cannot drive the terminal.
void AppendTextLine(const Line& line, bool colour, std::string& out);

// The fields of a journal entry, each "NAME=value": MESSAGE, PRIORITY (syslog's number), SYSLOG_IDENTIFIER, EVENT, COMPONENT, MESSAGE_ID,
// REQUEST_ID, TRACE_ID, MODEL, and INFERD_<FIELD> for the event's own.
std::vector<std::string> JournalFields(const Line& line);

}  // namespace inferd::logging
