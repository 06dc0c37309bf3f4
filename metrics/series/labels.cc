#include "metrics/series/labels.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "runtime/base/utf8.h"

namespace inferd::metrics {
namespace {

constexpr bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// FNV-1a with a separator that cannot occur in UTF-8, so that ("ab", "c") and ("a", "bc") differ.
std::uint64_t HashOf(const std::vector<Label>& pairs) {
  std::uint64_t hash = 14695981039346656037ULL;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    hash = (hash ^ 0xFFU) * 1099511628211ULL;
  };
  for (const Label& pair : pairs) {
    add(pair.name);
    add(pair.value);
  }
  return hash;
}

bool Contains(std::span<const std::string> names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

}  // namespace

Labels Labels::From(std::vector<Label> labels) {
  std::ranges::stable_sort(labels, {}, &Label::name);
  Rep rep;
  rep.pairs.reserve(labels.size());
  for (Label& label : labels) {
    if (!rep.pairs.empty() && rep.pairs.back().name == label.name) rep.pairs.pop_back();
    rep.pairs.push_back(std::move(label));
  }
  std::erase_if(rep.pairs, [](const Label& label) { return label.value.empty(); });
  Labels result;
  if (rep.pairs.empty()) return result;
  rep.hash = HashOf(rep.pairs);
  result.rep_ = std::make_shared<const Rep>(std::move(rep));
  return result;
}

std::span<const Label> Labels::pairs() const {
  if (rep_ == nullptr) return {};
  return rep_->pairs;
}

std::string_view Labels::Get(std::string_view name) const {
  // Sets are short: a walk beats a search.
  for (const Label& pair : pairs()) {
    if (pair.name == name) return pair.value;
  }
  return {};
}

Labels Labels::Without(std::span<const std::string> names) const {
  std::vector<Label> kept;
  for (const Label& pair : pairs()) {
    if (!Contains(names, pair.name)) kept.push_back(pair);
  }
  return kept.size() == pairs().size() ? *this : From(std::move(kept));
}

Labels Labels::WithoutName() const {
  if (!Has(kMetricName)) return *this;
  std::vector<Label> kept;
  kept.reserve(pairs().size());
  for (const Label& pair : pairs()) {
    if (pair.name != kMetricName) kept.push_back(pair);
  }
  return From(std::move(kept));
}

Labels Labels::Only(std::span<const std::string> names) const {
  std::vector<Label> kept;
  for (const Label& pair : pairs()) {
    if (Contains(names, pair.name)) kept.push_back(pair);
  }
  return kept.size() == pairs().size() ? *this : From(std::move(kept));
}

Labels Labels::With(std::string_view name, std::string_view value) const {
  if (Get(name) == value) return *this;
  std::vector<Label> changed(pairs().begin(), pairs().end());
  changed.push_back({std::string(name), std::string(value)});
  return From(std::move(changed));
}

std::string Labels::ToString() const {
  std::string name;
  std::string rest;
  for (const Label& pair : pairs()) {
    if (pair.name == kMetricName && IsPlainMetricName(pair.value)) {
      name = pair.value;
      continue;
    }
    if (!rest.empty()) rest += ", ";
    if (pair.name == kMetricName) {
      rest += Quoted(pair.value);
    } else {
      rest += (IsPlainLabelName(pair.name) ? pair.name : Quoted(pair.name)) + "=" + Quoted(pair.value);
    }
  }
  if (rest.empty() && !name.empty()) return name;
  return name + "{" + rest + "}";
}

bool Labels::operator==(const Labels& other) const {
  if (rep_ == other.rep_) return true;
  if (rep_ == nullptr || other.rep_ == nullptr) return false;
  return rep_->hash == other.rep_->hash && rep_->pairs == other.rep_->pairs;
}

std::strong_ordering Labels::operator<=>(const Labels& other) const {
  const auto a = pairs();
  const auto b = other.pairs();
  return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
}

bool IsPlainLabelName(std::string_view name) {
  return !name.empty() && IsLetter(name[0]) && std::ranges::all_of(name, [](char c) { return IsLetter(c) || IsDigit(c); });
}

bool IsPlainMetricName(std::string_view name) {
  const auto good = [](char c) { return IsLetter(c) || c == ':'; };
  return !name.empty() && good(name[0]) && std::ranges::all_of(name, [&](char c) { return good(c) || IsDigit(c); });
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const auto [value, length] = DecodeUtf8(text, i);
    std::array<char, 12> buffer{};
    switch (text[i]) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      default:
        if (value == kInvalidCodePoint || value < 0x20 || value == 0x7F) {
          std::snprintf(buffer.data(), buffer.size(), "\\x%02x", static_cast<unsigned char>(text[i]));
          out += buffer.data();
        } else {
          out += text.substr(i, length);
        }
    }
    i += length;
  }
  return out + "\"";
}

}  // namespace inferd::metrics
