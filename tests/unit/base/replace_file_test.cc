#include "runtime/base/replace_file.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"

namespace inferd {
namespace {

std::string Read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ReplaceFile, TakesThePlaceOfWhatWasThere) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / ("replace" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  for (const std::string& text : {std::string("first"), std::string(100'000, 'x'), std::string()}) {
    ASSERT_TRUE(ReplaceFile(folder / "file", text));
    EXPECT_EQ(Read(folder / "file"), text);
    EXPECT_FALSE(std::filesystem::exists(folder / "file.new"));
  }
  std::filesystem::remove_all(folder);
}

TEST(ReplaceFile, LeavesWhatItCannotReplace) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / ("replace" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder / "is_a_folder" / "with_content");
  const auto result = ReplaceFile(folder / "is_a_folder", "text");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kIo);
  EXPECT_NE(result.error().message.find("is_a_folder: cannot be written: "), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "is_a_folder.new"));
  EXPECT_FALSE(ReplaceFile(folder / "no" / "such" / "folder", "text"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace inferd
