#include "logging/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "logging/output.h"
#include "tests/fakes/manual_clock.h"
#include "tests/unit/logging/lines.h"

namespace inferd::logging {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Duration kPatience = seconds(60);

// Keeps every line; holds the queue's thread while it is told to.
class Collector final : public Output {
 public:
  std::vector<std::string> texts() {
    const std::lock_guard lock(guard_);
    return texts_;
  }
  std::vector<std::uint64_t> sequences() {
    const std::lock_guard lock(guard_);
    return sequences_;
  }
  void Hold() {
    const std::lock_guard lock(guard_);
    hold_ = true;
  }
  void Release() {
    const std::lock_guard lock(guard_);
    hold_ = false;
    released_.notify_all();
  }
  void AwaitHeld() {
    std::unique_lock lock(guard_);
    released_.wait(lock, [this] { return held_; });
  }
  std::atomic<int> ticks{0}, opened{0};

 protected:
  void Put(const Line& line) override {
    std::unique_lock lock(guard_);
    held_ = hold_;
    released_.notify_all();
    released_.wait(lock, [this] { return !hold_; });
    held_ = false;
    std::string text(LevelName(line.level));
    text += ' ';
    AppendMessage(line, text);
    texts_.push_back(std::move(text));
    sequences_.push_back(line.sequence);
  }
  void Tick() override { ++ticks; }
  void OpenAnew() override { ++opened; }

 private:
  std::mutex guard_;
  std::condition_variable released_;
  bool hold_ = false, held_ = false;
  std::vector<std::string> texts_;
  std::vector<std::uint64_t> sequences_;
};

class LogTest : public ::testing::Test {
 protected:
  Log& Make(LogOptions options = {.keeper = false}, Levels levels = {}) {
    log = std::make_unique<Log>(clock, counters, levels, options);
    log->Add({out});
    return *log;
  }
  std::vector<std::string> Written() {
    EXPECT_TRUE(log->Drain(kPatience));
    return out->texts();
  }
  std::uint64_t Dropped(DropReason reason) const { return counters.dropped[static_cast<std::size_t>(reason)].load(); }

  ManualClock clock;
  LogCounters counters;
  std::shared_ptr<Collector> out = std::make_shared<Collector>();
  std::unique_ptr<Log> log;
};

TEST_F(LogTest, WritesWhatIsLoudEnough) {
  Make();
  log->Write(Note{.text = "one"});
  log->Write(Note{.text = "debug"}, Level::kDebug);
  log->Write(Note{.text = "two"}, Level::kWarn);
  EXPECT_THAT(Written(), ElementsAre("info one", "warn two"));
  EXPECT_EQ(counters.lines[static_cast<std::size_t>(Level::kInfo)].load(), 1U);
  EXPECT_EQ(counters.lines[static_cast<std::size_t>(Level::kDebug)].load(), 0U);
}

// An output that is being made may have something to say at once.
TEST_F(LogTest, LinesBeforeTheOutputsAreKeptForThem) {
  log = std::make_unique<Log>(clock, counters, Levels{}, LogOptions{.keeper = false});
  log->Write(LogFileTrouble{.file = "f", .trouble = "cannot be opened"});
  log->Add({out});
  log->Write(Note{.text = "then"});
  EXPECT_THAT(Written(), ElementsAre("error f: cannot be opened", "info then"));
}

TEST_F(LogTest, LevelsAreSetForEachComponentWhileItRuns) {
  Make();
  Levels levels{.all = Level::kError};
  levels.components[static_cast<std::size_t>(Component::kConfig)] = Level::kDebug;
  log->SetLevels(levels);
  log->Write(Note{.text = "daemon"}, Level::kWarn);
  log->Write(SettingChanged{.key = "k", .to = "2", .from = "1"});
  EXPECT_THAT(Written(), ElementsAre("info reload: k is now 2, was 1"));
  EXPECT_TRUE(log->Enabled(Level::kDebug, Component::kConfig));
  EXPECT_FALSE(log->Enabled(Level::kWarn, Component::kDaemon));
}

// The fault that this queue is there for: whoever writes must not wait for what is written to.
TEST_F(LogTest, AHangingOutputBlocksNobodyAndTheLossIsReported) {
  Make({.queue = 64, .keeper = false});
  out->Hold();
  log->Write(Note{.text = "first"});
  out->AwaitHeld();
  for (int i = 0; i < 1000; ++i) log->Write(Note{.text = std::to_string(i)});  // returns, or the test hangs
  out->Release();
  EXPECT_EQ(Written().size(), 65U);
  log->Tick();
  const auto texts = Written();
  EXPECT_EQ(Dropped(DropReason::kQueueFull), 936U);
  EXPECT_EQ(texts.back(), "warn 936 log lines were lost before this one: queue_full (queue)");
  // The newest lines are those that were kept, and the gap shows in the numbers.
  EXPECT_EQ(texts[64], "info 999");
  EXPECT_EQ(out->sequences()[1] - out->sequences()[0], 937U);
}

// What only has the outputs look after themselves is no line, wherever in the queue it meets its end.
TEST_F(LogTest, OnlyLinesAreCountedAsLost) {
  Make({.queue = 64, .keeper = false});
  out->Hold();
  log->Write(Note{.text = "first"});
  out->AwaitHeld();
  for (int i = 0; i < 10; ++i) log->Tick();
  for (int i = 0; i < 1000; ++i) log->Write(Note{.text = std::to_string(i)});
  out->Release();
  EXPECT_EQ(Written().size(), 65U);
  log->Tick();
  Written();
  EXPECT_EQ(out->sequences()[1] - out->sequences()[0], 937U);
  EXPECT_EQ(Dropped(DropReason::kQueueFull), 936U);
}

TEST_F(LogTest, RepeatsAreLeftOutAndCounted) {
  Make();
  for (int i = 0; i < 12; ++i) log->Write(LogFileTrouble{.file = "f", .trouble = "t"});
  clock.Advance(seconds(5));
  log->Tick();
  EXPECT_EQ(Written().size(), 5U);
  clock.Advance(seconds(5));
  log->Tick();
  EXPECT_EQ(Written().back(), "warn 7 more lines of log_file_trouble were left out");
  // A new window begins; what it leaves out is told by the line that begins the next.
  for (int i = 0; i < 6; ++i) log->Write(LogFileTrouble{.file = "f", .trouble = "t"});
  clock.Advance(seconds(10));
  log->Write(LogFileTrouble{.file = "f", .trouble = "again"});
  const auto texts = Written();
  EXPECT_EQ(texts.size(), 13U);
  EXPECT_EQ(texts[11], "warn 1 more lines of log_file_trouble were left out");
  EXPECT_EQ(texts[12], "error f: again");
}

TEST_F(LogTest, OtherEventsAreNotLimited) {
  Make({.queue = 20'000, .keeper = false});
  for (int i = 0; i < 10'000; ++i) log->Write(RequestEnded{.method = "GET", .path = "/", .status = 200, .client = "c"});
  EXPECT_EQ(Written().size(), 10'000U);
}

TEST_F(LogTest, ManyThreadsLoseNothingThatFits) {
  Make({.queue = 50'000, .keeper = true});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 5000; ++i) log->Write(Note{.text = std::to_string(t) + " " + std::to_string(i)});
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto texts = Written();
  EXPECT_EQ(texts.size(), 20'000U);
  EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()).size(), 20'000U);
}

TEST_F(LogTest, TheOutputsAreLookedAfterWithoutLinesToo) {
  Make();
  log->Tick();
  log->Reopen();
  log->Tick();
  log->Write(Note{.text = "x"});
  Written();
  EXPECT_GE(out->ticks.load(), 2);
  EXPECT_EQ(out->opened.load(), 1);
}

TEST_F(LogTest, LinesAfterTheEndAreWrittenAtOnce) {
  Make();
  log->Write(Note{.text = "before"});
  EXPECT_TRUE(log->Stop(kPatience));
  log->Write(Note{.text = "after"});
  EXPECT_THAT(out->texts(), ElementsAre("info before", "info after"));
  EXPECT_TRUE(log->Stop(kPatience));
}

TEST_F(LogTest, AHangingOutputDoesNotKeepTheProcessFromEnding) {
  Make();
  out->Hold();
  log->Write(Note{.text = "x"});
  out->AwaitHeld();
  EXPECT_FALSE(log->Stop(std::chrono::milliseconds(1)));
  log.reset();
  out->Release();  // let the thread that was left behind go its way
}

// Threads of the API and of the engine go on while the main thread gives up.
TEST_F(LogTest, OthersMayWriteWhileItIsStoppedAndWhatTheyLoseIsCounted) {
  for (int round = 0; round < 50; ++round) {
    const auto held = std::make_shared<Collector>();
    auto many = std::make_unique<Log>(clock, counters, Levels{}, LogOptions{.keeper = false});
    many->Add({held});
    held->Hold();
    many->Write(Note{.text = "x"});
    held->AwaitHeld();
    std::atomic<bool> over{false};
    std::atomic<int> begun{0};
    std::vector<std::thread> writers;
    for (int t = 0; t < 2; ++t) {
      writers.emplace_back([&] {
        ++begun;
        while (!over) many->Write(Note{.text = "on and on"});
      });
    }
    while (begun < 2) std::this_thread::yield();
    EXPECT_FALSE(many->Stop(Duration::zero()));
    EXPECT_FALSE(many->Stop(Duration::zero())) << "still so";
    over = true;
    for (std::thread& writer : writers) writer.join();
    const std::uint64_t before = Dropped(DropReason::kBlocked);
    many->Write(Note{.text = "lost"});
    EXPECT_EQ(Dropped(DropReason::kBlocked), before + 1);
    many.reset();
    held->Release();
  }
}

class Throwing final : public Output {
 protected:
  void Put(const Line&) override { throw std::runtime_error("no memory"); }
};

TEST_F(LogTest, AnOutputThatThrowsHarmsNoOther) {
  log = std::make_unique<Log>(clock, counters, Levels{}, LogOptions{.keeper = false});
  log->Add({std::make_shared<Throwing>(), out});
  log->Write(Note{.text = "x"});
  EXPECT_THAT(Written(), ElementsAre("info x"));
  EXPECT_EQ(Dropped(DropReason::kInternal), 1U);
}

// As a file does when the disk is full.
class Complaining final : public Output {
 public:
  Log* log = nullptr;
  int put = 0;

 protected:
  void Put(const Line&) override {
    ++put;
    log->Write(Note{.text = "the disk is full"});
  }
};

TEST_F(LogTest, AnOutputMayComplainWhenNobodyIsBehindTheLogAnyMore) {
  const auto complaining = std::make_shared<Complaining>();
  log = std::make_unique<Log>(clock, counters, Levels{}, LogOptions{.keeper = false});
  complaining->log = log.get();
  log->Add({complaining, out});
  ASSERT_TRUE(log->Stop(kPatience));
  log->Write(Note{.text = "x"});
  EXPECT_EQ(complaining->put, 1);
  EXPECT_THAT(out->texts(), ElementsAre("info x"));
  EXPECT_EQ(Dropped(DropReason::kBlocked), 1U);
}

}  // namespace
}  // namespace inferd::logging
