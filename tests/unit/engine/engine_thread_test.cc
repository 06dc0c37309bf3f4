// The engine with its thread: submission from other threads, bounds, drain and stop.
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "gtest/gtest.h"
#include "runtime/base/seqlock.h"
#include "runtime/engine/engine.h"
#include "runtime/model/compute_pool.h"
#include "tests/fakes/letter_tokenizer.h"

namespace inferd::engine {
namespace {

class EngineThreadTest : public testing::Test {
 protected:
  void Make(EngineOptions options) {
    auto model = model::Model::Load(INFERD_SOURCE_DIR "/tests/golden/data/logits/llama-gqa4.Q8_0.gguf", {.threads = 1, .kernels = ""});
    ASSERT_TRUE(model) << model.error().message;
    tokenizer_ = std::make_unique<model::LetterTokenizer>(static_cast<std::size_t>((*model)->config().vocab));
    auto engine = Engine::Create(std::move(*model), *tokenizer_, options, clock_, ledger_, steps_);
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = std::move(*engine);
  }

  std::shared_ptr<Request> MakeRequest(int max_tokens, std::size_t prompt = 10) {
    GenerateParams params;
    params.prompts = {std::vector<TokenId>(prompt, 3)};
    params.max_tokens = max_tokens;
    params.ignore_eos = true;
    auto request = std::make_shared<Request>(std::move(params), Priority::kNormal);
    request->record.received = clock_.Now();
    return request;
  }

  // Waits for the end of the stream and returns the text of all choices.
  static std::string Wait(Request& request) {
    std::mutex mutex;
    std::condition_variable changed;
    bool ready = false;
    request.output.OnReady([&] {
      const std::lock_guard lock(mutex);
      ready = true;
      changed.notify_one();
    });
    std::string text;
    for (bool ended = false; !ended;) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return ready; });
        ready = false;
      }
      const OutputStream::Batch batch = request.output.Drain();
      for (const OutputEvent& event : batch.events) text += event.text;
      ended = batch.ended;
    }
    request.output.OnReady({});
    return text;
  }

  // A figure of /proc/self/task/TID/status of the thread with this name.
  static std::string OfThread(const std::string& name, const std::string& field) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::ifstream status(task.path() / "status");
      std::string line;
      std::getline(status, line);
      if (line != "Name:\t" + name) continue;
      while (std::getline(status, line)) {
        if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
      }
    }
    return "";
  }

  SystemClock clock_;
  Ring<RequestRecord> records_{64};
  Ring<StepRecord> steps_{64};
  Ledger ledger_{{"tiny"}, records_};
  std::unique_ptr<model::LetterTokenizer> tokenizer_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineThreadTest, RunsOnItsCpuAndKeepsTheKvCacheInMemory) {
  const int cpu = model::AllowedCpus().back();
  Make({.context = 32, .max_running = 1, .max_batch_tokens = 16, .lock_kv_cache = true, .cpu = cpu});
  const std::string mine = OfThread("engine_test", "Cpus_allowed_list");
  const std::string locked = OfThread("engine_test", "VmLck");
  const auto kilobytes = engine_->options().kv_cache_bytes / 1024;
  EXPECT_EQ(std::stoul(locked), (kilobytes + 3) / 4 * 4) << "whole pages of 4 KiB";
  const auto started = engine_->Start();
  ASSERT_TRUE(started) << started.error().message;
  auto request = MakeRequest(4);
  ASSERT_TRUE(engine_->Submit(request));
  Wait(*request);
  EXPECT_EQ(request->record.generated_tokens, 4U);
  EXPECT_EQ(OfThread("engine", "Cpus_allowed_list"), std::to_string(cpu));
  EXPECT_EQ(OfThread("engine_test", "Cpus_allowed_list"), mine) << "the starter's own CPUs are another matter";
}

TEST_F(EngineThreadTest, AnswersManySubmittersAtOnce) {
  Make({.context = 128, .max_running = 4, .max_batch_tokens = 64});
  engine_->Start();
  std::vector<std::thread> clients;
  std::vector<std::string> texts(8);
  for (std::size_t c = 0; c < texts.size(); ++c) {
    clients.emplace_back([this, c, &texts] {
      for (int i = 0; i < 5; ++i) {
        auto request = MakeRequest(20);
        ASSERT_TRUE(engine_->Submit(request));
        texts[c] = Wait(*request);
        EXPECT_EQ(request->record.generated_tokens, 20U);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  for (const std::string& text : texts) EXPECT_EQ(text, texts[0]);
  engine_->Stop();
  EXPECT_EQ(engine_->status().kv_blocks_used, 0U);
  EXPECT_EQ(engine_->inside(), 0U);
}

TEST_F(EngineThreadTest, AFullQueueRefusesAtOnceAndTellsWhenToComeBack) {
  Make({.context = 128, .max_running = 1, .max_batch_tokens = 64, .queue_capacity = 3});
  std::vector<std::shared_ptr<Request>> requests;
  for (int i = 0; i < 3; ++i) {
    requests.push_back(MakeRequest(5));
    ASSERT_TRUE(engine_->Submit(requests.back()));
  }
  EXPECT_EQ(engine_->status().queued[1], 3U);
  EXPECT_NE(engine_->status().oldest_queued, MonotonicTime{});
  const auto refused = engine_->Submit(MakeRequest(5));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, RefusalReason::kQueueFull);
  EXPECT_GE(refused.error().retry_after, std::chrono::seconds(1));
  engine_->Start();
  for (auto& request : requests) Wait(*request);
  EXPECT_TRUE(engine_->Submit(MakeRequest(5)));
}

TEST_F(EngineThreadTest, WhatCanNeverFitIsRefused) {
  Make({.context = 64, .max_running = 2, .max_batch_tokens = 64});
  const auto too_long = engine_->Submit(MakeRequest(5, 64));
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().reason, RefusalReason::kInvalid);
  EXPECT_NE(too_long.error().message.find("64 tokens"), std::string::npos) << too_long.error().message;
  EXPECT_TRUE(engine_->Submit(MakeRequest(5, 63)));
}

TEST_F(EngineThreadTest, DrainRefusesNewWorkAndFinishesTheOld) {
  Make({.context = 128, .max_running = 2, .max_batch_tokens = 64});
  auto request = MakeRequest(30);
  ASSERT_TRUE(engine_->Submit(request));
  engine_->StartDrain();
  const auto refused = engine_->Submit(MakeRequest(5));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, RefusalReason::kDraining);
  engine_->Start();
  Wait(*request);
  EXPECT_EQ(request->record.outcome, Outcome::kLength);
}

TEST_F(EngineThreadTest, CutAllEndsEverythingAndCounts) {
  Make({.context = 2048, .max_running = 2, .max_batch_tokens = 64});
  std::vector<std::shared_ptr<Request>> requests;
  for (int i = 0; i < 4; ++i) {
    requests.push_back(MakeRequest(2000));
    ASSERT_TRUE(engine_->Submit(requests.back()));
  }
  EXPECT_EQ(engine_->CutAll(), 4U);
  engine_->Start();
  for (auto& request : requests) {
    Wait(*request);
    EXPECT_EQ(request->record.outcome, Outcome::kCancelled);
  }
}

TEST_F(EngineThreadTest, StopEndsWhatIsInside) {
  for (const bool started : {false, true}) {
    Make({.context = 2048, .max_running = 2, .max_batch_tokens = 64});
    auto request = MakeRequest(2000);
    ASSERT_TRUE(engine_->Submit(request));
    if (started) engine_->Start();
    engine_->Stop();
    EXPECT_TRUE(request->output.Drain().ended);
    EXPECT_FALSE(engine_->Submit(MakeRequest(1)));
  }
}

TEST_F(EngineThreadTest, OptionsOutOfRangeAreNamed) {
  for (const EngineOptions& options : {EngineOptions{.max_running = 0}, EngineOptions{.max_running = 64, .max_batch_tokens = 32},
                                       EngineOptions{.queue_capacity = 0}, EngineOptions{.kv_cache_bytes = 10}}) {
    auto model = model::Model::Load(INFERD_SOURCE_DIR "/tests/golden/data/logits/llama-gqa4.Q8_0.gguf", {.threads = 1, .kernels = ""});
    tokenizer_ = std::make_unique<model::LetterTokenizer>(static_cast<std::size_t>((*model)->config().vocab));
    EXPECT_FALSE(Engine::Create(std::move(*model), *tokenizer_, options, clock_, ledger_, steps_));
  }
}

TEST(SeqLock, ReadersNeverSeeATornValue) {
  struct Pair {
    std::uint64_t a = 0, b = 0, c = 0;
  };
  SeqLock<Pair> lock;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      const Pair pair = lock.Load();
      ASSERT_EQ(pair.a, pair.b);
      ASSERT_EQ(pair.b, pair.c);
    }
  });
  for (std::uint64_t i = 0; i < 100000; ++i) lock.Store({i, i, i});
  done = true;
  reader.join();
  EXPECT_EQ(lock.Load().a, 99999U);
}

}  // namespace
}  // namespace inferd::engine
