#include "cli/journal.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "logging/format.h"
#include "runtime/base/clock.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

// A field's value: text, or the bytes of one that is no printable UTF-8 (Journal Export Formats, "Journal JSON Format"). Nothing for one
// that was too long to be printed, or is there twice.
std::optional<std::string> TextOf(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return std::nullopt;
  std::string bytes;
  for (const Json& byte : value) {
    if (!byte.is_number_unsigned() || byte.get<unsigned>() > 255) return std::nullopt;
    bytes += static_cast<char>(byte.get<unsigned>());
  }
  return bytes;
}

bool IsNumber(std::string_view name) {
  return name.ends_with("_seconds") || name.ends_with("_tokens") || name == "status" || name == "bytes_in" || name == "bytes_out";
}

// Fields of every entry, in the order in which a log file has them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kCommon{
    {{"EVENT", "event"}, {"REQUEST_ID", "request_id"}, {"TRACE_ID", "trace_id"}, {"MODEL", "model"}}};
constexpr std::string_view kOwn = "INFERD_";

}  // namespace

std::string AccessLineInJournal(const std::string& id) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::array<std::string, 7> words{"journalctl",          "--quiet",         "--output=json", "--all", "--lines=1",
                                   "EVENT=request_ended", "REQUEST_ID=" + id};
  std::array<char*, words.size() + 1> arguments{};
  std::transform(words.begin(), words.end(), arguments.begin(), [](std::string& word) { return word.data(); });
  pid_t child = 0;
  const bool started = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ) == 0;
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string text;
  if (started) {
    constexpr std::size_t kMost = std::size_t{4} << 20U;
    std::array<char, 65536> block{};
    for (ssize_t n = 0; (n = ::read(ends[0], block.data(), block.size())) != 0;) {
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 || text.size() > kMost) break;
      text.append(block.data(), static_cast<std::size_t>(n));
    }
  }
  ::close(ends[0]);
  if (started) {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  return text.substr(0, text.find('\n'));
}

nlohmann::ordered_json RequestOfJournal(std::string_view line) {
  const Json entry = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!entry.is_object()) return nullptr;
  Json request = Json::object();
  for (const auto& [field, name] : kCommon) {
    if (const auto at = entry.find(field); at != entry.end()) {
      if (const auto text = TextOf(*at)) request[std::string(name)] = *text;
    }
  }
  for (const auto& [field, value] : entry.items()) {
    if (!field.starts_with(kOwn)) continue;
    const auto text = TextOf(value);
    if (!text) continue;
    std::string name = field.substr(kOwn.size());
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    Json number = IsNumber(name) ? Json::parse(*text, nullptr, /*allow_exceptions=*/false) : Json();
    request[name] = number.is_number() ? std::move(number) : Json(*text);
  }
  if (const auto at = entry.find("__REALTIME_TIMESTAMP"); at != entry.end() && at->is_string()) {
    const auto& text = at->get_ref<const std::string&>();
    std::int64_t microseconds = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), microseconds).ec == std::errc()) {
      std::string time;
      logging::AppendTime(WallTime(std::chrono::microseconds(microseconds)), time);
      request["logged"] = time;
    }
  }
  return request.value("event", "") == "request_ended" && request.contains("total_seconds") ? request : Json();
}

}  // namespace inferd::cli
