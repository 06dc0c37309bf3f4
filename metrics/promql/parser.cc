#include "metrics/promql/parser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metrics/promql/check.h"
#include "metrics/promql/functions.h"
#include "metrics/promql/lexer.h"
#include "runtime/base/utf8.h"

namespace inferd::metrics::promql {
namespace {

std::string Lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

struct Operator {
  BinaryOp op;
  int precedence;
};
constexpr int kMultiplyPrecedence = 5;
constexpr int kPowerPrecedence = 6;

// The binary operator that a token stands for.
std::optional<Operator> OperatorOf(const Token& token) {
  switch (token.kind) {
    case TokenKind::kAdd: return {{BinaryOp::kAdd, 4}};
    case TokenKind::kSubtract: return {{BinaryOp::kSubtract, 4}};
    case TokenKind::kMultiply: return {{BinaryOp::kMultiply, kMultiplyPrecedence}};
    case TokenKind::kDivide: return {{BinaryOp::kDivide, kMultiplyPrecedence}};
    case TokenKind::kModulo: return {{BinaryOp::kModulo, kMultiplyPrecedence}};
    case TokenKind::kPower: return {{BinaryOp::kPower, kPowerPrecedence}};
    case TokenKind::kEqual: return {{BinaryOp::kEqual, 3}};
    case TokenKind::kNotEqual: return {{BinaryOp::kNotEqual, 3}};
    case TokenKind::kGreater: return {{BinaryOp::kGreater, 3}};
    case TokenKind::kLess: return {{BinaryOp::kLess, 3}};
    case TokenKind::kGreaterOrEqual: return {{BinaryOp::kGreaterOrEqual, 3}};
    case TokenKind::kLessOrEqual: return {{BinaryOp::kLessOrEqual, 3}};
    case TokenKind::kIdentifier: {
      const std::string word = Lowered(token.text);
      if (word == "and") return {{BinaryOp::kAnd, 2}};
      if (word == "unless") return {{BinaryOp::kUnless, 2}};
      if (word == "or") return {{BinaryOp::kOr, 1}};
      if (word == "atan2") return {{BinaryOp::kAtan2, kMultiplyPrecedence}};
      return std::nullopt;
    }
    default: return std::nullopt;
  }
}

constexpr std::array<AggregateOp, 12> kAggregateOps = {AggregateOp::kSum,     AggregateOp::kAvg,         AggregateOp::kCount,
                                                       AggregateOp::kMin,     AggregateOp::kMax,         AggregateOp::kGroup,
                                                       AggregateOp::kStddev,  AggregateOp::kStdvar,      AggregateOp::kTopk,
                                                       AggregateOp::kBottomk, AggregateOp::kCountValues, AggregateOp::kQuantile};

std::optional<AggregateOp> AggregateOf(std::string_view word) {
  const std::string lowered = Lowered(word);
  const auto* const found = std::ranges::find(kAggregateOps, lowered, AggregateOpName);
  return found == kAggregateOps.end() ? std::nullopt : std::optional(*found);
}

// Words of the language that cannot name a metric.
bool IsReserved(std::string_view word) {
  constexpr std::array<std::string_view, 6> kReserved = {"on", "ignoring", "group_left", "group_right", "bool", "atan2"};
  return std::ranges::find(kReserved, Lowered(word)) != kReserved.end();
}

// Words that are numbers, whatever the case.
bool IsNumberWord(std::string_view word) {
  const std::string lowered = Lowered(word);
  return lowered == "inf" || lowered == "nan";
}

std::string Describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd: return "end of input";
    case TokenKind::kIdentifier: return "identifier " + Quoted(token.text);
    case TokenKind::kNumber: return "number " + Quoted(token.text);
    case TokenKind::kDuration: return "duration " + Quoted(token.text);
    case TokenKind::kString: return "string " + Quoted(token.text);
    default: return "\"" + token.text + "\"";
  }
}

class Parser {
 public:
  Parser(std::string_view query, std::vector<Token> tokens) : query_(query), tokens_(std::move(tokens)) {
    const auto regexes = std::ranges::count_if(
        tokens_, [](const Token& token) { return token.kind == TokenKind::kMatchRegex || token.kind == TokenKind::kMatchNotRegex; });
    regex_bytes_ = Regex::kMaxBytes / std::max<std::int64_t>(regexes, 1);
  }

  Result<NodePtr> Whole() {
    if (Peek().kind == TokenKind::kEnd) return Fail(Peek(), "no expression found in input");
    INFERD_ASSIGN_OR_RETURN(NodePtr node, Expression(0));
    if (Peek().kind != TokenKind::kEnd) return Fail(Peek(), "unexpected " + Describe(Peek()));
    return node;
  }

  Result<VectorSelector> WholeSeriesName() {
    INFERD_ASSIGN_OR_RETURN(VectorSelector selector, Selector());
    if (Peek().kind != TokenKind::kEnd) return Fail(Peek(), "unexpected " + Describe(Peek()));
    return selector;
  }

 private:
  const Token& Peek(std::size_t ahead = 0) const { return tokens_[std::min(position_ + ahead, tokens_.size() - 1)]; }
  const Token& Take() { return tokens_[position_ < tokens_.size() - 1 ? position_++ : position_]; }
  bool TakeIf(TokenKind kind) {
    if (Peek().kind != kind) return false;
    Take();
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (Peek().kind != TokenKind::kIdentifier || Lowered(Peek().text) != word) return false;
    Take();
    return true;
  }
  std::size_t LastEnd() const { return position_ == 0 ? 0 : tokens_[position_ - 1].range.end; }

  tl::unexpected<Status> Fail(std::size_t position, std::string_view what) const {
    return tl::unexpected(ParseError(query_, position, what));
  }
  tl::unexpected<Status> Fail(const Token& token, std::string_view what) const { return Fail(token.range.start, what); }
  tl::unexpected<Status> Unexpected(std::string_view where, std::string_view wanted) const {
    return Fail(Peek(), "unexpected " + Describe(Peek()) + " in " + std::string(where) +
                            (wanted.empty() ? std::string() : ", expected " + std::string(wanted)));
  }
  // Prometheus knows it, behind a flag.
  tl::unexpected<Status> Experimental(const Token& token, const std::string& what) const {
    Status status = ParseError(query_, token.range.start, what + " is experimental, and not supported");
    status.code = Code::kUnsupported;
    return tl::unexpected(std::move(status));
  }
  Result<> Expect(TokenKind kind, std::string_view where, std::string_view wanted) {
    if (TakeIf(kind)) return {};
    return Unexpected(where, wanted);
  }

  template <typename T>
  Result<NodePtr> Finish(T value, std::size_t start) {
    auto node = std::make_unique<Node>();
    node->as = std::move(value);
    node->range = {start, LastEnd()};
    if (auto checked = CheckNode(*node); !checked) return Fail(checked.error().position, checked.error().what);
    if (node->depth > kMaxDepth) return Fail(start, "expression is nested too deeply");
    return node;
  }

  // Counts the levels of the parser's own recursion.
  class Level {
   public:
    explicit Level(int& level) : level_(level) { ++level_; }
    ~Level() { --level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    int& level_;
  };

  Result<NodePtr> Expression(int least_precedence) {
    const Level level(level_);
    if (level_ > kMaxDepth) return Fail(Peek(), "expression is nested too deeply");
    const std::size_t start = Peek().range.start;
    INFERD_ASSIGN_OR_RETURN(NodePtr left, UnaryExpression());
    while (const auto op = OperatorOf(Peek())) {
      if (op->precedence < least_precedence) break;
      Take();
      Binary binary{.op = op->op};
      INFERD_RETURN_IF_ERROR(BinaryModifiers(binary));
      // All operators group from the left but the power.
      INFERD_ASSIGN_OR_RETURN(binary.right, Expression(op->op == BinaryOp::kPower ? op->precedence : op->precedence + 1));
      binary.left = std::move(left);
      INFERD_ASSIGN_OR_RETURN(left, Finish(std::move(binary), start));
    }
    return left;
  }

  Result<> BinaryModifiers(Binary& binary) {
    binary.return_bool = TakeWord("bool");
    Matching& matching = binary.matching;
    if (IsSetOperator(binary.op)) matching.cardinality = Cardinality::kManyToMany;
    matching.on = TakeWord("on");
    if (!matching.on && !TakeWord("ignoring")) return {};
    INFERD_ASSIGN_OR_RETURN(matching.labels, GroupingLabels());
    const bool left = TakeWord("group_left");
    if (!left && !TakeWord("group_right")) return {};
    matching.cardinality = left ? Cardinality::kManyToOne : Cardinality::kOneToMany;
    if (Peek().kind == TokenKind::kLeftParen) {
      INFERD_ASSIGN_OR_RETURN(matching.include, GroupingLabels());
    }
    return {};
  }

  Result<std::vector<std::string>> GroupingLabels() {
    constexpr std::string_view kWhere = "grouping opts";
    INFERD_RETURN_IF_ERROR(Expect(TokenKind::kLeftParen, kWhere, "\"(\""));
    std::vector<std::string> labels;
    while (!TakeIf(TokenKind::kRightParen)) {
      const bool quoted = Peek().kind == TokenKind::kString && !Peek().text.empty() && IsValidUtf8(Peek().text);
      if (!quoted && (Peek().kind != TokenKind::kIdentifier || IsNumberWord(Peek().text))) return Unexpected(kWhere, "label");
      labels.push_back(Take().text);
      if (Peek().kind != TokenKind::kRightParen) INFERD_RETURN_IF_ERROR(Expect(TokenKind::kComma, kWhere, "\",\" or \")\""));
    }
    return labels;
  }

  Result<NodePtr> UnaryExpression() {
    const Token sign = Peek();
    if (sign.kind != TokenKind::kAdd && sign.kind != TokenKind::kSubtract) return Postfix();
    Take();
    INFERD_ASSIGN_OR_RETURN(NodePtr operand, Expression(kPowerPrecedence));
    const bool negative = sign.kind == TokenKind::kSubtract;
    if (auto* number = std::get_if<Number>(&operand->as)) {
      if (negative) number->value = -number->value;
      operand->range.start = sign.range.start;
      return operand;
    }
    return Finish(Unary{.negative = negative, .expr = std::move(operand)}, sign.range.start);
  }

  // A primary expression and what may stand behind it: a range or subquery, offset, @.
  Result<NodePtr> Postfix() {
    const std::size_t start = Peek().range.start;
    INFERD_ASSIGN_OR_RETURN(NodePtr node, Primary());
    while (true) {
      if (Peek().kind == TokenKind::kLeftBracket) {
        INFERD_ASSIGN_OR_RETURN(node, Brackets(std::move(node), start));
      } else if (TakeWord("offset")) {
        INFERD_RETURN_IF_ERROR(Offset(*node));
      } else if (TakeIf(TokenKind::kAt)) {
        INFERD_RETURN_IF_ERROR(AtModifier(*node));
      } else {
        return node;
      }
      node->range.end = LastEnd();
      if (node->depth > kMaxDepth) return Fail(start, "expression is nested too deeply");
    }
  }

  Result<NodePtr> Primary() {
    const Token token = Peek();
    switch (token.kind) {
      case TokenKind::kNumber:
      case TokenKind::kDuration: Take(); return Finish(Number{token.number}, token.range.start);
      case TokenKind::kString: Take(); return Finish(Text{token.text}, token.range.start);
      case TokenKind::kLeftParen: {
        Take();
        INFERD_ASSIGN_OR_RETURN(NodePtr inner, Expression(0));
        INFERD_RETURN_IF_ERROR(Expect(TokenKind::kRightParen, "paren expression", "\")\""));
        return Finish(Paren{std::move(inner)}, token.range.start);
      }
      case TokenKind::kLeftBrace: break;
      case TokenKind::kIdentifier: {
        const Token& next = Peek(1);
        const std::string word = Lowered(token.text);
        if (IsNumberWord(word)) {
          Take();
          return Finish(Number{word == "inf" ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN()},
                        token.range.start);
        }
        const bool grouped = next.kind == TokenKind::kIdentifier && (Lowered(next.text) == "by" || Lowered(next.text) == "without");
        if (next.kind == TokenKind::kLeftParen || grouped) {
          if (const auto op = AggregateOf(token.text)) return Aggregation(*op);
          if (word == "limitk" || word == "limit_ratio") return Experimental(token, word + "()");
        }
        if (next.kind == TokenKind::kLeftParen) return FunctionCall();
        if (IsReserved(token.text)) return Unexpected("expression", "");
        break;
      }
      default: return Fail(token, "unexpected " + Describe(token));
    }
    INFERD_ASSIGN_OR_RETURN(VectorSelector selector, Selector());
    return Finish(std::move(selector), token.range.start);
  }

  // name, name{...} or {...}
  Result<VectorSelector> Selector() {
    VectorSelector selector;
    const Token first = Peek();
    const bool named_outside = TakeIf(TokenKind::kIdentifier);
    if (named_outside) {
      selector.name = first.text;
    } else if (first.kind != TokenKind::kLeftBrace) {
      return Unexpected("metric description", "a metric");
    }
    if (TakeIf(TokenKind::kLeftBrace)) {
      while (!TakeIf(TokenKind::kRightBrace)) {
        INFERD_RETURN_IF_ERROR(LabelMatcher(selector));
        if (Peek().kind != TokenKind::kRightBrace) INFERD_RETURN_IF_ERROR(Expect(TokenKind::kComma, "label matching", "\",\" or \"}\""));
      }
    }
    if (!selector.name.empty()) {
      // Inside of braces there may be more than one; a series that meets them all is rarely there.
      const auto second = std::ranges::find(selector.matchers, kMetricName, &Matcher::name);
      if (named_outside && second != selector.matchers.end()) {
        return Fail(first, "metric name must not be set twice: " + Quoted(selector.name) + " or " + Quoted(second->value()));
      }
      auto name = Matcher::Make(MatchKind::kEqual, std::string(kMetricName), selector.name);
      selector.matchers.push_back(std::move(*name));
    }
    return selector;
  }

  Result<> LabelMatcher(VectorSelector& selector) {
    constexpr std::string_view kWhere = "label matching";
    const Token label = Peek();
    if (label.kind != TokenKind::kIdentifier && label.kind != TokenKind::kString) return Unexpected(kWhere, "identifier or \"}\"");
    Take();
    const Token op = Peek();
    MatchKind kind = MatchKind::kEqual;
    switch (op.kind) {
      case TokenKind::kAssign: break;
      case TokenKind::kNotEqual: kind = MatchKind::kNotEqual; break;
      case TokenKind::kMatchRegex: kind = MatchKind::kRegex; break;
      case TokenKind::kMatchNotRegex: kind = MatchKind::kNotRegex; break;
      default:
        // A text alone is the metric's name.
        if (label.kind != TokenKind::kString) return Unexpected(kWhere, "label matching operator");
        if (selector.name.empty() && !label.text.empty()) {
          selector.name = label.text;
        } else {
          selector.matchers.push_back(*Matcher::Make(MatchKind::kEqual, std::string(kMetricName), label.text));
        }
        return {};
    }
    Take();
    if (Peek().kind != TokenKind::kString) return Unexpected(kWhere, "string");
    const Token value = Take();
    auto matcher = Matcher::Make(kind, label.text, value.text, regex_bytes_);
    if (!matcher) return Fail(value, "error parsing regexp: " + matcher.error().message);
    selector.matchers.push_back(std::move(*matcher));
    return {};
  }

  Result<std::vector<NodePtr>> Arguments(std::string_view where) {
    INFERD_RETURN_IF_ERROR(Expect(TokenKind::kLeftParen, where, "\"(\""));
    std::vector<NodePtr> arguments;
    if (TakeIf(TokenKind::kRightParen)) return arguments;
    while (true) {
      INFERD_ASSIGN_OR_RETURN(NodePtr argument, Expression(0));
      arguments.push_back(std::move(argument));
      if (TakeIf(TokenKind::kRightParen)) return arguments;
      INFERD_RETURN_IF_ERROR(Expect(TokenKind::kComma, where, "\",\" or \")\""));
    }
  }

  Result<NodePtr> Aggregation(AggregateOp op) {
    const std::size_t start = Take().range.start;
    Aggregate aggregate{.op = op};
    const auto modifier = [&]() -> Result<bool> {
      const bool by = TakeWord("by");
      aggregate.without = !by && TakeWord("without");
      if (!by && !aggregate.without) return false;
      INFERD_ASSIGN_OR_RETURN(aggregate.grouping, GroupingLabels());
      return true;
    };
    INFERD_ASSIGN_OR_RETURN(const bool before, modifier());
    INFERD_ASSIGN_OR_RETURN(auto arguments, Arguments("aggregation"));
    if (!before) INFERD_RETURN_IF_ERROR(modifier());
    if (arguments.empty()) return Fail(start, "no arguments for aggregate expression provided");
    const std::size_t wanted = TakesParameter(op) ? 2 : 1;
    if (arguments.size() != wanted) {
      return Fail(start, "wrong number of arguments for aggregate expression provided, expected " + std::to_string(wanted) + ", got " +
                             std::to_string(arguments.size()));
    }
    aggregate.expr = std::move(arguments.back());
    if (wanted == 2) aggregate.parameter = std::move(arguments.front());
    return Finish(std::move(aggregate), start);
  }

  Result<NodePtr> FunctionCall() {
    const Token name = Take();
    const Function* function = FindFunction(name.text);
    if (function == nullptr) {
      if (IsExperimental(name.text)) return Experimental(name, name.text + "()");
      return Fail(name, "unknown function with name " + Quoted(name.text));
    }
    INFERD_ASSIGN_OR_RETURN(auto arguments, Arguments("function call"));
    return Finish(Call{.function = function, .arguments = std::move(arguments)}, name.range.start);
  }

  // A duration, or a number of seconds.
  Result<Millis> DurationValue(std::string_view where, bool positive) {
    const Token token = Peek();
    const bool sign = positive && (token.kind == TokenKind::kAdd || token.kind == TokenKind::kSubtract);
    if (sign || token.kind == TokenKind::kLeftParen || (token.kind == TokenKind::kIdentifier && token.text == "step")) {
      return Experimental(token, "arithmetic on durations");
    }
    if (token.kind != TokenKind::kNumber && token.kind != TokenKind::kDuration) return Unexpected(where, "number or duration");
    Take();
    Millis duration = token.duration;
    if (token.kind == TokenKind::kNumber) {
      constexpr double kMost = 9.2e9;  // seconds in 292 years
      if (!(std::abs(token.number) < kMost)) return Fail(token, "duration out of range");
      duration = std::llround(token.number * 1e9) / 1'000'000;  // rounded to nanoseconds, cut to milliseconds
    }
    if (positive && duration <= 0) return Fail(token, "duration must be greater than 0");
    return duration;
  }

  // [5m] or [5m:1m]
  Result<NodePtr> Brackets(NodePtr node, std::size_t start) {
    const Token bracket = Take();
    INFERD_ASSIGN_OR_RETURN(const Millis range, DurationValue("subquery or range selector", true));
    if (OperatorOf(Peek())) return Experimental(Peek(), "arithmetic on durations");
    if (TakeIf(TokenKind::kColon)) {
      Subquery subquery{.expr = std::move(node), .range = range};
      if (Peek().kind != TokenKind::kRightBracket) {
        INFERD_ASSIGN_OR_RETURN(subquery.step, DurationValue("subquery", true));
        if (OperatorOf(Peek())) return Experimental(Peek(), "arithmetic on durations");
      }
      INFERD_RETURN_IF_ERROR(Expect(TokenKind::kRightBracket, "subquery selector", "\"]\""));
      return Finish(std::move(subquery), start);
    }
    INFERD_RETURN_IF_ERROR(Expect(TokenKind::kRightBracket, "range selector", "\":\" or \"]\""));
    auto* selector = std::get_if<VectorSelector>(&node->as);
    if (selector == nullptr) return Fail(bracket, "ranges only allowed for vector selectors");
    if (selector->shift.has_offset) return Fail(bracket, "no offset modifiers allowed before range");
    if (selector->shift.at.kind != At::Kind::kNone) return Fail(bracket, "no @ modifiers allowed before range");
    return Finish(MatrixSelector{.selector = std::move(*selector), .range = range}, start);
  }

  static TimeShift* ShiftOf(Node& node) {
    if (auto* selector = std::get_if<VectorSelector>(&node.as)) return &selector->shift;
    if (auto* matrix = std::get_if<MatrixSelector>(&node.as)) return &matrix->selector.shift;
    if (auto* subquery = std::get_if<Subquery>(&node.as)) return &subquery->shift;
    return nullptr;
  }

  Result<> Offset(Node& node) {
    bool negative = false;
    for (; Peek().kind == TokenKind::kSubtract || Peek().kind == TokenKind::kAdd; Take()) {
      negative = negative != (Peek().kind == TokenKind::kSubtract);
    }
    INFERD_ASSIGN_OR_RETURN(const Millis offset, DurationValue("offset", false));
    TimeShift* shift = ShiftOf(node);
    if (shift == nullptr) {
      return Fail(node.range.start,
                  "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery");
    }
    if (shift->has_offset) return Fail(node.range.start, "offset may not be set multiple times");
    shift->has_offset = true;
    shift->offset = negative ? -offset : offset;
    return {};
  }

  Result<> AtModifier(Node& node) {
    At at;
    const Token token = Peek();
    if (token.kind == TokenKind::kIdentifier && (Lowered(token.text) == "start" || Lowered(token.text) == "end")) {
      Take();
      at.kind = Lowered(token.text) == "start" ? At::Kind::kStart : At::Kind::kEnd;
      INFERD_RETURN_IF_ERROR(Expect(TokenKind::kLeftParen, "@", "\"(\""));
      INFERD_RETURN_IF_ERROR(Expect(TokenKind::kRightParen, "@", "\")\""));
    } else {
      INFERD_ASSIGN_OR_RETURN(at.time, AtTime());
      at.kind = At::Kind::kTime;
    }
    TimeShift* shift = ShiftOf(node);
    if (shift == nullptr) {
      return Fail(node.range.start, "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery");
    }
    if (shift->at.kind != At::Kind::kNone) return Fail(node.range.start, "@ <timestamp> may not be set multiple times");
    shift->at = at;
    node.step_invariant = true;
    return {};
  }

  Result<Millis> AtTime() {
    const bool negative = Peek().kind == TokenKind::kSubtract;
    if (negative || Peek().kind == TokenKind::kAdd) Take();
    const Token token = Peek();
    const auto as_number = [&]() -> std::optional<double> {
      if (token.kind == TokenKind::kNumber || token.kind == TokenKind::kDuration) return token.number;
      if (token.kind != TokenKind::kIdentifier) return std::nullopt;
      const std::string word = Lowered(token.text);
      if (word == "inf") return std::numeric_limits<double>::infinity();
      if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
      return std::nullopt;
    }();
    if (!as_number) return Unexpected("@", "timestamp");
    Take();
    constexpr double kMost = 4e15;  // seconds whose milliseconds fit, with lookback and offsets on either side
    if (!(std::abs(*as_number) < kMost)) return Fail(token, "timestamp out of bounds for @ modifier: " + token.text);
    return static_cast<Millis>(std::llround((negative ? -*as_number : *as_number) * 1000));
  }

  std::string_view query_;
  std::vector<Token> tokens_;
  std::size_t position_ = 0;
  int level_ = 0;
  std::int64_t regex_bytes_ = 0;  // for each regular expression: many may take no more memory and time than one
};

}  // namespace

Result<std::shared_ptr<const Node>> Parse(std::string_view query) {
  if (query.size() > kMaxQueryBytes) {
    return tl::unexpected(ParseError(query, 0, "expression is longer than " + std::to_string(kMaxQueryBytes) + " bytes"));
  }
  INFERD_ASSIGN_OR_RETURN(auto tokens, Tokenize(query));
  INFERD_ASSIGN_OR_RETURN(NodePtr node, Parser(query, std::move(tokens)).Whole());
  return std::shared_ptr<const Node>(std::move(node));
}

bool CanStandAlone(std::string_view metric_name) {
  return IsPlainMetricName(metric_name) && !IsReserved(metric_name) && !IsNumberWord(metric_name);
}

Result<Labels> ParseSeriesName(std::string_view text) {
  INFERD_ASSIGN_OR_RETURN(auto tokens, Tokenize(text));
  INFERD_ASSIGN_OR_RETURN(const VectorSelector selector, Parser(text, std::move(tokens)).WholeSeriesName());
  std::vector<Label> labels;
  for (const Matcher& matcher : selector.matchers) {
    if (matcher.kind() != MatchKind::kEqual) return tl::unexpected(ParseError(text, 0, "a series is named by equal signs alone"));
    labels.push_back({matcher.name(), matcher.value()});
  }
  return Labels::From(std::move(labels));
}

}  // namespace inferd::metrics::promql
