// What names a series: a sorted set of labels, the metric's name among them as __name__. A Labels is an immutable shared value: cheap to
// copy, safe to read from any thread, compared and hashed by content. A label with an empty value is the same as no label.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace inferd::metrics {

inline constexpr std::string_view kMetricName = "__name__";
inline constexpr std::string_view kBucketLabel = "le";

struct Label {
  std::string name;
  std::string value;

  auto operator<=>(const Label&) const = default;
};

class Labels {
 public:
  Labels() = default;  // the empty set
  Labels(std::initializer_list<Label> labels) : Labels(From(std::vector<Label>(labels))) {}

  // Sorts by name and leaves out empty values. Of two labels of one name the later stays.
  static Labels From(std::vector<Label> labels);

  // The value, or an empty text when there is no such label. Valid as long as a copy of this set lives.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const { return !Get(name).empty(); }
  std::string_view metric_name() const { return Get(kMetricName); }

  std::span<const Label> pairs() const;
  bool empty() const { return rep_ == nullptr; }
  std::uint64_t hash() const { return rep_ == nullptr ? 0 : rep_->hash; }

  // Copies without the named labels, or with no others.
  Labels Without(std::span<const std::string> names) const;
  Labels WithoutName() const;
  Labels Only(std::span<const std::string> names) const;
  Labels With(std::string_view name, std::string_view value) const;

  // As Prometheus writes a series: name{a="b"}, {a="b"} or {}. Names that are no plain identifiers are quoted.
  std::string ToString() const;

  bool operator==(const Labels& other) const;
  std::strong_ordering operator<=>(const Labels& other) const;

 private:
  struct Rep {
    std::vector<Label> pairs;
    std::uint64_t hash = 0;
  };
  std::shared_ptr<const Rep> rep_;
};

struct LabelsHash {
  std::size_t operator()(const Labels& labels) const { return labels.hash(); }
};

// [a-zA-Z_][a-zA-Z0-9_]*; metric names may also hold colons.
bool IsPlainLabelName(std::string_view name);
bool IsPlainMetricName(std::string_view name);

// The text in double quotes, with Go's escapes for what cannot be printed.
std::string Quoted(std::string_view text);

}  // namespace inferd::metrics
