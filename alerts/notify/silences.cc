#include "alerts/notify/silences.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "runtime/base/errno_text.h"
#include "runtime/base/replace_file.h"
#include "runtime/base/utf8.h"

namespace inferd::alerts {
namespace {

constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kMaxFile = 16U << 20U;

// A random UUID (RFC 4122, version 4).
std::string NewId() {
  std::array<unsigned char, 16> b{};
  if (::getrandom(b.data(), b.size(), 0) != static_cast<ssize_t>(b.size())) return {};
  b[6] = static_cast<unsigned char>((b[6] & 0x0FU) | 0x40U);
  b[8] = static_cast<unsigned char>((b[8] & 0x3FU) | 0x80U);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
                b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
  return text.data();
}

Status Invalid(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

Result<> Check(const Silence& silence, WallTime now) {
  const auto fail = [](std::string message) { return Error(Code::kInvalidArgument, std::move(message)); };
  if (silence.matchers.empty()) return fail("a silence needs at least one matcher");
  if (silence.matchers.size() > kMaxMatchers) return fail("a silence can have at most " + std::to_string(kMaxMatchers) + " matchers");
  bool picks = false;
  for (const metrics::Matcher& matcher : silence.matchers) {
    if (matcher.name().empty() || matcher.name().size() + matcher.value().size() > kMaxText) return fail("a matcher is empty or too long");
    if (!IsValidUtf8(matcher.name()) || !IsValidUtf8(matcher.value())) return fail("a matcher is not valid UTF-8");
    picks = picks || !matcher.Matches("");
  }
  if (!picks) return fail("at least one matcher must not match the empty text, or everything would be silenced");
  if (silence.ends_at <= silence.starts_at) return fail("endsAt must be after startsAt");
  if (silence.ends_at <= now) return fail("endsAt is over already");
  if (silence.created_by.size() > kMaxText || silence.comment.size() > kMaxText) return fail("createdBy or comment is too long");
  if (!IsValidUtf8(silence.created_by) || !IsValidUtf8(silence.comment)) return fail("createdBy or comment is not valid UTF-8");
  return {};
}

}  // namespace

Result<metrics::Matcher> ParseMatcher(std::string_view text) {
  const std::size_t at = text.find_first_of("=!");
  if (at == std::string_view::npos || at == 0 || at + 1 > text.size()) {
    return Error(Code::kInvalidArgument,
                 "\"" + std::string(text) + "\" is no matcher; allowed: name=value, name!=value, name=~expression, name!~expression");
  }
  const std::string_view name = text.substr(0, at);
  std::string_view rest = text.substr(at);
  metrics::MatchKind kind = metrics::MatchKind::kEqual;
  const std::array<std::pair<std::string_view, metrics::MatchKind>, 4> signs{{{"=~", metrics::MatchKind::kRegex},
                                                                              {"!~", metrics::MatchKind::kNotRegex},
                                                                              {"!=", metrics::MatchKind::kNotEqual},
                                                                              {"=", metrics::MatchKind::kEqual}}};
  const auto sign = std::find_if(signs.begin(), signs.end(), [&](const auto& s) { return rest.starts_with(s.first); });
  if (sign == signs.end() || !metrics::IsPlainLabelName(name))
    return tl::unexpected<Status>(Invalid("\"" + std::string(text) + "\" is no matcher"));
  kind = sign->second;
  rest.remove_prefix(sign->first.size());
  std::string value(rest);
  if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"') {
    value.clear();
    for (std::size_t i = 1; i + 1 < rest.size(); ++i) {
      if (rest[i] == '\\' && i + 2 < rest.size()) {
        ++i;
        value += rest[i] == 'n' ? '\n' : rest[i];
      } else {
        value += rest[i];
      }
    }
  }
  return metrics::Matcher::Make(kind, std::string(name), std::move(value));
}

std::string_view SilenceStateName(const Silence& silence, WallTime now) {
  if (silence.ends_at <= now) return "expired";
  return silence.starts_at <= now ? "active" : "pending";
}

Silences::Silences(const Clock& clock, std::string file)
    : clock_(clock), file_(std::move(file)), all_(std::make_shared<const std::vector<Silence>>()) {}

Result<> Silences::Load() {
  if (file_.empty()) return {};
  std::ifstream stream(file_, std::ios::binary);
  if (!stream) return errno == ENOENT ? Result<>() : Error(Code::kIo, file_ + ": cannot be read: " + ErrnoText(errno));
  std::string text(kMaxFile + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  auto silences = text.size() > kMaxFile ? Error(Code::kCorrupt, "is too large") : ParseSilencesJson(text);
  if (!silences) {
    const std::string aside = file_ + ".damaged";
    const bool moved = ::rename(file_.c_str(), aside.c_str()) == 0;
    return Error(Code::kCorrupt,
                 file_ + ": " + silences.error().message + (moved ? "; it is " + aside + " now" : "") + ", and no silence holds");
  }
  const std::lock_guard lock(mutex_);
  all_ = std::make_shared<const std::vector<Silence>>(std::move(*silences));
  return {};
}

Result<> Silences::Keep(std::vector<Silence> silences) {
  const WallTime now = clock_.WallNow();
  std::erase_if(silences, [&](const Silence& s) { return s.ends_at + kSilenceRetention <= now; });
  // Those that are over never crowd out others.
  std::sort(silences.begin(), silences.end(), [&](const Silence& a, const Silence& b) {
    const bool a_over = a.ends_at <= now;
    const bool b_over = b.ends_at <= now;
    if (a_over != b_over) return b_over;
    return a_over ? a.ends_at > b.ends_at : a.ends_at < b.ends_at;
  });
  if (silences.size() > 2 * kMaxSilences) silences.erase(silences.begin() + 2 * kMaxSilences, silences.end());
  if (!file_.empty()) INFERD_RETURN_IF_ERROR(ReplaceFile(file_, SilencesJson(silences, now) + "\n"));
  const std::lock_guard lock(mutex_);
  all_ = std::make_shared<const std::vector<Silence>>(std::move(silences));
  return {};
}

Result<std::string> Silences::Set(Silence silence) {
  const std::lock_guard writing(writing_);
  const WallTime now = clock_.WallNow();
  INFERD_RETURN_IF_ERROR(Check(silence, now));
  std::vector<Silence> silences = List();
  const auto known = std::find_if(silences.begin(), silences.end(), [&](const Silence& s) { return s.id == silence.id; });
  if (!silence.id.empty() && known == silences.end()) return Error(Code::kNotFound, "there is no silence " + silence.id);
  if (known != silences.end() && known->ends_at > now) {
    silences.erase(known);
  } else {
    const auto open = std::count_if(silences.begin(), silences.end(), [&](const Silence& s) { return s.ends_at > now; });
    if (static_cast<std::size_t>(open) >= kMaxSilences) {
      return Error(Code::kResourceExhausted, "there are " + std::to_string(kMaxSilences) + " silences already; expire some");
    }
    silence.id = NewId();
    if (silence.id.empty()) return Error(Code::kInternal, "no random numbers");
  }
  silence.updated_at = now;
  std::string id = silence.id;
  silences.push_back(std::move(silence));
  INFERD_RETURN_IF_ERROR(Keep(std::move(silences)));
  return id;
}

Result<> Silences::Expire(const std::string& id) {
  const std::lock_guard writing(writing_);
  const WallTime now = clock_.WallNow();
  std::vector<Silence> silences = List();
  const auto known = std::find_if(silences.begin(), silences.end(), [&](const Silence& s) { return s.id == id && s.ends_at > now; });
  if (known == silences.end())
    return Error(Code::kNotFound, "there is no silence " + ReplaceInvalidUtf8(id.substr(0, 64)) + " that is not over");
  known->starts_at = std::min(known->starts_at, now);
  known->ends_at = now;
  known->updated_at = now;
  return Keep(std::move(silences));
}

std::vector<Silence> Silences::List() const {
  const std::lock_guard lock(mutex_);
  return *all_;
}

Result<Silence> Silences::Find(const std::string& id) const {
  for (Silence& silence : List()) {
    if (silence.id == id) return std::move(silence);
  }
  return Error(Code::kNotFound, "there is no silence " + ReplaceInvalidUtf8(id.substr(0, 64)));
}

bool Silences::Silenced(const metrics::Labels& labels) const {
  std::shared_ptr<const std::vector<Silence>> all;
  {
    const std::lock_guard lock(mutex_);
    all = all_;
  }
  if (all->empty()) return false;
  const WallTime now = clock_.WallNow();
  return std::any_of(all->begin(), all->end(),
                     [&](const Silence& s) { return s.ActiveAt(now) && metrics::MatchesAll(s.matchers, labels); });
}

}  // namespace inferd::alerts
