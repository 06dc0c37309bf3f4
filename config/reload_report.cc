#include "config/reload_report.h"

#include <charconv>
#include <cstdlib>
#include <utility>

#include "runtime/base/replace_file.h"

namespace inferd::config {

std::string Format(const ReloadReport& report) {
  std::string text = std::to_string(report.begun.time_since_epoch().count()) + (report.faults.empty() ? " ok\n" : " refused\n");
  for (const std::string& fault : report.faults) text += fault + "\n";
  return text;
}

std::optional<ReloadReport> ParseReloadReport(std::string_view text) {
  if (!text.ends_with('\n')) return std::nullopt;
  const auto next_line = [&text] {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() + 1);
    return line;
  };
  const std::string_view head = next_line();
  std::int64_t nanoseconds = 0;
  const auto [end, error] = std::from_chars(head.data(), head.data() + head.size(), nanoseconds);
  const std::string_view outcome = head.substr(static_cast<std::size_t>(end - head.data()));
  if (error != std::errc() || (outcome != " ok" && outcome != " refused")) return std::nullopt;
  ReloadReport report{.begun = MonotonicTime(Duration(nanoseconds)), .faults = {}};
  while (!text.empty()) report.faults.emplace_back(next_line());
  if ((outcome == " ok") != report.faults.empty()) return std::nullopt;
  return report;
}

std::string ReloadReportPath() {
  const char* folders = std::getenv("RUNTIME_DIRECTORY");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (folders == nullptr || *folders == '\0') return "";
  const std::string_view list = folders;
  return std::string(list.substr(0, list.find(':'))) + "/reload";
}

Result<> WriteReloadReport(const std::string& path, const ReloadReport& report) { return ReplaceFile(path, Format(report)); }

}  // namespace inferd::config
