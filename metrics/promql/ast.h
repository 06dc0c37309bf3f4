// The syntax tree of a PromQL expression (https://prometheus.io/docs/prometheus/latest/querying/basics/). A tree is immutable once the
// parser has returned it, and may then be evaluated by any number of threads at once. Positions are byte offsets into the query's text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "metrics/series/matcher.h"
#include "metrics/series/querier.h"

namespace inferd::metrics::promql {

enum class ValueType : std::uint8_t { kScalar, kVector, kMatrix, kString };
constexpr std::string_view TypeName(ValueType type) {
  switch (type) {
    case ValueType::kScalar: return "scalar";
    case ValueType::kVector: return "instant vector";
    case ValueType::kMatrix: return "range vector";
    case ValueType::kString: return "string";
  }
  return "";
}

struct TextRange {
  std::size_t start = 0;
  std::size_t end = 0;
};

struct Node;
using NodePtr = std::unique_ptr<Node>;
struct Function;  // functions.h

struct Number {
  double value = 0;
};

struct Text {
  std::string value;
};

// The moment that a selector or subquery is fixed to by "@", before its offset.
struct At {
  enum class Kind : std::uint8_t { kNone, kTime, kStart, kEnd };
  Kind kind = Kind::kNone;
  Millis time = 0;  // for kTime
};

struct TimeShift {
  At at;
  Millis offset = 0;  // how far back; negative: forward
  bool has_offset = false;
};

struct VectorSelector {
  std::string name;  // as written before the braces; the matchers hold it, too
  std::vector<Matcher> matchers;
  TimeShift shift;
};

struct MatrixSelector {
  VectorSelector selector;
  Millis range = 0;
};

struct Subquery {
  NodePtr expr;
  Millis range = 0;
  Millis step = 0;  // 0: the default that the engine is given
  TimeShift shift = {};
};

struct Unary {
  bool negative = false;
  NodePtr expr;
};

struct Paren {
  NodePtr expr;
};

enum class BinaryOp : std::uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kPower,
  kAtan2,
  kEqual,
  kNotEqual,
  kGreater,
  kLess,
  kGreaterOrEqual,
  kLessOrEqual,
  kAnd,
  kOr,
  kUnless,
};
std::string_view BinaryOpName(BinaryOp op);
constexpr bool IsComparison(BinaryOp op) { return op >= BinaryOp::kEqual && op <= BinaryOp::kLessOrEqual; }
constexpr bool IsSetOperator(BinaryOp op) { return op >= BinaryOp::kAnd; }

enum class Cardinality : std::uint8_t { kOneToOne, kManyToOne, kOneToMany, kManyToMany };

struct Matching {
  Cardinality cardinality = Cardinality::kOneToOne;
  bool on = false;  // `labels` are the only ones compared, rather than the ones left out
  std::vector<std::string> labels;
  std::vector<std::string> include;  // what group_left or group_right takes from the "one" side
};

struct Binary {
  BinaryOp op = BinaryOp::kAdd;
  NodePtr left = nullptr;
  NodePtr right = nullptr;
  bool return_bool = false;
  Matching matching = {};
};

enum class AggregateOp : std::uint8_t {
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kCountValues,
  kQuantile
};
std::string_view AggregateOpName(AggregateOp op);
constexpr bool TakesParameter(AggregateOp op) { return op >= AggregateOp::kTopk; }

struct Aggregate {
  AggregateOp op = AggregateOp::kSum;
  NodePtr parameter = nullptr;  // null for operators without one
  NodePtr expr = nullptr;
  bool without = false;
  std::vector<std::string> grouping = {};
};

struct Call {
  const Function* function = nullptr;  // an entry of the table, lives forever
  std::vector<NodePtr> arguments;
};

struct Node {
  std::variant<Number, Text, VectorSelector, MatrixSelector, Subquery, Unary, Paren, Binary, Aggregate, Call> as;
  ValueType type = ValueType::kScalar;
  TextRange range;
  int depth = 1;                // levels of this tree, this node included
  bool step_invariant = false;  // has the same value at every step of a range query

  template <typename T>
  const T* Get() const {
    return std::get_if<T>(&as);
  }
};

// The expression inside any number of parentheses.
const Node& Unwrapped(const Node& node);

// The expression in one canonical form, which parses to an equal tree.
std::string Print(const Node& node);

// Calls visit(node) for the node and everything below it.
template <typename Visit>
void Walk(const Node& node, const Visit& visit) {
  visit(node);
  const auto walk = [&](const NodePtr& child) {
    if (child) Walk(*child, visit);
  };
  if (const auto* subquery = node.Get<Subquery>()) walk(subquery->expr);
  if (const auto* unary = node.Get<Unary>()) walk(unary->expr);
  if (const auto* paren = node.Get<Paren>()) walk(paren->expr);
  if (const auto* binary = node.Get<Binary>()) {
    walk(binary->left);
    walk(binary->right);
  }
  if (const auto* aggregate = node.Get<Aggregate>()) {
    walk(aggregate->parameter);
    walk(aggregate->expr);
  }
  if (const auto* call = node.Get<Call>()) {
    for (const auto& argument : call->arguments) walk(argument);
  }
}

}  // namespace inferd::metrics::promql
