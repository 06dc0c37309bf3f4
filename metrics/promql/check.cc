#include "metrics/promql/check.h"

#include <algorithm>
#include <string>

#include "metrics/promql/functions.h"

namespace inferd::metrics::promql {
namespace {

using Checked = tl::expected<void, Fault>;

tl::unexpected<Fault> FaultAt(const Node& node, std::string what) { return tl::unexpected(Fault{node.range.start, std::move(what)}); }

Checked ExpectType(const Node& node, ValueType wanted, const std::string& where) {
  if (node.type == wanted) return {};
  return FaultAt(node, "expected type " + std::string(TypeName(wanted)) + " in " + where + ", got " + std::string(TypeName(node.type)));
}

Checked CheckSelector(const Node& node, const VectorSelector& selector) {
  if (std::ranges::all_of(selector.matchers, [](const Matcher& matcher) { return matcher.Matches(""); })) {
    return FaultAt(node, "vector selector must contain at least one non-empty matcher");
  }
  return {};
}

Checked CheckCall(const Node& node, const Call& call) {
  const Function& function = *call.function;
  const auto given = call.arguments.size();
  const auto most = function.argument_count;
  const auto least = most - static_cast<std::size_t>(std::abs(function.optional));
  const std::string name = Quoted(function.name);
  if (function.optional == 0 && given != most) {
    return FaultAt(node, "expected " + std::to_string(most) + " argument(s) in call to " + name + ", got " + std::to_string(given));
  }
  if (given < least) {
    return FaultAt(node,
                   "expected at least " + std::to_string(least) + " argument(s) in call to " + name + ", got " + std::to_string(given));
  }
  if (function.optional > 0 && given > most) {
    return FaultAt(node, "expected at most " + std::to_string(most) + " argument(s) in call to " + name + ", got " + std::to_string(given));
  }
  for (std::size_t i = 0; i < given; ++i) {
    auto checked = ExpectType(*call.arguments[i], function.arguments[std::min(i, most - 1)], "call to function " + name);
    if (!checked) return checked;
  }
  return {};
}

Checked CheckAggregate(const Aggregate& aggregate) {
  auto checked = ExpectType(*aggregate.expr, ValueType::kVector, "aggregation expression");
  if (!checked || !aggregate.parameter) return checked;
  return ExpectType(*aggregate.parameter, aggregate.op == AggregateOp::kCountValues ? ValueType::kString : ValueType::kScalar,
                    "aggregation parameter");
}

Checked CheckBinary(const Node& node, const Binary& binary) {
  const ValueType left = binary.left->type;
  const ValueType right = binary.right->type;
  const auto is_operand = [](ValueType type) { return type == ValueType::kScalar || type == ValueType::kVector; };
  const std::string name = Quoted(BinaryOpName(binary.op));
  if (binary.return_bool && !IsComparison(binary.op)) return FaultAt(node, "bool modifier can only be used on comparison operators");
  if (IsComparison(binary.op) && !binary.return_bool && left == ValueType::kScalar && right == ValueType::kScalar) {
    return FaultAt(node, "comparisons between scalars must use BOOL modifier");
  }
  if (IsSetOperator(binary.op) && binary.matching.cardinality != Cardinality::kManyToMany) {
    return FaultAt(node, "no grouping allowed for " + name + " operation");
  }
  if (!is_operand(left)) return FaultAt(*binary.left, "binary expression must contain only scalar and instant vector types");
  if (!is_operand(right)) return FaultAt(*binary.right, "binary expression must contain only scalar and instant vector types");
  if (left == ValueType::kVector && right == ValueType::kVector) {
    for (const std::string& label : binary.matching.include) {
      if (binary.matching.on && std::ranges::find(binary.matching.labels, label) != binary.matching.labels.end()) {
        return FaultAt(node, "label " + Quoted(label) + " must not occur in ON and GROUP clause at once");
      }
    }
    return {};
  }
  // Without labels it has nothing to say, and is ignored.
  if (!binary.matching.labels.empty()) {
    return FaultAt(node, "vector matching only allowed between instant vectors");
  }
  if (IsSetOperator(binary.op)) return FaultAt(node, "set operator " + name + " not allowed in binary scalar expression");
  return {};
}

void TakeFromChild(Node& node, const Node& child) {
  node.depth = std::max(node.depth, child.depth + 1);
  node.step_invariant = node.step_invariant && child.step_invariant;
}

}  // namespace

Checked CheckNode(Node& node) {
  node.depth = 1;
  node.step_invariant = true;
  struct Visitor {
    Node& node;

    Checked operator()(const Number&) const {
      node.type = ValueType::kScalar;
      return {};
    }
    Checked operator()(const Text&) const {
      node.type = ValueType::kString;
      return {};
    }
    Checked operator()(const VectorSelector& selector) const {
      node.type = ValueType::kVector;
      node.step_invariant = selector.shift.at.kind != At::Kind::kNone;
      return CheckSelector(node, selector);
    }
    Checked operator()(const MatrixSelector& matrix) const {
      node.type = ValueType::kMatrix;
      node.step_invariant = matrix.selector.shift.at.kind != At::Kind::kNone;
      return CheckSelector(node, matrix.selector);
    }
    Checked operator()(const Subquery& subquery) const {
      node.type = ValueType::kMatrix;
      node.depth = subquery.expr->depth + 1;
      // What is inside runs at its own steps; only "@" says where they are.
      node.step_invariant = subquery.shift.at.kind != At::Kind::kNone;
      if (subquery.expr->type != ValueType::kVector) {
        return FaultAt(node, "subquery is only allowed on instant vector, got " + std::string(TypeName(subquery.expr->type)) + " instead");
      }
      return {};
    }
    Checked operator()(const Unary& unary) const {
      TakeFromChild(node, *unary.expr);
      node.type = unary.expr->type;
      if (node.type == ValueType::kScalar || node.type == ValueType::kVector) return {};
      return FaultAt(node,
                     "unary expression only allowed on expressions of type scalar or instant vector, got " + Quoted(TypeName(node.type)));
    }
    Checked operator()(const Paren& paren) const {
      TakeFromChild(node, *paren.expr);
      node.type = paren.expr->type;
      return {};
    }
    Checked operator()(const Binary& binary) const {
      TakeFromChild(node, *binary.left);
      TakeFromChild(node, *binary.right);
      const bool scalar = binary.left->type == ValueType::kScalar && binary.right->type == ValueType::kScalar;
      node.type = scalar ? ValueType::kScalar : ValueType::kVector;
      return CheckBinary(node, binary);
    }
    Checked operator()(const Aggregate& aggregate) const {
      TakeFromChild(node, *aggregate.expr);
      if (aggregate.parameter) TakeFromChild(node, *aggregate.parameter);
      node.type = ValueType::kVector;
      return CheckAggregate(aggregate);
    }
    Checked operator()(const Call& call) const {
      for (const NodePtr& argument : call.arguments) TakeFromChild(node, *argument);
      if (call.function->depends_on_step) node.step_invariant = false;
      node.type = call.function->result;
      return CheckCall(node, call);
    }
  };
  return std::visit(Visitor{node}, node.as);
}

}  // namespace inferd::metrics::promql
