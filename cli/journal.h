// Access lines in systemd's journal, where the daemon has written them as fields (docs/LOGS.md).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace inferd::cli {

// The newest access line of a request as `journalctl -o json` prints it; empty when the journal has none, cannot be read by this user, or
// there is no journalctl. `id`: an X-Request-Id, letters, digits and ._:- only.
std::string AccessLineInJournal(const std::string& id);

// Such a line as a log file has it: `request_id`, the event's own fields by their names, numbers as numbers, and `logged`, the time of the
// entry. null when the line is not about the end of a request.
nlohmann::ordered_json RequestOfJournal(std::string_view line);

}  // namespace inferd::cli
