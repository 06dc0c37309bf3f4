#include "daemon/crash.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "logging/output.h"
#include "runtime/base/thread.h"
#include "tests/fakes/fake_tree.h"

namespace inferd::daemon {
namespace {

// Sanitizers take these signals themselves.
#if !defined(INFERD_SANITIZED)

using ::testing::HasSubstr;

std::string Evidence(const std::string& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  return {};
}

class CrashTest : public ::testing::Test {
 protected:
  // In the child that is to die.
  void Prepare() {
    engine::StepRecord step;
    step.number = 4711;
    recorder.OnStep(step);
    SetCrashRecorder(&recorder);
    InstallCrashHandler(tree.root() + "/state");
  }
  const FakeTree tree;
  logging::FlightRecorder recorder;
};
using CrashDeathTest = CrashTest;

TEST_F(CrashDeathTest, ASegmentationFaultLeavesEvidenceAndDiesOfIt) {
  EXPECT_EXIT(
      {
        Prepare();
        volatile int* nowhere = nullptr;
        *nowhere = 1;
      },
      ::testing::KilledBySignal(SIGSEGV), "inferd crashed: SIGSEGV");
  const std::string evidence = Evidence(tree.root() + "/state");
  EXPECT_THAT(evidence, HasSubstr("backtrace:"));
  EXPECT_THAT(evidence, HasSubstr("daemon_test"));
  EXPECT_THAT(evidence, HasSubstr("0 4711 "));
}

TEST_F(CrashDeathTest, AnAbortDoesToo) {
  EXPECT_EXIT(
      {
        Prepare();
        std::abort();
      },
      ::testing::KilledBySignal(SIGABRT), "inferd crashed: SIGABRT");
  EXPECT_THAT(Evidence(tree.root() + "/state"), HasSubstr("SIGABRT"));
}

// Lines lie in the queue for a while before they are written, and the last ones are those that tell what led to the crash.
TEST_F(CrashDeathTest, TheLastLogLinesAreWritten) {
  const std::string path = tree.root() + "/log";
  EXPECT_EXIT(
      {
        Prepare();
        const SystemClock clock;
        logging::LogCounters counters;
        logging::FileCalls files;
        logging::Log log(clock, counters, {}, {.keeper = false, .nap = std::chrono::milliseconds(200)});
        log.Add({std::make_shared<logging::FileOutput>(logging::RotateOptions{.path = path}, clock, files, counters,
                                                       [](const std::string&) {})});
        log.Write(logging::Note{.text = "first"});
        log.Drain(std::chrono::seconds(60));  // from now on its thread naps
        log.Write(logging::Note{.text = "last words"});
        SetCrashLog(&log);
        std::abort();
      },
      ::testing::KilledBySignal(SIGABRT), "");
  std::ifstream file(path);
  EXPECT_THAT(std::string(std::istreambuf_iterator<char>(file), {}), HasSubstr("last words"));
}

// A process id is used again: the report of the one that had it before stays.
TEST_F(CrashDeathTest, TheReportIsNamedByItsTime) {
  namespace fs = std::filesystem;
  using std::chrono::system_clock;
  const auto before = std::chrono::floor<std::chrono::seconds>(system_clock::now());
  EXPECT_EXIT(
      {
        Prepare();
        std::abort();
      },
      ::testing::KilledBySignal(SIGABRT), "");
  const auto after = system_clock::now();
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(tree.root() + "/state")) names.push_back(entry.path().filename().string());
  ASSERT_EQ(names.size(), 1U);
  int pid = 0;
  std::tm at{};
  ASSERT_EQ(std::sscanf(names[0].c_str(), "crash-%4d%2d%2dT%2d%2d%2dZ-%d.txt", &at.tm_year, &at.tm_mon, &at.tm_mday, &at.tm_hour,
                        &at.tm_min, &at.tm_sec, &pid),
            7)
      << names[0];
  at.tm_year -= 1900;
  at.tm_mon -= 1;
  const auto time = system_clock::from_time_t(::timegm(&at));
  EXPECT_TRUE(before <= time && time <= after) << names[0];
  EXPECT_THAT(Evidence(tree.root() + "/state"), HasSubstr("pid " + std::to_string(pid)));
}

// The stack that a thread has used up cannot carry the handler.
std::uintptr_t Overflow(std::uintptr_t depth) {
  if (depth == 0) return 0;
  std::array<char, 4096> block;
  volatile char* const at = block.data();  // touched, whatever the compiler thinks of it
  at[depth % block.size()] = static_cast<char>(depth);
  return Overflow(depth + 1) + static_cast<std::uintptr_t>(at[depth % block.size()]);
}

TEST_F(CrashDeathTest, AThreadWhoseStackOverflowsDoesToo) {
  EXPECT_EXIT(
      {
        Prepare();
        std::thread([] {
          const ThreadSetup thread("deep");
          std::exit(static_cast<int>(Overflow(1)));
        }).join();
      },
      ::testing::KilledBySignal(SIGSEGV), "inferd crashed: SIGSEGV");
  EXPECT_THAT(Evidence(tree.root() + "/state"), HasSubstr("backtrace:"));
}

// A broken tensor is met by all compute threads at once.
TEST_F(CrashDeathTest, ThreadsThatCrashTogetherLeaveOneWholeReport) {
  EXPECT_EXIT(
      {
        Prepare();
        std::barrier together(8);
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i) {
          threads.emplace_back([&together] {
            const ThreadSetup thread("compute");
            together.arrive_and_wait();
            volatile int* nowhere = nullptr;
            *nowhere = 1;
          });
        }
        for (std::thread& thread : threads) thread.join();
      },
      ::testing::KilledBySignal(SIGSEGV), "inferd crashed: SIGSEGV");
  EXPECT_THAT(Evidence(tree.root() + "/state"), HasSubstr("0 4711 "));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(tree.root() + "/state"), {}), 1);
}

// What the evidence is read from may be what is broken.
TEST_F(CrashDeathTest, ACrashOfTheHandlerEndsTheProcess) {
  EXPECT_EXIT(
      {
        Prepare();
        SetCrashRecorder(reinterpret_cast<const logging::FlightRecorder*>(std::uintptr_t{64}));
        ::alarm(30);
        std::abort();
      },
      ::testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(CrashDeathTest, OldReportsMakeRoom) {
  namespace fs = std::filesystem;
  const fs::path folder = tree.root() + "/state";
  fs::create_directories(folder);
  const auto now = fs::file_time_type::clock::now();
  const auto report = [&folder](int i) { return folder / ("crash-" + std::to_string(100 + i) + ".txt"); };
  for (int i = 0; i < 12; ++i) {
    std::ofstream(report(i)) << "old";
    fs::last_write_time(report(i), now - std::chrono::hours(i));
  }
  std::ofstream(folder / "other.txt") << "not ours";
  EXPECT_EXIT(
      {
        InstallCrashHandler(folder.string());
        std::_Exit(0);
      },
      ::testing::ExitedWithCode(0), "");
  for (int i = 0; i < 12; ++i) EXPECT_EQ(fs::exists(report(i)), i < 7) << i;
  EXPECT_TRUE(fs::exists(folder / "other.txt"));
}

// As systemd's watchdog does it.
TEST_F(CrashDeathTest, ASignalThatSomebodySentKillsToo) {
  for (const int number : {SIGSEGV, SIGABRT}) {
    EXPECT_EXIT(
        {
          Prepare();
          ::kill(::getpid(), number);
        },
        ::testing::KilledBySignal(number), "inferd crashed: SIG.* sent by process");
  }
}

// Whoever reads standard error may hang as well.
TEST_F(CrashDeathTest, NobodyReadsStandardError) {
  EXPECT_EXIT(
      {
        Prepare();
        int ends[2] = {};
        if (::pipe(ends) != 0) std::exit(1);
        ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
        while (::write(ends[1], "x", 1) == 1) {
        }
        ::fcntl(ends[1], F_SETFL, 0);
        ::dup2(ends[1], STDERR_FILENO);
        ::alarm(30);
        ::kill(::getpid(), SIGSEGV);
      },
      ::testing::KilledBySignal(SIGSEGV), "");
  EXPECT_THAT(Evidence(tree.root() + "/state"), HasSubstr("0 4711 "));
}

#endif

}  // namespace
}  // namespace inferd::daemon
