#include "alerts/notify/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <thread>

namespace inferd::alerts {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() { ::signal(SIGPIPE, SIG_IGN); }

  // Runs a script. Tests give it one by /bin/sh -c; a notifier never does.
  Result<> Run(const std::string& script, const std::string& input = "", Duration timeout = seconds(60)) {
    lines_.clear();
    return RunCommand(
        {.arguments = {"/bin/sh", "-c", script, "sh", "an argument; with $(words)"},
         .environment = {"PATH=/usr/bin:/bin", "INFERD_X=a b"},
         .input = input,
         .timeout = timeout},
        [this](std::string_view line) { lines_.emplace_back(line); }, stop_);
  }

  StopSignal stop_;
  std::vector<std::string> lines_;
};

TEST_F(CommandTest, GetsInputArgumentsAndEnvironment) {
  ASSERT_TRUE(Run("cat; echo; echo \"$1\" >&2; env | sort", "{\"x\": 1}"));
  EXPECT_THAT(lines_, Contains("{\"x\": 1}"));
  EXPECT_THAT(lines_, Contains("an argument; with $(words)"));
  EXPECT_THAT(lines_, Contains("INFERD_X=a b"));
  EXPECT_THAT(lines_, ::testing::Not(Contains(HasSubstr("HOME="))));
}

TEST_F(CommandTest, SaysHowItEnded) {
  const auto code = Run("exit 3");
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().message, "/bin/sh ended with exit code 3");
  EXPECT_EQ(Run("kill -9 $$").error().message, "/bin/sh was ended by signal 9");
  const auto missing = RunCommand({.arguments = {"/no/such/thing"}, .environment = {}, .input = {}, .timeout = seconds(5)}, {}, stop_);
  EXPECT_EQ(missing.error().code, Code::kIo);
  EXPECT_THAT(missing.error().message, HasSubstr("/no/such/thing: cannot be run: No such file"));
}

TEST_F(CommandTest, InputThatNobodyReadsIsNoFailure) { EXPECT_TRUE(Run("exit 0", std::string(1 << 20, 'x'))); }

TEST_F(CommandTest, LongInputAndOutputDoNotBlockEachOther) {
  ASSERT_TRUE(Run("cat", std::string(300, 'y') + "\n" + std::string(1 << 20, 'x') + "\n"));
  ASSERT_EQ(lines_.size(), 2U);
  EXPECT_EQ(lines_[1].size(), kMaxOutputLine);
}

TEST_F(CommandTest, OutputIsBounded) {
  ASSERT_TRUE(Run("i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); done; printf 'last\\377'"));
  EXPECT_EQ(lines_.size(), kMaxOutputLines);
}

TEST_F(CommandTest, HasItsTime) {
  const auto late = Run("sleep 1000", "", milliseconds(50));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(late.error().message, "/bin/sh did not end in time and was killed");
}

TEST_F(CommandTest, IsKilledWithItsWholeGroup) {
  pid_t child = 0;
  const auto ended = RunCommand(
      {.arguments = {"/bin/sh", "-c", "sleep 1000 & echo $!; trap '' TERM; wait"},
       .environment = {"PATH=/usr/bin:/bin"},
       .input = {},
       .timeout = seconds(900)},
      [&](std::string_view line) {
        child = static_cast<pid_t>(std::stol(std::string(line)));
        stop_.Raise();
      },
      stop_);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::kCancelled);
  ASSERT_GT(child, 0);
  // Whoever inherits it takes its end in some moment; killed it is at once.
  const auto gone = [&] {
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    std::string text;
    return !std::getline(stat, text) || text.find(") Z") != std::string::npos;
  };
  for (const auto end = std::chrono::steady_clock::now() + seconds(30); !gone() && std::chrono::steady_clock::now() < end;)
    std::this_thread::yield();
  EXPECT_TRUE(gone());
}

TEST_F(CommandTest, WhatItLeavesRunningIsNotWaitedFor) {
  EXPECT_TRUE(Run("sleep 1000 & echo $!"));
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(::kill(static_cast<pid_t>(std::stol(lines_[0])), SIGKILL), 0);
}

}  // namespace
}  // namespace inferd::alerts
