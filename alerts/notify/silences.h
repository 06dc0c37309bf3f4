// Silences: for a while, alerts whose labels meet every matcher are not told of. Kept in a file that is written aside and renamed, so that
// a restart forgets none. In the shape of Alertmanager's API v2, whose tools can read and write them. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/query.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::alerts {

struct Silence {
  std::string id;  // empty: a new one
  std::vector<metrics::Matcher> matchers;
  WallTime starts_at{};
  WallTime ends_at{};
  WallTime updated_at{};
  std::string created_by;
  std::string comment;

  bool ActiveAt(WallTime now) const { return starts_at <= now && now < ends_at; }
};

inline constexpr std::size_t kMaxSilences = 1000;  // that are not over
inline constexpr std::size_t kMaxMatchers = 32;
// How long one that is over can still be seen.
inline constexpr Duration kSilenceRetention = std::chrono::hours(5 * 24);

// name=value, name!=value, name=~expression, name!~expression; the value may stand in double quotes.
Result<metrics::Matcher> ParseMatcher(std::string_view text);

// "active", "pending" (it begins later) or "expired".
std::string_view SilenceStateName(const Silence& silence, WallTime now);

class Silences {
 public:
  // `clock` must outlive this. `file` empty: they are not kept.
  Silences(const Clock& clock, std::string file);

  // Reads the file, which need not exist. One that cannot be understood is set aside; the error says so, and everything works without it.
  Result<> Load();

  // Adds one, or changes the one with that id (one that is over is followed by a new one). Its id. kInvalidArgument says what is wrong,
  // kNotFound for an unknown id, kResourceExhausted when there are kMaxSilences, kIo when it cannot be kept: then nothing has changed.
  Result<std::string> Set(Silence silence);
  // Ends one now. kNotFound, kIo.
  Result<> Expire(const std::string& id);

  // Those that are not over first, by their end.
  std::vector<Silence> List() const;
  Result<Silence> Find(const std::string& id) const;
  bool Silenced(const metrics::Labels& labels) const;

 private:
  Result<> Keep(std::vector<Silence> silences);

  const Clock& clock_;
  const std::string file_;
  mutable std::mutex mutex_;  // for all_; what it points to never changes
  std::mutex writing_;        // one change after the other
  std::shared_ptr<const std::vector<Silence>> all_;
};

// JSON as Alertmanager's API v2 has it: an array of what there is, and what a client posts.
std::string SilencesJson(const std::vector<Silence>& silences, WallTime now);
std::string SilenceJson(const Silence& silence, WallTime now);
Result<Silence> ParseSilenceJson(std::string_view text);
Result<std::vector<Silence>> ParseSilencesJson(std::string_view text);

}  // namespace inferd::alerts
