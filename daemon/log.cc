#include "daemon/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <vector>

namespace inferd::daemon {
namespace {

spdlog::logger& Logger() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("inferd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum LibraryLevel(Level level) {
  switch (level) {
    case Level::kTrace: return spdlog::level::trace;
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarn: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
    case Level::kCritical: return spdlog::level::critical;
  }
  return spdlog::level::info;
}

// systemd names the device and inode of the stream that it has connected to the journal (systemd.exec(5), JOURNAL_STREAM).
bool StderrIsTheJournal() {
  static const bool is = [] {
    const char* named = std::getenv("JOURNAL_STREAM");
    struct stat info {};
    if (named == nullptr || ::fstat(STDERR_FILENO, &info) != 0) return false;
    return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino) == named;
  }();
  return is;
}

// syslog(3)'s numbers.
int PriorityOf(Level level) {
  constexpr std::array<int, 6> kPriorities{7, 7, 6, 4, 3, 2};
  return kPriorities[static_cast<std::size_t>(level)];
}

void SendToJournal(Level level, const std::string& line, std::initializer_list<LogField> fields) {
  std::vector<std::string> entries{"MESSAGE=" + line, "PRIORITY=" + std::to_string(PriorityOf(level)), "SYSLOG_IDENTIFIER=inferd"};
  for (const LogField& field : fields) entries.push_back("INFERD_" + std::string(field.name) + "=" + std::string(field.value));
  std::vector<iovec> parts;
  for (std::string& entry : entries) parts.push_back({entry.data(), entry.size()});
  ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

}  // namespace

void SetLogLevel(std::string_view level) { Logger().set_level(spdlog::level::from_str(std::string(level == "error" ? "err" : level))); }

bool LogEnabled(Level level) { return Logger().should_log(LibraryLevel(level)); }

void Log(Level level, std::string_view text, std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) return;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      line += "\\x";
      line += kHex[byte >> 4U];
      line += kHex[byte & 15U];
    } else {
      line += c;
    }
  }
  if (StderrIsTheJournal()) return SendToJournal(level, line, fields);
  Logger().log(LibraryLevel(level), line);
}

}  // namespace inferd::daemon
