#include "metrics/promql/ast.h"

#include <algorithm>

#include "metrics/promql/format.h"
#include "metrics/promql/functions.h"
#include "metrics/promql/parser.h"

namespace inferd::metrics::promql {
namespace {

std::string Join(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ", ";
    out += IsPlainLabelName(name) ? name : Quoted(name);
  }
  return "(" + out + ")";
}

std::string PrintShift(const TimeShift& shift) {
  std::string out;
  switch (shift.at.kind) {
    case At::Kind::kNone: break;
    case At::Kind::kTime: out = " @ " + FormatValue(static_cast<double>(shift.at.time) / 1000); break;
    case At::Kind::kStart: out = " @ start()"; break;
    case At::Kind::kEnd: out = " @ end()"; break;
  }
  if (shift.has_offset) out += " offset " + FormatDuration(shift.offset);
  return out;
}

std::string PrintSelector(const VectorSelector& selector) {
  const auto is_name = [&](const Matcher& matcher) {
    return !selector.name.empty() && matcher.name() == kMetricName && matcher.kind() == MatchKind::kEqual &&
           matcher.value() == selector.name;
  };
  // Before braces that hold another condition on the name there may be none.
  const bool plain = CanStandAlone(selector.name) && std::ranges::all_of(selector.matchers, [&](const Matcher& matcher) {
                       return matcher.name() != kMetricName || is_name(matcher);
                     });
  std::string matchers = plain || selector.name.empty() ? "" : Quoted(selector.name);
  for (const Matcher& matcher : selector.matchers) {
    if (is_name(matcher)) continue;
    if (!matchers.empty()) matchers += ",";
    matchers += matcher.ToString();
  }
  if (matchers.empty()) return selector.name;
  return (plain ? selector.name : std::string()) + "{" + matchers + "}";
}

struct Printer {
  // Without the plus sign of "+Inf", which before "^" would take hold of the whole power.
  std::string operator()(const Number& number) const {
    const std::string text = FormatValue(number.value);
    return text.starts_with('+') ? text.substr(1) : text;
  }
  std::string operator()(const Text& text) const { return Quoted(text.value); }
  std::string operator()(const VectorSelector& selector) const { return PrintSelector(selector) + PrintShift(selector.shift); }
  std::string operator()(const MatrixSelector& matrix) const {
    return PrintSelector(matrix.selector) + "[" + FormatDuration(matrix.range) + "]" + PrintShift(matrix.selector.shift);
  }
  std::string operator()(const Subquery& subquery) const {
    return Print(*subquery.expr) + "[" + FormatDuration(subquery.range) + ":" +
           (subquery.step == 0 ? std::string() : FormatDuration(subquery.step)) + "]" + PrintShift(subquery.shift);
  }
  std::string operator()(const Unary& unary) const { return (unary.negative ? "-" : "+") + Print(*unary.expr); }
  std::string operator()(const Paren& paren) const { return "(" + Print(*paren.expr) + ")"; }
  std::string operator()(const Binary& binary) const {
    const Matching& matching = binary.matching;
    std::string out = Print(*binary.left) + " " + std::string(BinaryOpName(binary.op)) + (binary.return_bool ? " bool" : "");
    if (matching.on || !matching.labels.empty()) out += (matching.on ? " on " : " ignoring ") + Join(matching.labels);
    if (matching.cardinality == Cardinality::kManyToOne || matching.cardinality == Cardinality::kOneToMany) {
      if (!matching.on && matching.labels.empty()) out += " ignoring ()";
      out += (matching.cardinality == Cardinality::kManyToOne ? " group_left " : " group_right ") + Join(matching.include);
    }
    return out + " " + Print(*binary.right);
  }
  std::string operator()(const Aggregate& aggregate) const {
    std::string out(AggregateOpName(aggregate.op));
    if (aggregate.without || !aggregate.grouping.empty()) {
      out += (aggregate.without ? " without " : " by ") + Join(aggregate.grouping) + " ";
    }
    out += "(";
    if (aggregate.parameter) out += Print(*aggregate.parameter) + ", ";
    return out + Print(*aggregate.expr) + ")";
  }
  std::string operator()(const Call& call) const {
    std::string out;
    for (const NodePtr& argument : call.arguments) out += (out.empty() ? "" : ", ") + Print(*argument);
    return std::string(call.function->name) + "(" + out + ")";
  }
};

}  // namespace

std::string_view BinaryOpName(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd: return "+";
    case BinaryOp::kSubtract: return "-";
    case BinaryOp::kMultiply: return "*";
    case BinaryOp::kDivide: return "/";
    case BinaryOp::kModulo: return "%";
    case BinaryOp::kPower: return "^";
    case BinaryOp::kAtan2: return "atan2";
    case BinaryOp::kEqual: return "==";
    case BinaryOp::kNotEqual: return "!=";
    case BinaryOp::kGreater: return ">";
    case BinaryOp::kLess: return "<";
    case BinaryOp::kGreaterOrEqual: return ">=";
    case BinaryOp::kLessOrEqual: return "<=";
    case BinaryOp::kAnd: return "and";
    case BinaryOp::kOr: return "or";
    case BinaryOp::kUnless: return "unless";
  }
  return "";
}

std::string_view AggregateOpName(AggregateOp op) {
  switch (op) {
    case AggregateOp::kSum: return "sum";
    case AggregateOp::kAvg: return "avg";
    case AggregateOp::kCount: return "count";
    case AggregateOp::kMin: return "min";
    case AggregateOp::kMax: return "max";
    case AggregateOp::kGroup: return "group";
    case AggregateOp::kStddev: return "stddev";
    case AggregateOp::kStdvar: return "stdvar";
    case AggregateOp::kTopk: return "topk";
    case AggregateOp::kBottomk: return "bottomk";
    case AggregateOp::kCountValues: return "count_values";
    case AggregateOp::kQuantile: return "quantile";
  }
  return "";
}

const Node& Unwrapped(const Node& node) {
  const Node* inner = &node;
  while (const auto* paren = inner->Get<Paren>()) inner = paren->expr.get();
  return *inner;
}

std::string Print(const Node& node) { return std::visit(Printer{}, node.as); }

}  // namespace inferd::metrics::promql
