// The runner of test scripts must fail what is wrong: each case here is a script and what the runner must say of it.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "metrics/promql/script_test.h"

namespace inferd::metrics::promql {
namespace {

using ::testing::HasSubstr;

const std::string kLoad = "load 1m\n  up{a=\"1\"} 1 2 3\n  up{a=\"2\"} 4 5 6\n  down 7 7 7\n\n";

ScriptReport RunWithData(const std::string& rest) { return RunScript(kLoad + rest); }

struct Wrong {
  const char* script;
  const char* message;
};
void PrintTo(const Wrong& w, std::ostream* out) { *out << w.script; }
class WrongScripts : public ::testing::TestWithParam<Wrong> {};
TEST_P(WrongScripts, Fail) {
  const auto report = RunWithData(GetParam().script);
  EXPECT_EQ(report.passed, 0);
  ASSERT_EQ(report.failed, 1);
  EXPECT_THAT(report.failures[0].message, HasSubstr(GetParam().message));
  EXPECT_GE(report.failures[0].line, 6U);
}
INSTANTIATE_TEST_SUITE_P(
    Table, WrongScripts,
    ::testing::Values(
        Wrong{"eval instant at 1m up{a=\"1\"}\n  up{a=\"1\"} 3\n", "expected 3, got 2"},
        Wrong{"eval instant at 1m up\n  up{a=\"1\"} 2\n", "unexpected series up{a=\"2\"}"},
        Wrong{"eval instant at 1m down\n  down 7\n  up 1\n", "expected series up is not there"},
        Wrong{"eval instant at 1m down\n", "unexpected series down"}, Wrong{"eval instant at 1m down\n  7\n", "expected a scalar"},
        Wrong{"eval instant at 1m 1\n  {} 1\n", "expected a vector"}, Wrong{"eval instant at 1m 1 + 1\n  3\n", "expected 3, got 2"},
        Wrong{"eval instant at 1m \"x\"\n  expect string \"y\"\n", "expected string \"y\", got \"x\""},
        Wrong{"eval instant at 1m down\n  expect fail\n", "expected to fail, and did not"},
        Wrong{"eval_fail instant at 1m down\n", "expected to fail, and did not"},
        Wrong{"eval instant at 1m up + on () up\n  expect fail msg: something else\n", "failed with another message"},
        Wrong{"eval instant at 1m up + on () up\n  expect fail regex: nothing.like.it\n", "failed with another message"},
        Wrong{"eval_fail instant at 1m up + on () up\n  expected_fail_message other\n", "failed with another message"},
        Wrong{"eval instant at 1m up + on () up\n", "failed: found duplicate series"},
        Wrong{"eval instant at 1m down\n  expect warn\n  down 7\n", "expected warning is not there"},
        Wrong{"eval instant at 1m rate(down[2m])\n  expect no_info\n  {} 0\n", "unexpected info"},
        Wrong{"eval instant at 1m quantile(2, down)\n  expect no_warn\n  {} Inf\n", "unexpected warning"},
        Wrong{"eval instant at 1m quantile(2, down)\n  expect warn msg: other\n  {} Inf\n", "expected warning is not there; got"},
        Wrong{"eval instant at 1m sort(up)\n  expect ordered\n  up{a=\"2\"} 5\n  up{a=\"1\"} 2\n", "is at place 1, expected at 2"},
        Wrong{"eval_ordered instant at 1m sort_desc(up)\n  up{a=\"1\"} 2\n  up{a=\"2\"} 5\n", "is at place 1, expected at 2"},
        Wrong{"eval range from 0 to 2m step 1m down\n  down 7 8 7\n", "expected 8 at 1m, got 7 at 1m"},
        Wrong{"eval range from 0 to 2m step 1m down\n  down 7 7\n", "expected nothing more, got 7 at 2m"},
        Wrong{"eval range from 0 to 2m step 1m down\n  down 7 7 7\n  up 1\n", "expected series up is not there"},
        Wrong{"eval instant at 1m down[1m]\n  down 7\n", "expect range vector"},
        Wrong{"eval instant at 1m sum(\n", "unclosed left parenthesis"}, Wrong{"eval instant at 1m down\n  down\n", "has one value"},
        Wrong{"eval instant at soon down\n", "malformed time: soon"},
        Wrong{"eval range from 2m to 1m step 1m down\n", "start before its end"}, Wrong{"evaluate down\n", "unknown command: evaluate"},
        Wrong{"eval instant at 1m down\n  expect joy\n", "unknown expectation: joy"}, Wrong{"load 1m\n  up 1 x\n", "malformed value: x"},
        Wrong{"load\n  up 1\n", "malformed interval"}));

TEST(Script, PassesWhatIsRight) {
  const auto report = RunWithData(R"(
# A comment.
eval instant at 1m up
  up{a="1"} 2
  up{a="2"} 5
# Another one, which ends what stands above it.
eval instant at 1m sort_desc(up)
  expect ordered
  up{a="2"} 5
  up{a="1"} 2

eval instant at 1m up + on () up
  expect fail regex: many-to-many

eval instant at 1m quantile(2, down)
  expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 2
  expect no_info
  {} +Inf

eval instant at 2m down[2m]
  expect range vector from 1m to 2m step 1m
  down 7 7

eval range from 0 to 2m step 1m sum(up)
  {} 5 7 9

eval instant at 1m "text"
  expect string "text"

eval instant at 1m 1 + 1
  2

eval instant at 1m nothing
)");
  for (const auto& failure : report.failures) ADD_FAILURE() << failure.line << ": " << failure.message;
  EXPECT_EQ(report.passed, 9);
  EXPECT_EQ(report.skipped, 0);
}

TEST(Script, ClearForgets) {
  EXPECT_EQ(RunWithData("clear\neval instant at 1m up\n").passed, 1);
  EXPECT_EQ(RunWithData("eval instant at 1m up\n").failed, 1);
}

TEST(Script, SkipsWhatNeedsNativeHistogramsOrExperiments) {
  const auto report = RunWithData(
      "load 1m\n  h {{schema:0 sum:1}}x3\n\nload_with_nhcb 1m\n  c_bucket{le=\"+Inf\"} 1x3\n\n"
      "eval instant at 1m histogram_sum(h)\n  {} 1\n\neval instant at 1m c\n  c {{count:1}}\n\neval instant at 1m c\n\n"
      "eval instant at 1m limitk(1, up)\n  up{a=\"1\"} 2\n\neval instant at 1m down\n  down 7\n\neval instant at 1m c_bucket\n  "
      "c_bucket{le=\"+Inf\"} 1\n");
  EXPECT_EQ(report.skipped, 4);
  EXPECT_EQ(report.passed, 2);
  EXPECT_EQ(report.failed, 0);
}

TEST(Script, AMalformedCommandDoesNotHideTheNext) {
  const auto report = RunWithData("eval nonsense\n  down 7\n\neval instant at 1m down\n  down 7\n");
  EXPECT_EQ(report.failed, 1);
  EXPECT_EQ(report.passed, 1);
}

}  // namespace
}  // namespace inferd::metrics::promql
