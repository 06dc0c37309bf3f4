// What came of a reload: the daemon writes it into its runtime folder, and whoever has asked for the reload reads it there
// (`inferctl reload`). A signal alone has no answer. Plain values and files; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::config {

struct ReloadReport {
  MonotonicTime begun{};            // the monotonic clock is the same for all processes of a machine
  std::vector<std::string> faults;  // why the running configuration stays; empty: the new one is in force
};

// One line "BEGUN_NANOSECONDS ok|refused", then one for each fault.
std::string Format(const ReloadReport& report);
// Nothing for a text that is not of this form.
std::optional<ReloadReport> ParseReloadReport(std::string_view text);

// "" when no runtime folder was handed over (systemd.exec(5), RuntimeDirectory=): then nobody can wait for a reload.
std::string ReloadReportPath();

// Written aside and renamed, so that a reader never sees a part. kIo.
Result<> WriteReloadReport(const std::string& path, const ReloadReport& report);

}  // namespace inferd::config
