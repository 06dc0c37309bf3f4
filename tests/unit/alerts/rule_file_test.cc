#include "alerts/rule_file.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace inferd::alerts {
namespace {

using ::testing::HasSubstr;

TEST(RuleFile, IsRead) {
  const auto groups = ParseRules(R"(groups:
  - name: example
    interval: 30s
    limit: 10
    query_offset: 1m
    labels: {team: infra, severity: none}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
        labels: {source: rule}
      - alert: Down
        expr: up == 0
        for: 5m
        keep_firing_for: 10m
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.instance }} is down"
  - name: empty
    rules: []
)",
                                 "x.yml");
  ASSERT_TRUE(groups) << groups.error()[0].ToString();
  ASSERT_EQ(groups->size(), 2U);
  const RuleGroup& group = (*groups)[0];
  EXPECT_EQ(group.name, "example");
  EXPECT_EQ(group.interval, 30'000);
  EXPECT_EQ(group.query_offset, 60'000);
  EXPECT_EQ(group.limit, 10U);
  ASSERT_EQ(group.rules.size(), 2U);
  EXPECT_FALSE(group.rules[0].is_alert);
  EXPECT_EQ(group.rules[0].name, "job:up:sum");
  EXPECT_EQ(group.rules[0].labels, (std::map<std::string, std::string>{{"severity", "none"}, {"source", "rule"}, {"team", "infra"}}));
  EXPECT_TRUE(group.rules[1].is_alert);
  EXPECT_EQ(group.rules[1].hold, 300'000);
  EXPECT_EQ(group.rules[1].keep_firing, 600'000);
  EXPECT_EQ(group.rules[1].labels.at("severity"), "critical") << "the rule's own label wins";
  EXPECT_EQ(group.rules[1].annotations.at("summary"), "{{ $labels.instance }} is down");
  EXPECT_EQ((*groups)[1].interval, std::nullopt);
}

TEST(RuleFile, MayBeEmpty) {
  EXPECT_TRUE(ParseRules("", "x")->empty());
  EXPECT_TRUE(ParseRules("groups:\n", "x")->empty());
}

struct Faulty {
  const char* text;
  const char* fault;
};
void PrintTo(const Faulty& f, std::ostream* out) { *out << f.text; }
class FaultyFiles : public ::testing::TestWithParam<Faulty> {};
TEST_P(FaultyFiles, AreReportedWithTheirPlace) {
  const auto groups = ParseRules(GetParam().text, "x.yml");
  ASSERT_FALSE(groups);
  EXPECT_THAT(groups.error()[0].ToString(), HasSubstr(GetParam().fault));
}
INSTANTIATE_TEST_SUITE_P(
    Table, FaultyFiles,
    ::testing::Values(
        Faulty{"groups: [", "x.yml:"}, Faulty{"groups: 5", "x.yml:1:9: groups must be a list"},
        Faulty{"rules: []", "x.yml:1:1: field rules is not known"},
        Faulty{"groups:\n- rules: []", "x.yml:2:3: Groupname must not be empty"},
        Faulty{"groups:\n- name: a\n- name: a", "\"a\" is repeated"},
        Faulty{"groups:\n- name: a\n  interval: soon", "x.yml:3:13: interval: not a valid duration: \"soon\""},
        Faulty{"groups:\n- name: a\n  limit: many", "limit must be a whole number"},
        Faulty{"groups:\n- name: a\n  rules:\n  - alert: A\n    expr: sum(\n", "x.yml:5:11: could not parse expression: 1:5"},
        Faulty{"groups:\n- name: a\n  rules:\n  - alert: A\n    expr: a[5m]\n", "not an instant vector or a scalar"},
        Faulty{"groups:\n- name: a\n  rules:\n  - alert: A\n", "field 'expr' must be set in rule"},
        Faulty{"groups:\n- name: a\n  rules:\n  - expr: a\n", "one of 'record' or 'alert' must be set"},
        Faulty{"groups:\n- name: a\n  rules:\n  - {alert: A, record: b, expr: a}\n", "only one of 'record' and 'alert' must be set"},
        Faulty{"groups:\n- name: a\n  rules:\n  - {record: a, expr: a, for: 5m}\n", "invalid field 'for' in recording rule"},
        Faulty{"groups:\n- name: a\n  rules:\n  - {record: 'a{b}', expr: a}\n", "braces present in the recording rule name"},
        Faulty{"groups:\n- name: a\n  rules:\n  - {alert: A, expr: a, labels: {'': c}}\n", "invalid label name: \"\""},
        Faulty{"groups:\n- name: a\n  rules:\n  - {alert: A, expr: a, annotations: {'': c}}\n", "invalid annotation name: \"\""},
        Faulty{"groups:\n- name: a\n  rules:\n  - {alert: A, expr: a, labels: {__name__: c}}\n", "invalid label name"},
        Faulty{"groups:\n- name: a\n  rules:\n  - {alert: A, expr: a, annotations: {x: '{{ noSuch 1 }}'}}\n",
               "x: template: function \"noSuch\" not defined"},
        Faulty{"groups:\n- name: a\n  rules:\n  - {alert: A, expr: a, severity: b}\n", "field severity is not known in a rule"},
        Faulty{"groups:\n- name: a\n  rules:\n  - {record: a, expr: a}\n  - {record: a, expr: b}\n", "records \"a\" twice"},
        Faulty{"a: \xFF", "not valid UTF-8"}));

TEST(RuleFile, NamesMayBeAnyText) {
  const auto groups = ParseRules(
      "groups:\n- name: g\n  rules:\n  - {record: http.requests, expr: a, labels: {service.name: b}}\n"
      "  - {alert: Voll, expr: a, labels: {größe: c}, annotations: {was tun: d}}\n",
      "x.yml");
  ASSERT_TRUE(groups) << groups.error()[0].ToString();
  EXPECT_EQ(groups->at(0).rules.at(0).name, "http.requests");
  EXPECT_TRUE(groups->at(0).rules.at(1).labels.contains("größe"));
}

// Found by the fuzzer: YAML's own way to read all documents does not come back from these.
TEST(RuleFile, WhatIsHardlyYamlIsRefusedAtOnce) {
  for (const char* text : {",g:", ", :", "]x:"}) EXPECT_FALSE(ParseRules(text, "x.yml")) << text;
  const auto two = ParseRules("groups: []\n---\ngroups: []\n", "x.yml");
  ASSERT_FALSE(two);
  EXPECT_THAT(two.error()[0].message, HasSubstr("more than one YAML document"));
}

TEST(RuleFile, EveryFaultIsReported) {
  const auto groups = ParseRules("groups:\n- name: a\n  rules:\n  - {alert: A, expr: '('}\n  - {alert: B, expr: a, for: x}\n", "x.yml");
  ASSERT_FALSE(groups);
  EXPECT_EQ(groups.error().size(), 2U);
}

TEST(RuleFile, ThatIsNotThereIsAFault) {
  const auto groups = ReadRuleFile("/no/such/file.yml");
  ASSERT_FALSE(groups);
  EXPECT_EQ(groups.error()[0].ToString(), "/no/such/file.yml: cannot be read");
}

TEST(RuleFiles, AreFoundByPatternEachOnce) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / ("rules" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const std::string& text) { std::ofstream(folder / name) << text; };
  write("b.yml", "groups: [{name: b, rules: []}]\n");
  write("a.yml", "groups: [{name: a, rules: []}]\n");
  write("c.txt", "no rules");
  const std::string all = (folder / "*.yml").string();
  const std::vector<std::string> patterns{all, (folder / "a.yml").string(), (folder / "*.nothing").string()};
  const auto groups = ReadRuleFiles(patterns);
  ASSERT_TRUE(groups) << groups.error()[0].ToString();
  ASSERT_EQ(groups->size(), 2U);
  EXPECT_EQ((*groups)[0].name, "a");
  EXPECT_EQ((*groups)[0].file, (folder / "a.yml").string());
  EXPECT_EQ((*groups)[1].name, "b");

  write("a.yml", "groups: 1\n");
  const std::vector<std::string> wrong{all, (folder / "missing.yml").string()};
  const auto faults = ReadRuleFiles(wrong);
  ASSERT_FALSE(faults);
  ASSERT_EQ(faults.error().size(), 2U);
  EXPECT_THAT(faults.error()[0].ToString(), HasSubstr("a.yml:1:9: "));
  EXPECT_THAT(faults.error()[1].ToString(), HasSubstr("missing.yml: cannot be read"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace inferd::alerts
