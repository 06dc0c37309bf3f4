// Unit tests of alert rules in promtool's format
// (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/): alert_rule_test and promql_expr_test. Pure but for
// reading the files.
#pragma once

#include <string>
#include <vector>

namespace inferd::cli {

struct RuleTestReport {
  int passed = 0;
  std::vector<std::string> failures;  // each with the test and the moment it is about
};

// Runs every test of a file. What cannot be read is a failure, too.
RuleTestReport RunRuleTests(const std::string& path);

}  // namespace inferd::cli
