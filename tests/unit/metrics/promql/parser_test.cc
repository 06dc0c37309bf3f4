// Expressions and how they print, which shows how they were grouped; and what is refused, where, and in which words.
#include "metrics/promql/parser.h"

#include <ostream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "metrics/promql/functions.h"

namespace inferd::metrics::promql {
namespace {

using ::testing::HasSubstr;

// Every operator's operands in brackets.
std::string Grouped(const Node& node) {
  if (const auto* binary = node.Get<Binary>()) {
    return "[" + Grouped(*binary->left) + " " + std::string(BinaryOpName(binary->op)) + " " + Grouped(*binary->right) + "]";
  }
  if (const auto* unary = node.Get<Unary>()) return (unary->negative ? "-[" : "+[") + Grouped(*unary->expr) + "]";
  return Print(node);
}

struct Precedence {
  const char* query;
  const char* grouped;
};
class Operators : public ::testing::TestWithParam<Precedence> {};
TEST_P(Operators, Group) {
  const auto node = Parse(GetParam().query);
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(Grouped(**node), GetParam().grouped);
}
INSTANTIATE_TEST_SUITE_P(Table, Operators,
                         ::testing::Values(Precedence{"1 + 2 * 3", "[1 + [2 * 3]]"}, Precedence{"1 - 2 - 3", "[[1 - 2] - 3]"},
                                           Precedence{"2 ^ 3 ^ 2", "[2 ^ [3 ^ 2]]"}, Precedence{"-a ^ 2", "-[[a ^ 2]]"},
                                           Precedence{"-a * b", "[-[a] * b]"}, Precedence{"2 ^ -a", "[2 ^ -[a]]"},
                                           Precedence{"a or b and c", "[a or [b and c]]"},
                                           Precedence{"a unless b and c", "[[a unless b] and c]"},
                                           Precedence{"a + b > c or d", "[[[a + b] > c] or d]"},
                                           Precedence{"a % b atan2 c", "[[a % b] atan2 c]"}, Precedence{"-a offset 5m", "-[a offset 5m]"},
                                           Precedence{"a == bool b", "[a == b]"}));

class Forms : public ::testing::TestWithParam<const char*> {};
// What prints as it was written.
TEST_P(Forms, PrintAsWritten) {
  const auto node = Parse(GetParam());
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(Print(**node), GetParam());
}
INSTANTIATE_TEST_SUITE_P(
    Table, Forms,
    ::testing::Values("1", "-1", "0.5", "Inf", "-Inf", "Inf ^ 1", "\"text\"", "up", "a:b", R"(up{a="1",b!="2",c=~"3.*",d!~"4"})",
                      R"({__name__=~"up.*"})", R"({"with.dot","a b"="1"})", R"({"on"})", R"({"up",__name__="down"})",
                      R"({__name__="",a="1"})", "up[5m]", "up[1h30m] offset -5m", "up @ 12.5", "up[5m] @ start() offset 1d", "up[5m:]",
                      "(up + 1)[1h:30s] @ end()", "rate(up[5m])", "sum(up)", "sum by (a, b) (up)", "sum without (a) (up)", "topk(5, up)",
                      R"(count_values("v", up))", "quantile by (a) (0.9, up)", "a + on (x) b", "a * ignoring (x, y) b",
                      "a / on (x) group_left (y) b", "a - ignoring (x) group_right () b", "a > bool 1", "a and on (x) b", "-(up)", "time()",
                      "sum", "by + without", R"(sum by ("a b") (up))", "label_join(up, \"d\", \",\", \"a\", \"b\")", "vector(1)"));

TEST(Parser, ReadsTheManyFormsOfOneThing) {
  const auto printed = [](const char* query) {
    const auto node = Parse(query);
    return node ? Print(**node) : node.error().message;
  };
  EXPECT_EQ(printed("sum(up) BY (a,)"), "sum by (a) (up)");
  EXPECT_EQ(printed("SUM(up)"), "sum(up)");
  EXPECT_EQ(printed("up [ 300 ]"), "up[5m]");
  EXPECT_EQ(printed("up{a='1',}"), R"(up{a="1"})");
  EXPECT_EQ(printed("{\"up\"}"), "up");
  EXPECT_EQ(printed("up offset 60"), "up offset 1m");
  EXPECT_EQ(printed("1h"), "3600");
  EXPECT_EQ(printed("+inf"), "Inf");
  EXPECT_EQ(printed("up # comment\n + 1"), "up + 1");
  EXPECT_EQ(printed("up{a=\"\\u00e9\\x41\\n\"}"), "up{a=\"\xC3\xA9\x41\\n\"}");
  EXPECT_EQ(printed("`raw\\n`"), R"("raw\\n")");
  EXPECT_EQ(printed("up{on=\"1\",by=\"2\"}"), R"(up{on="1",by="2"})");
}

struct Refused {
  const char* query;
  const char* message;  // a part of it
};
void PrintTo(const Refused& r, std::ostream* out) { *out << r.query; }
class Refusals : public ::testing::TestWithParam<Refused> {};
TEST_P(Refusals, SayWhereAndWhat) {
  const auto node = Parse(GetParam().query);
  ASSERT_FALSE(node);
  EXPECT_THAT(node.error().message, HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    Table, Refusals,
    ::testing::Values(
        Refused{"", "1:1: parse error: no expression found in input"}, Refused{"1 +", "1:4: parse error: unexpected end of input"},
        Refused{"a\n  + )", "2:5: parse error: unexpected right parenthesis ')'"},
        Refused{"(a", "1:3: parse error: unclosed left parenthesis"}, Refused{"a b", "1:3: parse error: unexpected identifier \"b\""},
        Refused{"foo(a)", "1:1: parse error: unknown function with name \"foo\""},
        Refused{"rate(a)", "expected type range vector in call to function \"rate\", got instant vector"},
        Refused{"rate(a[5m], 1)", "expected 1 argument(s) in call to \"rate\", got 2"},
        Refused{"label_join(a, \"b\")", "expected at least 3 argument(s) in call to \"label_join\", got 2"},
        Refused{"round(a, 1, 2)", "expected at most 2 argument(s) in call to \"round\", got 3"},
        Refused{"sum()", "no arguments for aggregate expression provided"},
        Refused{"topk(a)", "wrong number of arguments for aggregate expression provided, expected 2, got 1"},
        Refused{"topk(\"a\", a)", "expected type scalar in aggregation parameter, got string"},
        Refused{"sum(1)", "expected type instant vector in aggregation expression, got scalar"},
        Refused{"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        Refused{"{a=~\".*\"}", "vector selector must contain at least one non-empty matcher"},
        Refused{"up{__name__=\"down\"}", "metric name must not be set twice: \"up\" or \"down\""},
        Refused{"{a=~\"(\"}", "1:5: parse error: error parsing regexp"}, Refused{"up{a}", "expected label matching operator"},
        Refused{"up{a=1}", "1:6: parse error: unexpected number \"1\" in label matching, expected string"},
        Refused{"up{a=\"1\"", "unexpected end of input inside braces"}, Refused{"up[5m", "unexpected end of input inside brackets"},
        Refused{"up[0s]", "duration must be greater than 0"}, Refused{"(up)[5m]", "ranges only allowed for vector selectors"},
        Refused{"up offset 5m [5m]", "no offset modifiers allowed before range"},
        Refused{"up @ 1 [5m]", "no @ modifiers allowed before range"},
        Refused{"up offset 1m offset 2m", "offset may not be set multiple times"},
        Refused{"up @ 1 @ 2", "@ <timestamp> may not be set multiple times"},
        Refused{"1 offset 5m", "offset modifier must be preceded by an instant vector selector"},
        Refused{"up @ Inf", "timestamp out of bounds for @ modifier"},
        Refused{"1 > 2", "comparisons between scalars must use BOOL modifier"},
        Refused{"a + bool b", "bool modifier can only be used on comparison operators"},
        Refused{"a and 1", "set operator \"and\" not allowed in binary scalar expression"},
        Refused{"a and on (x) group_left b", "no grouping allowed for \"and\" operation"},
        Refused{"a + on (x) 1", "vector matching only allowed between instant vectors"},
        Refused{"a + on (x) group_left (x) b", "label \"x\" must not occur in ON and GROUP clause at once"},
        Refused{"a[5m] + 1", "binary expression must contain only scalar and instant vector types"},
        Refused{"-a[5m]", "unary expression only allowed on expressions of type scalar or instant vector"},
        Refused{"1[5m:]", "subquery is only allowed on instant vector, got scalar instead"},
        Refused{"a[5m][5m:]", "subquery is only allowed on instant vector"}, Refused{"1.2.3", "bad number or duration syntax: \"1.2.3\""},
        Refused{"5mm", "bad number or duration syntax"}, Refused{"a[5]m", "unexpected identifier \"m\""},
        Refused{"\"a", "1:1: parse error: unterminated quoted string"}, Refused{"'\\q'", "unknown escape sequence"},
        Refused{"a $ b", "unexpected character: '$'"}, Refused{"a\xFF", "invalid UTF-8"}, Refused{"on", "unexpected identifier \"on\""},
        Refused{"sum by (1) (a)", "unexpected number \"1\" in grouping opts, expected label"}));

TEST(Parser, NamesWhatIsExperimental) {
  for (const char* query :
       {"mad_over_time(a[5m])", "limitk(1, a)", "limit_ratio by (x) (0.5, a)", "info(a)", "a[5m + 1m]", "a offset step()"}) {
    const auto node = Parse(query);
    ASSERT_FALSE(node) << query;
    EXPECT_EQ(node.error().code, Code::kUnsupported) << query;
  }
}

TEST(Parser, EveryFunctionIsFound) {
  std::string previous;
  for (const Function& function : Functions()) {
    EXPECT_LT(previous, function.name) << "the table is sorted";
    EXPECT_EQ(FindFunction(function.name), &function);
    previous = function.name;
  }
  EXPECT_EQ(FindFunction("no_such_function"), nullptr);
}

TEST(Parser, KnowsWhatIsTheSameAtEveryStep) {
  const auto invariant = [](const char* query) { return Parse(query).value()->step_invariant; };
  EXPECT_TRUE(invariant("a @ 5"));
  EXPECT_TRUE(invariant("sum(rate(a[5m] @ end())) + 1"));
  EXPECT_TRUE(invariant("max_over_time(a[5m:1m] @ 5)"));
  EXPECT_FALSE(invariant("a"));
  EXPECT_FALSE(invariant("a @ 5 + b"));
  EXPECT_FALSE(invariant("timestamp(a @ 5)"));
  EXPECT_FALSE(invariant("max_over_time((a @ 5)[5m:1m])"));
}

TEST(SeriesName, IsReadAsItIsWritten) {
  EXPECT_EQ(ParseSeriesName("up{a=\"1\"}").value(), (Labels{{"__name__", "up"}, {"a", "1"}}));
  EXPECT_EQ(ParseSeriesName("{}").value(), Labels());
  EXPECT_EQ(ParseSeriesName("{\"with.dot\"}").value(), (Labels{{"__name__", "with.dot"}}));
  EXPECT_FALSE(ParseSeriesName("up{a!=\"1\"}"));
  EXPECT_FALSE(ParseSeriesName("up + 1"));
}

}  // namespace
}  // namespace inferd::metrics::promql
