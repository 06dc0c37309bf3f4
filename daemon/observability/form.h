// Parameters of a request: the query of a URL, or a body of the type application/x-www-form-urlencoded (WHATWG URL, section 5.1). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace inferd::daemon {

class Form {
 public:
  // Adds the pairs of `text`.
  void Add(std::string_view text);

  // The first value of that name; nothing when there is none or it is empty.
  std::optional<std::string_view> Find(std::string_view name) const;
  std::vector<std::string> All(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace inferd::daemon
