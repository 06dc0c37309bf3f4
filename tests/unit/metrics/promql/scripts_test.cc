// Runs the scripts of tests/unit/metrics/promql/scripts, which hold the semantics of the language case by case.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "metrics/promql/script_test.h"

namespace inferd::metrics::promql {
namespace {

std::vector<std::string> Scripts() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(INFERD_SOURCE_DIR "/tests/unit/metrics/promql/scripts")) {
    names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

class Scripted : public ::testing::TestWithParam<std::string> {};
TEST_P(Scripted, Passes) {
  const std::string name = "tests/unit/metrics/promql/scripts/" + GetParam() + ".test";
  std::ifstream file(INFERD_SOURCE_DIR "/" + name);
  ASSERT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  const ScriptReport report = RunScript(text.str());
  for (const auto& failure : report.failures) ADD_FAILURE() << name << ":" << failure.line << ": " << failure.message;
  EXPECT_GT(report.passed, 0);
  EXPECT_EQ(report.skipped, 0);
}
INSTANTIATE_TEST_SUITE_P(Files, Scripted, ::testing::ValuesIn(Scripts()), [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace inferd::metrics::promql
