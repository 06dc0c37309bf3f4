#include "metrics/query.h"

#include <utility>
#include <variant>

#include "metrics/promql/parser.h"

namespace inferd::metrics {

Result<Expression> Expression::Parse(std::string_view text) {
  Expression expression;
  expression.text_ = std::string(text);
  INFERD_ASSIGN_OR_RETURN(expression.node_, promql::Parse(text));
  const promql::ValueType type = expression.node_->type;
  if (type != promql::ValueType::kScalar && type != promql::ValueType::kVector) {
    return Error(Code::kInvalidArgument, "the result is a " + std::string(promql::TypeName(type)) + ", not an instant vector or a scalar");
  }
  return expression;
}

Result<std::vector<QuerySample>> Expression::Ask(const Querier& querier, Millis now, const promql::EngineOptions& options) const {
  INFERD_ASSIGN_OR_RETURN(auto result, promql::QueryInstant(*node_, querier, now, options));
  std::vector<QuerySample> samples;
  if (const auto* scalar = std::get_if<promql::ScalarValue>(&result.value)) {
    samples.push_back({{}, scalar->value});
  } else {
    for (auto& sample : std::get<promql::Vector>(result.value)) samples.push_back({std::move(sample.labels), sample.value});
  }
  return samples;
}

}  // namespace inferd::metrics
