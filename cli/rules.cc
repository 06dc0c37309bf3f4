// inferctl rules: checks files of alert rules, and runs their unit tests.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "alerts/rule_file.h"
#include "cli/commands.h"
#include "cli/rule_tests.h"
#include "cli/text.h"

namespace inferd::cli {
namespace {

void Check(const std::vector<std::string>& files, Context& context) {
  for (const std::string& path : files) {
    const auto groups = alerts::ReadRuleFile(path);
    if (!groups) {
      for (const alerts::RuleFault& fault : groups.error()) std::fprintf(stderr, "%s\n", Printable(fault.ToString()).c_str());
      context.exit_code = kExitBad;
      continue;
    }
    std::ptrdiff_t alerts = 0, recordings = 0;
    for (const alerts::RuleGroup& group : *groups) {
      const auto n = std::ranges::count_if(group.rules, [](const alerts::Rule& rule) { return rule.is_alert; });
      alerts += n;
      recordings += std::ssize(group.rules) - n;
    }
    std::printf("%s: good, %td alerts and %td recordings in %zu groups\n", path.c_str(), alerts, recordings, groups->size());
  }
}

void Test(const std::vector<std::string>& files, Context& context) {
  int passed = 0;
  std::size_t failed = 0;
  for (const std::string& path : files) {
    const RuleTestReport report = RunRuleTests(path);
    for (const std::string& failure : report.failures) std::printf("%s: %s\n", path.c_str(), Printable(failure).c_str());
    passed += report.passed;
    failed += report.failures.size();
  }
  std::printf("%d passed, %zu failed\n", passed, failed);
  if (failed > 0) context.exit_code = kExitBad;
}

}  // namespace

void AddRules(CLI::App& app, Context& context) {
  CLI::App* rules = app.add_subcommand("rules", "Alert rules");
  rules->require_subcommand(1);
  const auto checked = std::make_shared<std::vector<std::string>>();
  CLI::App* check = rules->add_subcommand("check", "Check rule files: every fault with line and column, exit code 1 if there is one");
  check->add_option("FILE", *checked, "Files of rules in Prometheus's format")->required();
  check->callback([checked, &context] { Check(*checked, context); });
  const auto tested = std::make_shared<std::vector<std::string>>();
  CLI::App* test = rules->add_subcommand("test", "Run unit tests of rules in promtool's format, exit code 1 if one fails");
  test->add_option("FILE", *tested, "Files of tests: alert_rule_test, promql_expr_test")->required();
  test->callback([tested, &context] { Test(*tested, context); });
}

}  // namespace inferd::cli
