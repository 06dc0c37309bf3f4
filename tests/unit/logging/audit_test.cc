#include "logging/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <thread>

#include "tests/fakes/manual_clock.h"
#include "tests/unit/logging/lines.h"

namespace inferd::logging {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// Refuses while it is told to.
class GatedCalls final : public FileCalls {
 public:
  ssize_t Write(int fd, std::string_view bytes) override {
    if (full) {
      ++refused;
      errno = ENOSPC;
      return -1;
    }
    return FileCalls::Write(fd, bytes);
  }
  int Sync(int) override {
    if (!sync_fails) return 0;
    errno = EIO;
    return -1;
  }
  std::atomic<bool> full{false};
  std::atomic<bool> sync_fails{false};
  std::atomic<int> refused{0};  // writes
};

class AuditTest : public ::testing::Test {
 protected:
  std::unique_ptr<AuditLog> Open(std::size_t queue = 4096) {
    auto log = AuditLog::Open({.path = path, .queue = queue}, clock, calls, counters, [this](const std::string& text) {
      const std::lock_guard lock(mutex);
      troubles.push_back(text);
    });
    EXPECT_TRUE(log) << log.error().message;
    return std::move(*log);
  }
  // A chain of `n` lines.
  void Fill(int n) {
    const auto log = Open();
    for (int i = 0; i < n; ++i) log->Record(Act("act " + std::to_string(i)));
    log->Stop();
  }
  static AuditAct Act(std::string name) {
    return {.act = std::move(name), .actor = "ops", .client = "127.0.0.1", .target = "demo", .outcome = "ok", .detail = "\"quoted\"\n"};
  }
  AuditReport Verify() {
    const auto report = VerifyAudit(path, {.now = clock.WallNow()});
    EXPECT_TRUE(report) << report.error().message;
    return *report;
  }
  void Store(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    tree.Write("/audit.log", text);
  }

  const FakeTree tree;
  const std::string path = tree.root() + "/audit.log";
  ManualClock clock;
  GatedCalls calls;
  LogCounters counters;
  std::mutex mutex;
  std::vector<std::string> troubles;
};

TEST_F(AuditTest, WritesAChain) {
  Fill(3);
  const auto lines = SplitLines(ReadFile(path));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(json::parse(lines[0])["prev"], std::string(64, '0'));
  EXPECT_EQ(json::parse(lines[2])["act"], "act 2");
  EXPECT_EQ(json::parse(lines[2])["detail"], "\"quoted\"\n");
  EXPECT_EQ(json::parse(lines[1])["prev"], HeadAfter(lines[0])->hash);
  const AuditReport report = Verify();
  EXPECT_FALSE(report.fault);
  EXPECT_EQ(report.lines, 3U);
  EXPECT_EQ(report.head, *HeadAfter(lines[2]));
}

TEST_F(AuditTest, GoesOnAfterARestart) {
  Fill(2);
  Fill(2);
  const AuditReport report = Verify();
  EXPECT_FALSE(report.fault);
  EXPECT_EQ(report.lines, 4U);
  EXPECT_EQ(report.head.seq, 4U);
}

TEST_F(AuditTest, FindsTheFirstAlteredMissingOrReorderedLine) {
  Fill(6);
  const auto good = SplitLines(ReadFile(path));
  auto lines = good;
  lines[2].replace(lines[2].find("act 2"), 5, "act X");
  Store(lines);
  ASSERT_TRUE(Verify().fault);
  EXPECT_EQ(Verify().fault->line, 3U);
  EXPECT_THAT(Verify().fault->what, HasSubstr("altered"));

  lines = good;
  lines.erase(lines.begin() + 3);
  Store(lines);
  EXPECT_EQ(Verify().fault->line, 4U);
  EXPECT_THAT(Verify().fault->what, HasSubstr("missing"));

  lines = good;
  std::swap(lines[1], lines[2]);
  Store(lines);
  EXPECT_EQ(Verify().fault->line, 2U);

  lines = good;
  lines.insert(lines.begin() + 2, lines[1]);
  Store(lines);
  EXPECT_EQ(Verify().fault->line, 3U);
  EXPECT_THAT(Verify().fault->what, HasSubstr("reordered or repeated"));

  lines = good;
  lines[4] = "not a line";
  Store(lines);
  EXPECT_EQ(Verify().fault->line, 5U);

  lines = good;
  lines.erase(lines.begin());  // too young to have been removed
  Store(lines);
  ASSERT_TRUE(Verify().fault);
  EXPECT_EQ(Verify().fault->line, 1U);
  EXPECT_THAT(Verify().fault->what, HasSubstr("missing before it"));
  clock.Advance(std::chrono::hours(24 * 182));
  EXPECT_FALSE(Verify().fault);
  EXPECT_EQ(Verify().first_seq, 2U);

  Store(good);
  EXPECT_FALSE(Verify().fault);
}

TEST_F(AuditTest, ACutOffEndIsFoundByTheHash) {
  Fill(3);
  auto lines = SplitLines(ReadFile(path));
  const std::string head = HeadAfter(lines[2])->hash;
  EXPECT_FALSE(VerifyAudit(path, {.head = head, .now = clock.WallNow()})->fault);
  lines.pop_back();
  Store(lines);
  EXPECT_FALSE(VerifyAudit(path, {.now = clock.WallNow()})->fault);  // the chain alone cannot tell
  EXPECT_TRUE(VerifyAudit(path, {.head = head, .now = clock.WallNow()})->fault);
}

TEST_F(AuditTest, TheChainLeadsThroughRotatedAndCompressedFiles) {
  Fill(2);
  const std::string last = SplitLines(ReadFile(path))[1];
  const std::string rotated = RotatedName(path, clock.WallNow());
  std::filesystem::rename(path, rotated);
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(Compress(rotated, stop));
  // As its own rotation does it: a line stands in the new file at once.
  tree.Write("/audit.log", AuditLine(*HeadAfter(last), clock.WallNow(), Act("third")) + "\n");
  Fill(2);
  const AuditReport report = Verify();
  EXPECT_FALSE(report.fault) << report.fault->what;
  EXPECT_EQ(report.files, 2U);
  EXPECT_EQ(report.lines, 5U);
}

// Killed between the end of compressing and the removal of what was compressed.
TEST_F(AuditTest, AFileThatIsThereCompressedAndNotIsReadOnce) {
  Fill(3);
  const std::string rotated = RotatedName(path, clock.WallNow());
  std::filesystem::copy(path, rotated + ".kept");
  std::filesystem::rename(path, rotated);
  const std::atomic<bool> stop{false};
  ASSERT_TRUE(Compress(rotated, stop));
  std::filesystem::rename(rotated + ".kept", rotated);
  Fill(2);
  const AuditReport report = Verify();
  EXPECT_FALSE(report.fault) << report.fault->what;
  EXPECT_EQ(report.files, 2U);
  EXPECT_EQ(report.lines, 6U) << "and that the file was missing at the start";
}

TEST_F(AuditTest, AnEmptiedFileIsNoGoodOne) {
  tree.Write("/audit.log", "");
  ASSERT_TRUE(Verify().fault);
  EXPECT_EQ(Verify().fault->line, 0U);
  EXPECT_THAT(Verify().fault->what, HasSubstr("is empty"));
  Fill(2);
  EXPECT_FALSE(Verify().fault);
  std::filesystem::rename(path, RotatedName(path, clock.WallNow()));
  ASSERT_TRUE(Verify().fault);
  EXPECT_THAT(Verify().fault->what, HasSubstr("is missing"));
  tree.Write("/audit.log", "");
  ASSERT_TRUE(Verify().fault);
  EXPECT_EQ(Verify().fault->file, path);
  EXPECT_THAT(Verify().fault->what, HasSubstr("is empty"));
}

// Whoever empties it and lets the daemon go on leaves a sound chain: so the chain itself says it.
TEST_F(AuditTest, GoingOnBehindAnEmptiedFileIsEntered) {
  Fill(2);
  std::filesystem::rename(path, RotatedName(path, clock.WallNow()));
  tree.Write("/audit.log", "");
  Fill(1);
  EXPECT_FALSE(Verify().fault);
  EXPECT_EQ(Verify().lines, 4U);
  EXPECT_THAT(ReadFile(path), HasSubstr("lines behind number 2 may have been removed"));
}

TEST_F(AuditTest, CutsOffWhatACrashHasLeftUnfinishedAndSaysSo) {
  Fill(2);
  {
    std::ofstream file(path, std::ios::app);
    file << "{\"seq\":3,\"time\":\"20";
  }
  EXPECT_TRUE(Verify().fault);
  Fill(1);
  const AuditReport report = Verify();
  EXPECT_FALSE(report.fault) << report.fault->what;
  EXPECT_EQ(report.lines, 4U);
  EXPECT_THAT(ReadFile(path), HasSubstr("audit_recovered"));
}

TEST_F(AuditTest, RefusesToGoOnBehindSomethingElse) {
  tree.Write("/audit.log", "this is no audit log\n");
  const auto log = AuditLog::Open({.path = path}, clock, calls, counters, [](const std::string&) {});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::kCorrupt);
}

// A full disk: acts wait, those without room are counted, and the chain says so.
TEST_F(AuditTest, WhatDoesNotFitIsEnteredAsLost) {
  {
    const auto log = Open(/*queue=*/4);
    calls.full = true;
    for (int i = 0; i < 300; ++i) log->Record(Act("act"));
    EXPECT_GT(counters.dropped[static_cast<std::size_t>(DropReason::kQueueFull)].load(), 0U);
    calls.full = false;
    while (log->head().seq < 4) std::this_thread::yield();
    log->Record(Act("the last"));
    log->Stop();
  }
  const AuditReport report = Verify();
  EXPECT_FALSE(report.fault);
  EXPECT_THAT(ReadFile(path), HasSubstr("audit_lost"));
  EXPECT_THAT(ReadFile(path), HasSubstr("the last"));
}

TEST_F(AuditTest, WhatWasOnlyDelayedIsNotCountedAsLost) {
  const auto log = Open();
  calls.full = true;
  log->Record(Act("late"));
  while (calls.refused < 3) std::this_thread::yield();
  log->Record(Act("later"));
  EXPECT_EQ(log->waiting(), 2U);
  calls.full = false;
  log->Stop();
  EXPECT_EQ(log->waiting(), 0U);
  EXPECT_THAT(ReadFile(path), HasSubstr("late"));
  for (const auto& dropped : counters.dropped) EXPECT_EQ(dropped, 0U);
  EXPECT_EQ(counters.bytes, ReadFile(path).size());
}

TEST_F(AuditTest, ADiskThatDoesNotTakeTheLinesIsTrouble) {
  calls.sync_fails = true;
  Fill(1);
  EXPECT_THAT(troubles, ::testing::ElementsAre(HasSubstr("cannot be brought to the disk")));
}

TEST_F(AuditTest, NoFileIsNotAGoodFile) { EXPECT_EQ(VerifyAudit(path, {}).error().code, Code::kNotFound); }

}  // namespace
}  // namespace inferd::logging
