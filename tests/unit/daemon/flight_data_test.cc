#include "daemon/flight_data.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "gtest/gtest.h"
#include "tests/fakes/manual_clock.h"

namespace inferd::daemon {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class FlightDataTest : public testing::Test {
 protected:
  FlightDataTest() : folder_(fs::temp_directory_path() / ("inferd-flight-test-" + std::to_string(getpid()))) { fs::remove_all(folder_); }
  ~FlightDataTest() override { fs::remove_all(folder_); }

  std::string Save(const std::string& text, const FlightDataLimits& limits = {}) {
    clock_.Advance(std::chrono::seconds(1));
    const auto saved = SaveFlightData(folder_, text, clock_.WallNow(), limits);
    EXPECT_TRUE(saved) << saved.error().message;
    return saved ? *saved : "";
  }
  std::vector<std::string> Contents() const {
    std::set<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(folder_)) paths.insert(entry.path());
    std::vector<std::string> contents;
    for (const fs::path& path : paths) {
      std::ifstream file(path);
      contents.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return contents;
  }

  const fs::path folder_;
  ManualClock clock_;
};

TEST_F(FlightDataTest, MakesItsFolderAndNamesTheTime) {
  const std::string path = Save("evidence");
  EXPECT_THAT(path, testing::MatchesRegex(folder_.string() + "/flight-[0-9]{8}T[0-9]{6}.[0-9]{3}Z.txt"));
  EXPECT_THAT(Contents(), ElementsAre("evidence"));
}

TEST_F(FlightDataTest, TheOldestGo) {
  for (const char* text : {"a", "b", "c", "d"}) Save(text, {.files = 3});
  EXPECT_THAT(Contents(), ElementsAre("b", "c", "d"));
}

TEST_F(FlightDataTest, BytesAreBounded) {
  for (const char c : {'a', 'b', 'c'}) Save(std::string(40, c), {.files = 8, .bytes = 100});
  EXPECT_THAT(Contents(), ElementsAre(std::string(40, 'b'), std::string(40, 'c')));
  EXPECT_EQ(SaveFlightData(folder_, std::string(101, 'x'), clock_.WallNow(), {.files = 8, .bytes = 100}).error().code,
            Code::kResourceExhausted);
  EXPECT_EQ(Contents().size(), 2U) << "what is there stays";
}

TEST_F(FlightDataTest, OtherFilesStay) {
  Save("a", {.files = 1});
  std::ofstream(folder_ / "notes") << "mine";
  Save("b", {.files = 1});
  EXPECT_THAT(Contents(), ElementsAre("b", "mine"));
}

TEST_F(FlightDataTest, AFolderThatCannotBeIsNamed) {
  fs::create_directories(folder_);
  std::ofstream(folder_ / "file") << "x";
  const auto saved = SaveFlightData(folder_ / "file", "x", clock_.WallNow());
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, Code::kIo);
  EXPECT_THAT(saved.error().message, HasSubstr((folder_ / "file").string()));
}

}  // namespace
}  // namespace inferd::daemon
