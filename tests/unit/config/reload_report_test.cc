#include "config/reload_report.h"

#include <fstream>
#include <iterator>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace inferd::config {
namespace {

TEST(ReloadReport, IsReadAsItWasWritten) {
  for (const std::vector<std::string>& faults : {std::vector<std::string>{}, {"a.yaml:3:1: unknown key"}, {"one", "two: 2 > 1"}}) {
    const ReloadReport report{.begun = MonotonicTime(Duration(1'234'567'890'123)), .faults = faults};
    const auto read = ParseReloadReport(Format(report));
    ASSERT_TRUE(read) << Format(report);
    EXPECT_EQ(read->begun, report.begun);
    EXPECT_EQ(read->faults, faults);
  }
}

TEST(ReloadReport, AnythingElseIsNone) {
  for (const char* text : {"", "\n", "12", "12 ok", "ok\n", "12ok\n", "12 okay\n", "12 ok\na fault\n", "12 refused\n", "x refused\nfault\n",
                           "99999999999999999999 ok\n"}) {
    EXPECT_FALSE(ParseReloadReport(text)) << text;
  }
}

TEST(ReloadReport, ReplacesTheOneBefore) {
  const std::string path = testing::TempDir() + "/reload";
  ASSERT_TRUE(WriteReloadReport(path, {.begun = MonotonicTime(Duration(1)), .faults = {"a long story of what is wrong"}}));
  ASSERT_TRUE(WriteReloadReport(path, {.begun = MonotonicTime(Duration(2)), .faults = {}}));
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "2 ok\n");
  const auto nowhere = WriteReloadReport("/no/such/folder/reload", {});
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message, testing::HasSubstr("/no/such/folder/reload"));
}

}  // namespace
}  // namespace inferd::config
