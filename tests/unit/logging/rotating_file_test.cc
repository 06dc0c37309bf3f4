#include "logging/rotating_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <mutex>

#include "tests/fakes/manual_clock.h"
#include "tests/unit/logging/lines.h"

namespace inferd::logging {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A disk with a little room, or that refuses.
class FaultyCalls final : public FileCalls {
 public:
  int Open(const std::string& path) override {
    if (open_error != 0) return Fail(open_error);
    return FileCalls::Open(path);
  }
  ssize_t Write(int fd, std::string_view bytes) override {
    if (write_error != 0 && room == 0) return Fail(write_error);
    if (write_error != 0) bytes = bytes.substr(0, room);
    const ssize_t n = FileCalls::Write(fd, bytes);
    if (write_error != 0 && n > 0) room -= static_cast<std::size_t>(n);
    return n;
  }
  int Rename(const std::string& from, const std::string& to) override {
    if (rename_error != 0) return Fail(rename_error);
    return FileCalls::Rename(from, to);
  }
  int open_error = 0, write_error = 0, rename_error = 0;
  std::size_t room = 0;  // bytes until write_error

 private:
  static int Fail(int error) {
    errno = error;
    return -1;
  }
};

class RotatingFileTest : public ::testing::Test {
 protected:
  RotatingFile& Make(RotateOptions options = {}) {
    options.path = path;
    options.compress = false;
    file = std::make_unique<RotatingFile>(options, clock, calls, counters,
                                          RotatingFile::Hooks{.describe =
                                                                  [](const Loss& loss) {
                                                                    return "lost " + std::to_string(loss.lines) + " " +
                                                                           std::string(DropReasonName(loss.reason)) + "\n";
                                                                  },
                                                              .trouble =
                                                                  [this](std::string text) {
                                                                    const std::lock_guard lock(mutex);
                                                                    troubles.push_back(std::move(text));
                                                                  }});
    return *file;
  }
  std::uint64_t Dropped(DropReason reason) const { return counters.dropped[static_cast<std::size_t>(reason)].load(); }
  std::vector<std::string> Rotated() const {
    std::vector<std::string> texts;
    for (const RotatedFile& rotated : ListRotated(path)) texts.push_back(ReadFile(rotated.path));
    return texts;
  }

  const FakeTree tree;
  const std::string path = tree.root() + "/logs/inferd.log";
  ManualClock clock;
  FaultyCalls calls;
  LogCounters counters;
  std::mutex mutex;
  std::vector<std::string> troubles;
  std::unique_ptr<RotatingFile> file;
};

TEST_F(RotatingFileTest, MakesItsFolderAndAppends) {
  fs::create_directories(fs::path(path).parent_path());
  tree.Write("/logs/inferd.log", "before\n");
  EXPECT_TRUE(Make().Append("one\n"));
  EXPECT_EQ(ReadFile(path), "before\none\n");
  EXPECT_EQ(counters.bytes.load(), 4U);
}

TEST_F(RotatingFileTest, RotatesBeforeALineThatDoesNotFit) {
  Make({.max_bytes = 10});
  for (const char* line : {"aaaa\n", "bbbb\n", "cccc\n", "longer than ten\n", "d\n"}) EXPECT_TRUE(file->Append(line));
  EXPECT_THAT(Rotated(), ElementsAre("aaaa\nbbbb\n", "cccc\n", "longer than ten\n"));
  EXPECT_EQ(ReadFile(path), "d\n");
  EXPECT_EQ(counters.rotations.load(), 3U);
}

TEST_F(RotatingFileTest, RotatesAtMidnightAlsoWithoutLines) {
  Make({.max_bytes = 0, .every = hours(24)});
  file->Append("yesterday\n");
  clock.Advance(hours(25));
  file->Tick();
  EXPECT_THAT(Rotated(), ElementsAre("yesterday\n"));
  clock.Advance(hours(25));
  file->Tick();  // nothing to rotate
  EXPECT_THAT(Rotated(), ElementsAre("yesterday\n"));
  file->Append("today\n");
  file->Tick();
  EXPECT_EQ(ReadFile(path), "today\n");
}

TEST_F(RotatingFileTest, GoesOnInANewFileWhenItWasMoved) {
  Make().Append("one\n");
  fs::rename(path, path + ".1");
  file->Append("two\n");
  file->Tick();
  file->Append("three\n");
  EXPECT_EQ(ReadFile(path + ".1"), "one\ntwo\n");
  EXPECT_EQ(ReadFile(path), "three\n");
}

// Moving the link would leave the big file behind it where nobody compresses or removes it.
TEST_F(RotatingFileTest, WritesThroughALinkAndDoesNotMoveIt) {
  fs::create_directories(fs::path(path).parent_path());
  tree.Write("/elsewhere.log", "");
  fs::create_symlink(tree.root() + "/elsewhere.log", path);
  Make({.max_bytes = 8, .every = hours(24)});
  for (const char* line : {"aaaa\n", "bbbb\n"}) EXPECT_TRUE(file->Append(line));
  clock.Advance(hours(48));
  file->Tick();
  EXPECT_TRUE(file->Append("cccc\n"));
  EXPECT_TRUE(fs::is_symlink(path));
  EXPECT_THAT(Rotated(), IsEmpty());
  EXPECT_EQ(ReadFile(tree.root() + "/elsewhere.log"), "aaaa\nbbbb\ncccc\n");
  EXPECT_THAT(troubles, ElementsAre(HasSubstr("is not rotated")));
}

TEST_F(RotatingFileTest, CarriesOverWhatWasWrittenAfterItWasDeleted) {
  Make().Append("gone\n");
  file->Tick();
  fs::remove(path);
  file->Append("two\n");
  file->Append("three\n");
  file->Tick();
  file->Append("four\n");
  EXPECT_EQ(ReadFile(path), "two\nthree\nfour\n");
}

// The disk fills up while the lines of a deleted file are carried over.
TEST_F(RotatingFileTest, CarriesOverWholeLinesOrNone) {
  Make({.max_bytes = 0});
  file->Tick();
  const std::string line = std::string(999, 'x') + "\n";
  for (int i = 0; i < 300; ++i) file->Append(line);
  fs::remove(path);
  calls.write_error = ENOSPC;
  calls.room = 100'000;
  file->Tick();
  calls.write_error = 0;
  file->Append("last\n");
  int whole = 0;
  std::vector<std::string> others;
  for (const std::string& l : SplitLines(ReadFile(path))) {
    if (l.size() == 999) {
      ++whole;
    } else {
      others.push_back(l);
    }
  }
  EXPECT_GT(whole, 0);
  EXPECT_THAT(others, ElementsAre("lost " + std::to_string(300 - whole) + " disk_full", "last"));
  EXPECT_EQ(Dropped(DropReason::kDiskFull), 300U - static_cast<unsigned>(whole));
}

// Lines that went into a deleted file, and whose place never came back.
TEST_F(RotatingFileTest, GivesUpADeletedFileThatHasGrownTooBigAndCountsItsLines) {
  Make({.max_bytes = 0});
  file->Tick();
  fs::remove(path);
  const std::string line = std::string((1U << 20U) - 1, 'x') + "\n";
  calls.open_error = EROFS;
  for (int i = 0; i < 65; ++i) EXPECT_TRUE(file->Append(line));
  file->Tick();
  EXPECT_EQ(Dropped(DropReason::kReadOnly), 65U);
  calls.open_error = 0;
  clock.Advance(seconds(1));
  EXPECT_TRUE(file->Append("on\n"));
  EXPECT_EQ(ReadFile(path), "lost 65 read_only\non\n");
}

TEST_F(RotatingFileTest, DoesNotRotateTheFileThatSomebodyElseHasPutThere) {
  Make({.max_bytes = 12});
  file->Append("one\n");
  fs::rename(path, path + ".1");
  tree.Write("/logs/inferd.log", "");  // logrotate's create
  file->Append("0123456\n");
  file->Append("too much\n");
  EXPECT_THAT(Rotated(), IsEmpty());
  EXPECT_EQ(ReadFile(path + ".1"), "one\n0123456\n");
  EXPECT_EQ(ReadFile(path), "too much\n");
}

TEST_F(RotatingFileTest, SurvivesItsFolderBeingRemoved) {
  Make().Append("one\n");
  file->Tick();
  fs::remove_all(tree.root() + "/logs");
  tree.Write("/logs", "a file in the way");
  file->Append("two\n");
  clock.Advance(seconds(1));
  file->Tick();
  file->Append("three\n");
  tree.Remove("/logs");
  clock.Advance(seconds(1));
  file->Tick();
  EXPECT_EQ(ReadFile(path), "two\nthree\n");
  const std::lock_guard lock(mutex);  // the housekeeper may have come by and found no folder
  EXPECT_THAT(troubles, Contains(HasSubstr("cannot be opened")));
  EXPECT_EQ(Dropped(DropReason::kMissing), 0U);
}

TEST_F(RotatingFileTest, AFullDiskLosesWholeLinesAndSaysHowMany) {
  Make().Append("one\n");
  calls.write_error = ENOSPC;
  calls.room = 2;
  EXPECT_FALSE(file->Append("half of this is written\n"));
  EXPECT_EQ(ReadFile(path), "one\n");  // and taken back
  EXPECT_FALSE(file->Append("three\n"));
  calls.write_error = 0;
  EXPECT_TRUE(file->Append("four\n"));
  EXPECT_TRUE(file->Append("five\n"));
  EXPECT_EQ(ReadFile(path), "one\nlost 2 disk_full\nfour\nfive\n");
  EXPECT_EQ(Dropped(DropReason::kDiskFull), 2U);
  EXPECT_THAT(troubles, ElementsAre("cannot be written: No space left on device"));
}

// The report of a loss must not itself be lost.
TEST_F(RotatingFileTest, AReportThatDoesNotFitComesLater) {
  Make();
  calls.write_error = ENOSPC;
  EXPECT_FALSE(file->Append("one\n"));
  calls.room = 20;  // "lost 1 disk_full\n" and three bytes
  EXPECT_FALSE(file->Append("second\n"));
  calls.write_error = 0;
  EXPECT_TRUE(file->Append("third\n"));
  EXPECT_EQ(ReadFile(path), "lost 2 disk_full\nthird\n");
}

TEST_F(RotatingFileTest, AReadOnlyFolderKeepsTheFileInUse) {
  Make({.max_bytes = 10});
  calls.rename_error = EROFS;
  for (const char* line : {"aaaaaa\n", "bbbbbb\n", "cccccc\n"}) EXPECT_TRUE(file->Append(line));
  EXPECT_EQ(ReadFile(path), "aaaaaa\nbbbbbb\ncccccc\n");
  EXPECT_EQ(counters.rotations.load(), 0U);
  EXPECT_THAT(troubles, ElementsAre("cannot be rotated: Read-only file system"));
  calls.rename_error = 0;
  clock.Advance(seconds(11));
  EXPECT_TRUE(file->Append("dddddd\n"));
  EXPECT_THAT(Rotated(), ElementsAre("aaaaaa\nbbbbbb\ncccccc\n"));
}

TEST_F(RotatingFileTest, ARotationThatCannotOpenANewFileIsTakenBack) {
  Make({.max_bytes = 10});
  file->Append("aaaaaa\n");
  calls.open_error = EMFILE;
  EXPECT_TRUE(file->Append("bbbbbb\n"));
  EXPECT_EQ(ReadFile(path), "aaaaaa\nbbbbbb\n");
  EXPECT_THAT(Rotated(), IsEmpty());
  calls.open_error = 0;
  clock.Advance(seconds(11));
  EXPECT_TRUE(file->Append("cccccc\n"));
  EXPECT_THAT(Rotated(), ElementsAre("aaaaaa\nbbbbbb\n"));
}

TEST_F(RotatingFileTest, StartsWithoutAFileAndFindsItLater) {
  calls.open_error = EACCES;
  Make();
  EXPECT_FALSE(file->Append("one\n"));
  EXPECT_FALSE(file->Append("two\n"));
  calls.open_error = 0;
  clock.Advance(milliseconds(300));
  EXPECT_TRUE(file->Append("three\n"));
  EXPECT_EQ(ReadFile(path), "lost 2 read_only\nthree\n");
  EXPECT_EQ(Dropped(DropReason::kReadOnly), 2U);
}

TEST_F(RotatingFileTest, EndsALineThatACrashHasLeftOpen) {
  tree.Write("/logs/inferd.log", "whole\nhal");
  EXPECT_TRUE(Make().Append("next\n"));
  EXPECT_EQ(ReadFile(path), "whole\nhal\nnext\n");
}

TEST_F(RotatingFileTest, LetsOthersTruncateIt) {
  Make({.max_bytes = 20});
  file->Append("0123456789\n");
  fs::resize_file(path, 0);
  file->Tick();
  file->Append("0123456789\n");
  EXPECT_THAT(Rotated(), IsEmpty());
  EXPECT_EQ(ReadFile(path), "0123456789\n");
}

TEST_F(RotatingFileTest, ReopensOnRequest) {
  Make().Append("one\n");
  fs::rename(path, path + ".old");
  file->Reopen();
  file->Append("two\n");
  EXPECT_EQ(ReadFile(path), "two\n");
}

}  // namespace
}  // namespace inferd::logging
