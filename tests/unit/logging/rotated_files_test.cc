#include "logging/rotated_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>

#include "tests/fakes/manual_clock.h"
#include "tests/unit/logging/lines.h"

namespace inferd::logging {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Gunzip(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  std::string text;
  char block[4096];
  for (int n = gzread(file, block, sizeof(block)); n > 0; n = gzread(file, block, sizeof(block)))
    text.append(block, static_cast<std::size_t>(n));
  gzclose(file);
  return text;
}

std::vector<std::string> Names(const std::vector<RotatedFile>& files) {
  std::vector<std::string> names;
  for (const RotatedFile& file : files) names.push_back(fs::path(file.path).filename());
  return names;
}

TEST(RotatedName, CarriesTheTimeAndNeverMeetsAnother) {
  const FakeTree tree;
  const std::string log = tree.root() + "/inferd.log";
  const std::string first = RotatedName(log, kSampleTime);
  EXPECT_EQ(first, tree.root() + "/inferd-20261122T045000.123Z.log");
  tree.Write("/inferd-20261122T045000.123Z.log", "");
  tree.Write("/inferd-20261122T045000.124Z.log.gz", "");
  EXPECT_EQ(RotatedName(log, kSampleTime), tree.root() + "/inferd-20261122T045000.125Z.log");
}

// The audit log's chain is read in the order of names.
TEST(RotatedName, ComesBehindThoseBeforeItAlsoWhenTheClockWasSetBack) {
  const FakeTree tree;
  const std::string log = tree.root() + "/inferd.log";
  tree.Write("/inferd-20261122T045000.123Z.log.gz", "");
  EXPECT_EQ(RotatedName(log, kSampleTime - hours(1)), tree.root() + "/inferd-20261122T045000.124Z.log");
}

TEST(ListRotated, FindsItsOwnOldestFirstAndNothingElse) {
  const FakeTree tree;
  for (const char* name : {"/inferd-20261122T045000.123Z.log", "/inferd-20261121T000000.000Z.log.gz", "/inferd.log", "/inferd-notes.log",
                           "/inferd-20261122T045000.123Z.log.gz.new", "/inferd-20269922T045000.123Z.log", "/audit-20261122T045000.123Z.log",
                           "/inferd-20261122T045000.123Z.txt", "/inferd-99991231T235959.999Z.log"}) {
    tree.Write(name, "12345");
  }
  const auto files = ListRotated(tree.root() + "/inferd.log");
  EXPECT_THAT(Names(files), ElementsAre("inferd-20261121T000000.000Z.log.gz", "inferd-20261122T045000.123Z.log"));
  EXPECT_TRUE(files[0].compressed);
  EXPECT_FALSE(files[1].compressed);
  EXPECT_EQ(files[1].bytes, 5U);
  EXPECT_EQ(files[1].time, std::chrono::floor<std::chrono::milliseconds>(kSampleTime));
  EXPECT_THAT(ListRotated("/no/such/folder/inferd.log"), IsEmpty());
}

TEST(OverLimits, AFileFromTheFutureIsAsOldAsItsContents) {
  const WallTime now(hours(100'000));
  const std::vector<RotatedFile> files{{.path = "old", .time = now + hours(1000), .modified = now - hours(50)},
                                       {.path = "new", .time = now + hours(1001), .modified = now - hours(1)}};
  EXPECT_THAT(Names(OverLimits(files, {.count = 0, .age = hours(47)}, now)), ElementsAre("old"));
}

TEST(OverLimits, ByCountBytesAndAge) {
  const WallTime now = kSampleTime;
  const std::vector<RotatedFile> files{{.path = "a", .bytes = 10, .time = now - hours(72)},
                                       {.path = "b", .bytes = 20, .time = now - hours(48)},
                                       {.path = "c", .bytes = 30, .time = now - hours(24)}};
  EXPECT_THAT(Names(OverLimits(files, {.count = 2}, now)), ElementsAre("a"));
  EXPECT_THAT(Names(OverLimits(files, {.count = 0, .age = hours(47)}, now)), ElementsAre("b", "a"));
  EXPECT_THAT(Names(OverLimits(files, {.count = 0, .bytes = 50}, now)), ElementsAre("a"));
  EXPECT_THAT(OverLimits(files, {.count = 0}, now), IsEmpty());
}

TEST(Compress, ReplacesTheFileByAWholeOne) {
  const FakeTree tree;
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "line " + std::to_string(i) + "\n";
  const std::string path = tree.Write("/x.log", text);
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(Compress(path, stop));
  EXPECT_FALSE(fs::exists(path));
  EXPECT_EQ(Gunzip(path + ".gz"), text);
  EXPECT_LT(fs::file_size(path + ".gz"), text.size() / 3);
}

TEST(Compress, ToleratesMissingAndEmptyFilesAndLeavesNothingHalfDone) {
  const FakeTree tree;
  std::atomic<bool> stop{false};
  EXPECT_TRUE(Compress(tree.root() + "/gone.log", stop));
  const std::string empty = tree.Write("/empty.log", "");
  EXPECT_TRUE(Compress(empty, stop));
  EXPECT_EQ(Gunzip(empty + ".gz"), "");

  const std::string kept = tree.Write("/kept.log", "text");
  stop = true;
  EXPECT_TRUE(Compress(kept, stop));
  EXPECT_EQ(ReadFile(kept), "text");
  EXPECT_FALSE(fs::exists(kept + ".gz"));
  EXPECT_FALSE(fs::exists(kept + ".gz.new"));

  stop = false;
  fs::create_directory(kept + ".gz.new");  // stands in the way
  const auto failed = Compress(kept, stop);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kIo);
  EXPECT_EQ(ReadFile(kept), "text");
}

// Days without a log in between do not save the files before them.
TEST(Housekeeper, CompressesAndRemovesAlsoAcrossMissingDays) {
  const FakeTree tree;
  tree.Write("/inferd-20200101T000000.000Z.log.gz", "old");
  tree.Write("/inferd-20200105T000000.000Z.log", "newer");
  tree.Write("/inferd-20200109T000000.000Z.log", "newest");
  // Of one who was killed while compressing.
  tree.Write("/inferd-20200103T000000.000Z.log", "old, too");
  tree.Write("/inferd-20200103T000000.000Z.log.gz.new", "half");
  const ManualClock clock;
  Housekeeper keeper(tree.root() + "/inferd.log", {.count = 2}, true, clock, [](const std::string& trouble) { ADD_FAILURE() << trouble; });
  keeper.Tidy();
  const auto files = ListRotated(tree.root() + "/inferd.log");
  EXPECT_THAT(Names(files), ElementsAre("inferd-20200105T000000.000Z.log.gz", "inferd-20200109T000000.000Z.log.gz"));
  EXPECT_EQ(Gunzip(tree.root() + "/inferd-20200109T000000.000Z.log.gz"), "newest");
  EXPECT_FALSE(fs::exists(tree.root() + "/inferd-20200103T000000.000Z.log.gz.new"));
}

// Files would pile up in silence where a log may be written but the folder not be read.
TEST(Housekeeper, SaysWhenItCannotSeeTheFolder) {
  const FakeTree tree;
  tree.Write("/file", "");  // stands for a folder without permission, which root would have
  const ManualClock clock;
  std::vector<std::string> troubles;
  const auto tidy = [&](const std::string& path) {
    Housekeeper(tree.root() + path, {.count = 2}, true, clock, [&](const std::string& trouble) { troubles.push_back(trouble); }).Tidy();
  };
  tidy("/file/inferd.log");
  // Once, or twice where its own thread was quicker to look at what an earlier run has left.
  EXPECT_THAT(troubles, Not(IsEmpty()));
  EXPECT_THAT(troubles, Each("rotated files are neither compressed nor removed: the folder cannot be read: Not a directory"));
  troubles.clear();
  tidy("/missing/inferd.log");
  EXPECT_THAT(troubles, IsEmpty()) << "a folder that is not there has nothing to tidy";
}

}  // namespace
}  // namespace inferd::logging
