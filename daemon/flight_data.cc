#include "daemon/flight_data.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <system_error>
#include <vector>

#include "daemon/version.h"
#include "runtime/base/errno_text.h"

namespace inferd::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "flight-";
constexpr std::string_view kSuffix = ".txt";

// Sorts by age.
std::string NameAt(WallTime now) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = milliseconds / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[64];
  std::snprintf(text, sizeof(text), "%04d%02d%02dT%02d%02d%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                utc.tm_min, utc.tm_sec, static_cast<int>(milliseconds % 1000));
  return std::string(kPrefix) + text + std::string(kSuffix);
}

bool IsFlightData(const std::string& name) { return name.starts_with(kPrefix) && name.ends_with(kSuffix); }

void RemoveOldest(const fs::path& folder, const fs::path& keep, const FlightDataLimits& limits) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (IsFlightData(entry->path().filename().string())) files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end(), std::greater<>());
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (const fs::path& file : files) {
    const std::uintmax_t size = fs::file_size(file, error);
    if (error) continue;
    ++count;
    bytes += size;
    if ((count > limits.files || bytes > limits.bytes) && file != keep) fs::remove(file, error);
  }
}

}  // namespace

Result<std::string> SaveFlightData(const std::string& folder, std::string_view text, WallTime now, const FlightDataLimits& limits) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  if (text.size() > limits.bytes) return Error(Code::kResourceExhausted, folder + ": flight data over the limit of its folder");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Error(Code::kIo, folder + ": cannot be made: " + error.message());
  const fs::path path = fs::path(folder) / NameAt(now);
  const fs::path aside = path.string() + ".new";
  std::ofstream file(aside, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file || ::rename(aside.c_str(), path.c_str()) != 0) {
    const std::string why = ErrnoText(errno);
    fs::remove(aside, error);
    return Error(Code::kIo, path.string() + ": cannot be written: " + why);
  }
  RemoveOldest(folder, path, limits);
  return path.string();
}

std::string EnginesAsComments(const Views& views, std::string_view why) {
  const MonotonicTime now = views.clock.Now();
  const auto age = [now](MonotonicTime then) {
    if (then == MonotonicTime{}) return std::string("-");
    char text[32];
    std::snprintf(text, sizeof(text), "%.3f s", ToSeconds(now - then));
    return std::string(text);
  };
  std::string text = "# inferd " + std::string(Version()) + " (" + std::string(Revision()) + ") " + std::string(why) + "\n";
  for (std::size_t i = 0; i < views.models.size(); ++i) {
    const ServedModel* model = views.models.at(i);
    if (model == nullptr) continue;
    const engine::EngineStatus status = model->engine->status();
    const auto line = [&](const std::string& what, const std::string& value) {
      text += "# " + model->name + ": " + what + ": " + value + "\n";
    };
    line("steps", std::to_string(status.steps));
    line("since the last step ended", age(status.last_step));
    line("in this step for", age(status.step_started));
    line("since the last sign of life", age(status.last_progress));
    line("running", std::to_string(status.running));
    for (std::size_t p = 0; p < engine::kPriorities; ++p)
      line("queued " + std::string(engine::PriorityName(static_cast<engine::Priority>(p))), std::to_string(status.queued[p]));
    line("oldest queued for", age(status.oldest_queued));
    line("oldest without a token for", age(status.oldest_without_token));
    line("KV blocks", std::to_string(status.kv_blocks_used) + " of " + std::to_string(status.kv_blocks));
  }
  return text;
}

}  // namespace inferd::daemon
