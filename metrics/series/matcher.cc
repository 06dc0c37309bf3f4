#include "metrics/series/matcher.h"

#include <re2/re2.h>

#include <algorithm>

namespace inferd::metrics {

Result<Regex> Regex::Compile(std::string_view pattern, std::int64_t max_bytes) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(max_bytes);
  auto compiled = std::make_shared<const re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!compiled->ok()) return Error(Code::kInvalidArgument, compiled->error());
  Regex regex;
  regex.regex_ = std::move(compiled);
  return regex;
}

// Without memory for its automaton RE2 follows every thread of the program at every byte.
std::uint64_t Regex::MostSteps(std::size_t text_bytes) const {
  return static_cast<std::uint64_t>(regex_->ProgramSize()) * (static_cast<std::uint64_t>(text_bytes) + 1);
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

bool Regex::Finds(std::string_view text) const { return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex_); }

std::string Regex::ReplaceAll(std::string_view text, std::string_view replacement) const {
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(regex_->NumberOfCapturingGroups()) + 1);
  std::vector<std::string_view> groups(found.size());
  std::string out;
  std::size_t position = 0;
  while (position <= text.size() && regex_->Match(re2::StringPiece(text.data(), text.size()), position, text.size(), re2::RE2::UNANCHORED,
                                                  found.data(), static_cast<int>(found.size()))) {
    const auto start = static_cast<std::size_t>(found[0].data() - text.data());
    for (std::size_t i = 0; i < found.size(); ++i) groups[i] = std::string_view(found[i].data(), found[i].size());
    out += text.substr(position, start - position);
    out += Expand(replacement, groups);
    position = start + found[0].size();
    // An empty match stands before the next character, which is left as it is.
    if (found[0].empty()) out += text.substr(position++, 1);
  }
  if (position < text.size()) out += text.substr(position);
  return out;
}

std::string Regex::Expand(std::string_view replacement, std::span<const std::string_view> groups) const {
  const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  std::string out;
  while (!replacement.empty()) {
    const std::size_t dollar = std::min(replacement.find('$'), replacement.size());
    out += replacement.substr(0, dollar);
    replacement.remove_prefix(dollar);
    if (replacement.empty()) break;
    if (replacement.starts_with("$$")) {
      out.push_back('$');
      replacement.remove_prefix(2);
      continue;
    }
    const bool braces = replacement.starts_with("${");
    const std::size_t start = braces ? 2 : 1;
    std::size_t end = start;
    while (end < replacement.size() && is_word(replacement[end])) ++end;
    const bool closed = !braces || (end < replacement.size() && replacement[end] == '}');
    if (end == start || !closed) {
      out.push_back('$');  // not the name of a group: stands for itself
      replacement.remove_prefix(1);
      continue;
    }
    const std::string_view name = replacement.substr(start, end - start);
    int number = -1;
    if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
      number = name.size() <= 4 ? std::stoi(std::string(name)) : -1;
    } else {
      const auto& names = regex_->NamedCapturingGroups();
      const auto found = names.find(std::string(name));
      if (found != names.end()) number = found->second;
    }
    if (number >= 0 && static_cast<std::size_t>(number) < groups.size()) out += groups[static_cast<std::size_t>(number)];
    replacement.remove_prefix(end + (braces ? 1 : 0));
  }
  return out;
}

Result<Matcher> Matcher::Make(MatchKind kind, std::string name, std::string value, std::int64_t regex_bytes) {
  Matcher matcher(kind, std::move(name), std::move(value));
  if (kind == MatchKind::kRegex || kind == MatchKind::kNotRegex) {
    INFERD_ASSIGN_OR_RETURN(auto regex, Regex::Compile(matcher.value_, regex_bytes));
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
