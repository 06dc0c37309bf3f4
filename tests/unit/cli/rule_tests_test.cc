#include "cli/rule_tests.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace inferd::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kRules = R"(groups:
- name: g
  interval: 1h
  rules:
  - {record: twice, expr: level * 2}
  - {alert: High, expr: twice > 4, for: 2m, labels: {severity: warning}, annotations: {summary: 'level {{ $value }}'}}
)";

class RuleTests : public ::testing::Test {
 protected:
  RuleTests() : folder_(std::filesystem::path(::testing::TempDir()) / ("rule_tests" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "rules.yml") << kRules;
  }
  ~RuleTests() override { std::filesystem::remove_all(folder_); }

  RuleTestReport Run(const std::string& test, const std::string& head = "") {
    std::ofstream(folder_ / "test.yml") << "rule_files: [rules.yml]\n"
                                        << head << "tests:\n- name: t\n  interval: 1m\n"
                                        << "  input_series: [{series: level, values: '1 3x4 1'}]\n" + test;
    return RunRuleTests((folder_ / "test.yml").string());
  }

  std::filesystem::path folder_;
};

TEST_F(RuleTests, PassWhatIsTrue) {
  const auto report = Run(R"(  alert_rule_test:
  - {eval_time: 2m, alertname: High}
  - eval_time: 3m30s
    alertname: High
    exp_alerts: [{exp_labels: {severity: warning}, exp_annotations: {summary: level 6}}]
  - {eval_time: 6m, alertname: High, exp_alerts: []}
  promql_expr_test:
  - {expr: twice, eval_time: 1m, exp_samples: [{labels: twice, value: 6}]}
  - {expr: 'count(ALERTS{alertstate="firing"})', eval_time: 3m, exp_samples: [{labels: '{}', value: 1}]}
  - {expr: ALERTS, eval_time: 6m}
  - {expr: 1 + 1, exp_samples: [{value: 2}]}
)");
  EXPECT_THAT(report.failures, IsEmpty());
  EXPECT_EQ(report.passed, 7);
}

TEST_F(RuleTests, FailWhatIsNot) {
  const auto report = Run(R"(  alert_rule_test:
  - {eval_time: 3m, alertname: High}
  - {eval_time: 3m, alertname: High, exp_alerts: [{exp_labels: {severity: critical}, exp_annotations: {summary: level 6}}]}
  - {eval_time: 3m, alertname: High, exp_alerts: [{exp_labels: {severity: warning}, exp_annotations: {summary: level 7}}]}
  - {eval_time: 1m, alertname: High, exp_alerts: [{exp_labels: {severity: warning}}]}
  promql_expr_test:
  - {expr: twice, eval_time: 1m, exp_samples: [{labels: twice, value: 7}]}
  - {expr: twice, eval_time: 1m, exp_samples: [{labels: thrice, value: 6}]}
  - {expr: twice, eval_time: 1m}
)");
  EXPECT_EQ(report.passed, 0);
  ASSERT_EQ(report.failures.size(), 7U);
  EXPECT_THAT(report.failures[2], HasSubstr("t, at 3m: alert High:\n    expected:\n      {alertname=\"High\", severity=\"critical\"}"));
  EXPECT_THAT(report.failures[0], HasSubstr("t, at 1m: alert High:\n")) << "in the order of their times";
  EXPECT_THAT(report.failures[4], HasSubstr("t, at 1m: twice:\n    expected:\n      twice 7\n    got:\n      twice 6"));
}

TEST_F(RuleTests, SayWhatIsMalformed) {
  EXPECT_THAT(Run("  colour: red\n").failures, ElementsAre(HasSubstr("field colour is not known here")));
  EXPECT_THAT(Run("  alert_rule_test: [{eval_time: soon, alertname: High}]\n").failures,
              ElementsAre(HasSubstr("not a valid duration: \"soon\"")));
  EXPECT_THAT(Run("  promql_expr_test: [{expr: 'sum('}]\n").failures, ElementsAre(HasSubstr("parse error")));
  EXPECT_THAT(Run("", "evaluation_interval: 0s\n").failures, ElementsAre(HasSubstr("evaluation_interval must be above 0")));
  EXPECT_THAT(RunRuleTests((folder_ / "missing.yml").string()).failures, ElementsAre(HasSubstr("bad file")));
  std::ofstream(folder_ / "rules.yml") << "groups: 1\n";
  EXPECT_THAT(Run("").failures, ElementsAre(HasSubstr("rules.yml:1:9: ")));
}

TEST_F(RuleTests, CompareWithinOneUnitWhenAskedTo) {
  const std::string test = "  promql_expr_test: [{expr: 0.1 + 0.2, exp_samples: [{value: 0.3}]}]\n";
  EXPECT_EQ(Run(test).failures.size(), 1U);
  EXPECT_THAT(Run(test, "fuzzy_compare: true\n").failures, IsEmpty());
}

// The same files pass under promtool (tests/contract/test_alert_rules.py).
TEST(ShippedRules, PassTheirTests) {
  int files = 0;
  for (const char* folder : {"/alerts/rules/tests", "/alerts/prometheus/tests", "/alerts/rules/pending/tests"}) {
    const std::string path = std::string(INFERD_SOURCE_DIR) + folder;
    if (!std::filesystem::exists(path)) continue;  // nothing waits for its series
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const auto report = RunRuleTests(entry.path().string());
      EXPECT_THAT(report.failures, IsEmpty()) << entry.path();
      EXPECT_GT(report.passed, 0) << entry.path();
      ++files;
    }
  }
  EXPECT_GT(files, 12);
}

}  // namespace
}  // namespace inferd::cli
