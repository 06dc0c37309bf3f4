// One condition on a label of a series: equal, not equal, or a regular expression (RE2's syntax, anchored at both ends). A missing label
// has the empty value. Immutable; safe to use from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/series/labels.h"
#include "runtime/base/status.h"

namespace re2 {
class RE2;
}

namespace inferd::metrics {

// A compiled expression. It must match a whole text, unless said otherwise; "." matches line breaks too.
class Regex {
 public:
  // What one may take at most, with all that is remembered while it matches; for who has many of them, less.
  static constexpr std::int64_t kMaxBytes = 4 << 20;
  // Fails (kInvalidArgument) with RE2's own message for what is malformed, and for what is too large.
  static Result<Regex> Compile(std::string_view pattern, std::int64_t max_bytes = kMaxBytes);

  // Steps that matching a text of so many bytes may take, at worst.
  std::uint64_t MostSteps(std::size_t text_bytes) const;

  bool Matches(std::string_view text) const;
  // On a match fills `groups` with what each group matched (0: the whole), empty for those that took no part.
  bool Match(std::string_view text, std::vector<std::string_view>& groups) const;
  // Whether some part of the text matches.
  bool Finds(std::string_view text) const;
  // The text with every part that matches replaced by the expanded replacement.
  std::string ReplaceAll(std::string_view text, std::string_view replacement) const;
  // The replacement with $1, ${name} and $$ filled in from groups that Match gave, as Go's regexp.Expand does it: a name is the longest run
  // of letters, digits and underscores, and what no group has is empty.
  std::string Expand(std::string_view replacement, std::span<const std::string_view> groups) const;

 private:
  std::shared_ptr<const re2::RE2> regex_;
};

enum class MatchKind : std::uint8_t { kEqual, kNotEqual, kRegex, kNotRegex };
constexpr std::string_view MatchKindName(MatchKind kind) {
  switch (kind) {
    case MatchKind::kEqual: return "=";
    case MatchKind::kNotEqual: return "!=";
    case MatchKind::kRegex: return "=~";
    case MatchKind::kNotRegex: return "!~";
  }
  return "=";
}

class Matcher {
 public:
  // `regex_bytes`: as for Regex::Compile.
  static Result<Matcher> Make(MatchKind kind, std::string name, std::string value, std::int64_t regex_bytes = Regex::kMaxBytes);

  bool Matches(std::string_view value) const;
  bool MatchesLabels(const Labels& labels) const { return Matches(labels.Get(name_)); }

  MatchKind kind() const { return kind_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  std::string ToString() const;

 private:
  Matcher(MatchKind kind, std::string name, std::string value) : kind_(kind), name_(std::move(name)), value_(std::move(value)) {}

  MatchKind kind_;
  std::string name_;
  std::string value_;
  std::shared_ptr<const Regex> regex_;  // for the two kinds that have one
};

// Whether the labels meet every condition.
bool MatchesAll(std::span<const Matcher> matchers, const Labels& labels);

}  // namespace inferd::metrics
