#include "logging/output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "tests/fakes/manual_clock.h"
#include "tests/unit/logging/lines.h"

namespace inferd::logging {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Hands an event to an output as spdlog's thread does.
template <typename E>
void Send(Output& output, const E& event, Level level = E::kType.level, WallTime time = kSampleTime) {
  std::string bytes;
  Encode(event, 1, {}, bytes);
  output.log(spdlog::details::log_msg(time, {}, "inferd", static_cast<spdlog::level::level_enum>(level), {bytes.data(), bytes.size()}));
}

class Pipe {
 public:
  Pipe() {
    if (::pipe2(fds_.data(), O_CLOEXEC) != 0) std::abort();
    ::fcntl(fds_[1], F_SETPIPE_SZ, 4096);
    ::fcntl(fds_[0], F_SETFL, O_NONBLOCK);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    ::close(fds_[0]);
    ::close(fds_[1]);
  }
  int in() const { return fds_[1]; }
  // What is in it now.
  std::string Take() const {
    std::string text;
    std::array<char, 65536> block;
    for (ssize_t n = ::read(fds_[0], block.data(), block.size()); n > 0; n = ::read(fds_[0], block.data(), block.size())) {
      text.append(block.data(), static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  std::array<int, 2> fds_{};
};

TEST(FileOutput, WritesJson) {
  const FakeTree tree;
  const ManualClock clock;
  FileCalls calls;
  LogCounters counters;
  FileOutput output({.path = tree.root() + "/x.log"}, clock, calls, counters, [](const std::string& t) { ADD_FAILURE() << t; });
  Send(output, Note{.text = "one"});
  Send(output, Note{.text = "two"}, Level::kError);
  const auto lines = SplitLines(ReadFile(tree.root() + "/x.log"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(json::parse(lines[0])["message"], "one");
  EXPECT_EQ(json::parse(lines[1])["level"], "error");
}

TEST(FileOutput, OpensAnewWhenToldAndLooksAfterItselfBetweenLines) {
  const FakeTree tree;
  const ManualClock clock;
  FileCalls calls;
  LogCounters counters;
  const std::string path = tree.root() + "/x.log";
  FileOutput output({.path = path}, clock, calls, counters, [](const std::string& t) { ADD_FAILURE() << t; });
  Send(output, Note{.text = "one"});
  std::filesystem::rename(path, path + ".1");
  output.Reopen();
  Send(output, Note{.text = "two"});
  EXPECT_EQ(SplitLines(ReadFile(path)).size(), 1U);
  // Without being told: a quarter of a second later by the lines' own time.
  std::filesystem::rename(path, path + ".2");
  Send(output, Note{.text = "three"}, Level::kInfo, kSampleTime + std::chrono::milliseconds(251));
  EXPECT_THAT(ReadFile(path), HasSubstr("three"));
}

TEST(StreamOutput, WritesJsonOrText) {
  const Pipe pipe;
  const ManualClock clock;
  LogCounters counters;
  StreamOutput as_json(pipe.in(), TextFormat::kJson, clock, counters);
  Send(as_json, Note{.text = "hi"});
  EXPECT_EQ(json::parse(pipe.Take())["message"], "hi");
  StreamOutput as_text(pipe.in(), TextFormat::kText, clock, counters);
  Send(as_text, Note{.text = "hi"});
  EXPECT_EQ(pipe.Take(), "04:50:00.123 info     hi\n");
  EXPECT_EQ(FormatFor(pipe.in()), TextFormat::kJson);  // a pipe is no terminal
}

TEST(StreamOutput, TakesOnlyWhatItWants) {
  const Pipe pipe;
  const ManualClock clock;
  LogCounters counters;
  StreamOutput output(pipe.in(), TextFormat::kText, clock, counters, [](const Line& line) { return line.level == Level::kCritical; });
  Send(output, Note{.text = "quiet"});
  Send(output, Note{.text = "loud"}, Level::kCritical);
  EXPECT_EQ(pipe.Take(), "04:50:00.123 critical loud\n");
}

// Nobody reads: lines are lost and counted, none is torn, and the first one that gets through comes behind a report.
TEST(StreamOutput, ABlockedReaderCostsLinesAndNothingElse) {
  const Pipe pipe;
  const ManualClock clock;
  LogCounters counters;
  StreamOutput output(pipe.in(), TextFormat::kJson, clock, counters);
  const auto dropped = [&] { return counters.dropped[static_cast<std::size_t>(DropReason::kBlocked)].load(); };
  const std::string padding(3000, 'x');
  int sent = 0;
  while (dropped() < 3) Send(output, Sample{.text = padding, .integer = sent++});
  std::string text = pipe.Take();
  Send(output, Sample{.text = "after", .integer = sent++});
  text += pipe.Take();
  Send(output, Sample{.text = "and on", .integer = sent++});
  text += pipe.Take();

  std::uint64_t reported = 0;
  std::vector<int> numbers;
  for (const std::string& line : SplitLines(text)) {
    const json parsed = json::parse(line, nullptr, false);
    ASSERT_FALSE(parsed.is_discarded()) << "torn: " << line;
    if (parsed["event"] == "log_lines_lost") {
      reported += parsed["lines"].get<std::uint64_t>();
    } else {
      numbers.push_back(parsed["integer"]);
    }
  }
  EXPECT_EQ(reported, dropped());
  EXPECT_EQ(numbers.size() + dropped(), static_cast<std::size_t>(sent));
  EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
  EXPECT_EQ(numbers.back(), sent - 1);
}

TEST(StreamOutput, AFullDiskBehindItIsCounted) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const ManualClock clock;
  LogCounters counters;
  StreamOutput output(full, TextFormat::kJson, clock, counters);
  Send(output, Note{.text = "x"});
  EXPECT_EQ(counters.dropped[static_cast<std::size_t>(DropReason::kDiskFull)].load(), 1U);
  ::close(full);
}

TEST(IsJournal, ComparesDeviceAndInode) {
  const Pipe pipe;
  struct stat info {};
  ::fstat(pipe.in(), &info);
  const std::string here = std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  ::unsetenv("JOURNAL_STREAM");
  EXPECT_FALSE(IsJournal(pipe.in()));
  ::setenv("JOURNAL_STREAM", "1:2", 1);
  EXPECT_FALSE(IsJournal(pipe.in()));
  ::setenv("JOURNAL_STREAM", here.c_str(), 1);
  EXPECT_TRUE(IsJournal(pipe.in()));
  ::unsetenv("JOURNAL_STREAM");
}

// libsystemd takes entries for a journal that is not there, and says that all is well.
TEST(JournalOutput, AJournalThatIsNotThereTakesNothing) {
  EXPECT_EQ(SendToJournal(nullptr, 0, "/run/there is no such/socket"), -ENOENT);
  const ManualClock clock;
  LogCounters counters;
  JournalOutput output(clock, counters, {}, [](const iovec* fields, int n) { return SendToJournal(fields, n, "/run/no such socket"); });
  Send(output, Note{.text = "x"});
  EXPECT_EQ(counters.dropped[static_cast<std::size_t>(DropReason::kJournal)].load(), 1U);
  EXPECT_EQ(counters.bytes.load(), 0U);
}

TEST(JournalOutput, SaysWhatItHasLostWhenTheJournalTakesEntriesAgain) {
  ManualClock clock;
  LogCounters counters;
  bool refuses = false;
  int asked = 0;
  std::vector<std::string> entries;
  JournalOutput output(clock, counters, {}, [&](const iovec* fields, int n) {
    ++asked;
    if (refuses) return -ENOBUFS;
    std::string entry;
    for (int i = 0; i < n; ++i) entry += std::string(static_cast<const char*>(fields[i].iov_base), fields[i].iov_len) + "\n";
    entries.push_back(std::move(entry));
    return 0;
  });
  Send(output, Note{.text = "before"});
  refuses = true;
  for (int i = 0; i < 3; ++i) Send(output, Note{.text = "lost"});
  EXPECT_EQ(asked, 4) << "once for each line";
  clock.Advance(std::chrono::seconds(2));
  refuses = false;
  Send(output, Note{.text = "after"});
  Send(output, Note{.text = "and on"});
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_THAT(entries[0], HasSubstr("\nSEQ=1\n"));
  EXPECT_THAT(entries[1], HasSubstr("\nEVENT=log_lines_lost\n"));
  EXPECT_THAT(entries[1], HasSubstr("\nINFERD_LINES=3\n"));
  EXPECT_THAT(entries[1], HasSubstr("\nINFERD_REASON=journal\n"));
  EXPECT_THAT(entries[1], HasSubstr("\nINFERD_DURING_SECONDS=2"));
  EXPECT_THAT(entries[2], HasSubstr("MESSAGE=after\n"));
  EXPECT_THAT(entries[3], HasSubstr("MESSAGE=and on\n"));
  EXPECT_EQ(counters.dropped[static_cast<std::size_t>(DropReason::kJournal)].load(), 3U);
}

TEST(TailOutput, KeepsTheLastLines) {
  TailOutput output(2);
  for (const char* text : {"one", "two", "three"}) Send(output, Note{.text = text});
  std::vector<std::string> messages;
  for (const std::string& line : output.Lines()) messages.push_back(json::parse(line)["message"]);
  EXPECT_THAT(messages, ElementsAre("two", "three"));
}

}  // namespace
}  // namespace inferd::logging
