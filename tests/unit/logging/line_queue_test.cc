#include "logging/line_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace inferd::logging {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;

// A writer that never looks by itself within the life of a test, so that what is written was written because it was woken.
constexpr Duration kForever = hours(1);
constexpr Duration kQueuePatience = seconds(60);

class Writer {
 public:
  explicit Writer(LineQueue& queue) : thread_([this, &queue] { Run(queue); }) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { thread_.join(); }

  bool Await(std::size_t lines) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kQueuePatience, [&] { return texts_.size() >= lines; });
  }
  bool AwaitLookedAfter() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kQueuePatience, [&] { return looked_after_; });
  }
  std::vector<std::string> texts() {
    const std::lock_guard lock(mutex_);
    return texts_;
  }

 private:
  void Run(LineQueue& queue) {
    std::array<LineQueue::Entry, 3> batch;
    for (LineQueue::Taken taken; queue.Take(batch, taken);) {
      const std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < taken.lines; ++i) texts_.push_back(batch[i].bytes);
      looked_after_ = looked_after_ || taken.look_after;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> texts_;
  bool looked_after_ = false;
  std::thread thread_;
};

LineQueue::Stage Put(LineQueue& queue, std::string text, Level level = Level::kInfo) {
  LineQueue::Entry entry;
  entry.level = level;
  entry.bytes = std::move(text);
  return queue.Put(entry);
}

// With its writer known to rest.
class RestingQueue {
 public:
  RestingQueue(std::size_t lines, int naps) : queue(lines, kForever, naps), writer(std::make_unique<Writer>(queue)) {
    EXPECT_TRUE(queue.Drain(kQueuePatience));
    queue.LookAfter();
    EXPECT_TRUE(writer->AwaitLookedAfter());
    // What it looked after is done when a line that was put later is.
    Put(queue, "rests");
    EXPECT_TRUE(queue.Drain(kQueuePatience));
  }
  RestingQueue(const RestingQueue&) = delete;
  RestingQueue& operator=(const RestingQueue&) = delete;
  ~RestingQueue() { EXPECT_TRUE(queue.Stop(kQueuePatience)); }

  LineQueue queue;
  std::unique_ptr<Writer> writer;
};

TEST(LineQueue, LinesWakeNobodyUntilThereAreMany) {
  RestingQueue resting(16, 1000);
  const std::uint64_t before = resting.queue.wakes();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Put(resting.queue, std::to_string(i)), LineQueue::Stage::kQueued);
  EXPECT_EQ(resting.queue.wakes(), before);
  Put(resting.queue, "3");  // a quarter is full
  EXPECT_EQ(resting.queue.wakes(), before + 1);
  EXPECT_TRUE(resting.writer->Await(5));
  EXPECT_THAT(resting.writer->texts(), ElementsAre("rests", "0", "1", "2", "3"));
}

TEST(LineQueue, AnErrorDoesNotWait) {
  RestingQueue resting(64, 1000);
  Put(resting.queue, "warning", Level::kWarn);
  EXPECT_EQ(resting.queue.unwritten(), 1U);
  Put(resting.queue, "error", Level::kError);
  EXPECT_TRUE(resting.writer->Await(3));
}

TEST(LineQueue, AfterALongSilenceTheFirstLineWakes) {
  RestingQueue resting(64, 0);
  Put(resting.queue, "line");
  EXPECT_TRUE(resting.writer->Await(2));
}

TEST(LineQueue, TheWriterLooksByItself) {
  LineQueue queue(64, std::chrono::milliseconds(1), 1'000'000);
  Writer writer(queue);
  Put(queue, "line");
  EXPECT_TRUE(writer.Await(1));
  EXPECT_EQ(queue.wakes(), 0U);
  EXPECT_TRUE(queue.Stop(kQueuePatience));
}

TEST(LineQueue, TheOldestAreLostAndTheOrderIsKept) {
  LineQueue queue(4, kForever, 1000);
  for (int i = 0; i < 10; ++i) Put(queue, std::to_string(i));
  EXPECT_EQ(queue.lost(), 6U);
  EXPECT_EQ(queue.unwritten(), 4U);
  {
    Writer writer(queue);
    EXPECT_TRUE(queue.Drain(kQueuePatience));
    EXPECT_THAT(writer.texts(), ElementsAre("6", "7", "8", "9"));
    EXPECT_EQ(queue.unwritten(), 0U);
    for (int i = 10; i < 13; ++i) Put(queue, std::to_string(i));
    EXPECT_TRUE(queue.Stop(kQueuePatience));
    EXPECT_THAT(writer.texts(), ElementsAre("6", "7", "8", "9", "10", "11", "12"));
  }
  EXPECT_EQ(Put(queue, "late"), LineQueue::Stage::kDirect);
}

// Whose writer has taken a line and does not come back.
struct HangingQueue {
  HangingQueue() {
    Put(queue, "line");
    EXPECT_TRUE(queue.Take(batch, taken));
    EXPECT_EQ(taken.lines, 1U);
  }
  LineQueue queue{2, kForever, 1000};
  std::array<LineQueue::Entry, 1> batch;
  LineQueue::Taken taken;
};

TEST(LineQueue, WhatIsInHandIsNotWritten) {
  HangingQueue hanging;
  auto& [queue, batch, taken] = hanging;
  EXPECT_EQ(batch[0].bytes, "line");
  EXPECT_EQ(queue.unwritten(), 1U);
  EXPECT_FALSE(queue.Drain(Duration::zero()));
  // A writer that does not come back is given up.
  EXPECT_FALSE(queue.Stop(Duration::zero()));
  EXPECT_EQ(Put(queue, "late"), LineQueue::Stage::kAbandoned);
  EXPECT_FALSE(queue.Take(batch, taken));
}

TEST(LineQueue, WhatIsThrownOutLaterDoesNotCountForALineInHand) {
  HangingQueue hanging;
  LineQueue& queue = hanging.queue;
  std::atomic<int> tries{0};
  std::atomic<bool> drained{false};
  std::thread drainer([&] {
    for (; tries < 20; ++tries) {
      if (queue.Drain(std::chrono::milliseconds(1))) drained = true;
    }
  });
  while (tries < 20) Put(queue, "thrown out by the next ones");
  drainer.join();
  EXPECT_FALSE(drained);
}

TEST(LineQueue, AWriterThatHangsIsGivenUpAlsoWhenItsLinesWereThrownOut) {
  HangingQueue hanging;
  LineQueue& queue = hanging.queue;
  for (int i = 0; i < 100; ++i) Put(queue, std::to_string(i));
  EXPECT_FALSE(queue.Stop(Duration::zero()));
  EXPECT_EQ(Put(queue, "late"), LineQueue::Stage::kAbandoned);
}

}  // namespace
}  // namespace inferd::logging
