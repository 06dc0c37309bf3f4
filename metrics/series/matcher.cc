#include "metrics/series/matcher.h"

#include <re2/re2.h>

#include <algorithm>

namespace inferd::metrics {

Result<Regex> Regex::Compile(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(kMaxProgramBytes);
  auto compiled = std::make_shared<const re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!compiled->ok()) return Error(Code::kInvalidArgument, compiled->error());
  Regex regex;
  regex.regex_ = std::move(compiled);
  return regex;
}

bool Regex::Matches(std::string_view text) const { return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *regex_); }

bool Regex::Match(std::string_view text, std::vector<std::string_view>& groups) const {
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(regex_->NumberOfCapturingGroups()) + 1);
  if (!regex_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(), re2::RE2::ANCHOR_BOTH, found.data(),
                     static_cast<int>(found.size()))) {
    return false;
  }
  groups.clear();
  for (const auto& piece : found) groups.emplace_back(piece.data(), piece.size());
  return true;
}

int Regex::GroupNumber(std::string_view name) const {
  const auto& names = regex_->NamedCapturingGroups();
  const auto found = names.find(std::string(name));
  return found == names.end() ? -1 : found->second;
}

Result<Matcher> Matcher::Make(MatchKind kind, std::string name, std::string value) {
  Matcher matcher(kind, std::move(name), std::move(value));
  if (kind == MatchKind::kRegex || kind == MatchKind::kNotRegex) {
    INFERD_ASSIGN_OR_RETURN(auto regex, Regex::Compile(matcher.value_));
    matcher.regex_ = std::make_shared<const Regex>(std::move(regex));
  }
  return matcher;
}

bool Matcher::Matches(std::string_view value) const {
  switch (kind_) {
    case MatchKind::kEqual: return value == value_;
    case MatchKind::kNotEqual: return value != value_;
    case MatchKind::kRegex: return regex_->Matches(value);
    case MatchKind::kNotRegex: return !regex_->Matches(value);
  }
  return false;
}

std::string Matcher::ToString() const {
  std::string out = IsPlainLabelName(name_) ? name_ : Quoted(name_);
  return out.append(MatchKindName(kind_)).append(Quoted(value_));
}

bool MatchesAll(std::span<const Matcher> matchers, const Labels& labels) {
  return std::ranges::all_of(matchers, [&](const Matcher& matcher) { return matcher.MatchesLabels(labels); });
}

}  // namespace inferd::metrics
