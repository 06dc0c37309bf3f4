// How the history is asked by those who judge it: alert rules and scaling policies. An expression is checked once and asked as often as
// needed. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/promql/engine.h"
#include "metrics/promql/format.h"   // IWYU pragma: export
#include "metrics/series/querier.h"  // IWYU pragma: export

namespace inferd::metrics {

struct QuerySample {
  Labels labels;
  double value = 0;
};

class Expression {
 public:
  // Fails with "line:column: parse error: what", and for what is neither a scalar nor an instant vector.
  static Result<Expression> Parse(std::string_view text);

  // The samples at one moment; a scalar is one without labels. Fails as promql::QueryInstant does.
  Result<std::vector<QuerySample>> Ask(const Querier& querier, Millis now, const promql::EngineOptions& options) const;

  const std::string& text() const { return text_; }
  bool operator==(const Expression& other) const { return text_ == other.text_; }

 private:
  std::string text_;
  std::shared_ptr<const promql::Node> node_;
};

}  // namespace inferd::metrics
