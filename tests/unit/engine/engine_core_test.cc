// The engine step by step, on a tiny model with random weights: what is right here does not depend on what the model says.
#include "runtime/engine/engine_core.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/letter_tokenizer.h"
#include "tests/fakes/manual_clock.h"

namespace inferd::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What came out of one request so far.
struct Answer {
  std::vector<std::string> text;
  std::vector<std::optional<FinishReason>> finished;
  std::vector<GeneratedToken> tokens;
  bool ended = false;
};

class EngineCoreTest : public testing::Test {
 protected:
  void Make(EngineOptions options, int blocks) {
    auto model = model::Model::Load(INFERD_SOURCE_DIR "/tests/golden/data/logits/qwen2-gqa2.Q8_0.gguf", {.threads = 1, .kernels = ""});
    ASSERT_TRUE(model) << model.error().message;
    if (options.context == 0) options.context = (*model)->config().context;
    tokenizer_ = std::make_unique<model::LetterTokenizer>(static_cast<std::size_t>((*model)->config().vocab));
    auto kv = model::KvCache::Create((*model)->config(), options.kv_type, blocks);
    ASSERT_TRUE(kv);
    core_ = std::make_unique<EngineCore>(std::move(*model), *tokenizer_, options, std::move(*kv), clock_, ledger_, steps_);
  }
  void SetUp() override { Make({.max_running = 4, .max_batch_tokens = 32}, 64); }

  static std::vector<TokenId> Prompt(int n, int seed = 0) {
    std::mt19937 random(static_cast<unsigned>(seed));
    std::vector<TokenId> tokens;
    for (int i = 0; i < n; ++i) tokens.push_back(static_cast<TokenId>(random() % 250));
    return tokens;
  }

  static GenerateParams Params(std::vector<TokenId> prompt, int max_tokens) {
    GenerateParams params;
    params.prompts = {std::move(prompt)};
    params.max_tokens = max_tokens;
    params.ignore_eos = true;
    return params;
  }

  std::shared_ptr<Request> Submit(GenerateParams params, Priority priority = Priority::kNormal) {
    auto request = std::make_shared<Request>(std::move(params), priority);
    request->record.received = clock_.Now();
    ledger_.Received(request->record);
    core_->Accept(request);
    return request;
  }

  bool Step() {
    clock_.Advance(milliseconds(10));
    return core_->Step();
  }
  void Run() {
    for (int i = 0; i < 10000 && !core_->empty(); ++i) Step();
    ASSERT_TRUE(core_->empty());
  }

  // Adds what waits in the stream; ends the record in the books when the stream has ended, as an API coroutine does.
  void Collect(Request& request, Answer& answer) {
    OutputStream::Batch batch = request.output.Drain();
    for (OutputEvent& event : batch.events) {
      const auto choice = static_cast<std::size_t>(event.choice);
      answer.text.resize(std::max(answer.text.size(), choice + 1));
      answer.finished.resize(answer.text.size());
      EXPECT_FALSE(answer.finished[choice]) << "an event after the last one";
      answer.text[choice] += event.text;
      answer.finished[choice] = event.finished;
      answer.tokens.insert(answer.tokens.end(), event.tokens.begin(), event.tokens.end());
    }
    if (batch.ended && !answer.ended) {
      answer.ended = true;
      ledger_.Ended(request.record);
    }
  }
  Answer Finish(Request& request) {
    Run();
    Answer answer;
    Collect(request, answer);
    EXPECT_TRUE(answer.ended);
    return answer;
  }
  std::string Text(const GenerateParams& params) { return Finish(*Submit(params)).text[0]; }

  ManualClock clock_;
  Ring<RequestRecord> records_{1024};
  Ring<StepRecord> steps_{4096};
  Ledger ledger_{{"tiny"}, records_};
  std::unique_ptr<model::LetterTokenizer> tokenizer_;
  std::unique_ptr<EngineCore> core_;
};

TEST_F(EngineCoreTest, GeneratesWhatWasAskedFor) {
  const auto request = Submit(Params(Prompt(40), 10));
  const Answer answer = Finish(*request);
  ASSERT_EQ(answer.text.size(), 1U);
  EXPECT_EQ(answer.finished[0], FinishReason::kLength);
  EXPECT_EQ(answer.tokens.size(), 10U);
  const RequestRecord& record = request->record;
  EXPECT_EQ(record.outcome, Outcome::kLength);
  EXPECT_EQ(record.generated_tokens, 10U);
  EXPECT_LT(record.received, record.scheduled);
  EXPECT_LT(record.scheduled, record.first_token);
  EXPECT_LT(record.first_token, record.last_token);
  EXPECT_EQ(core_->pool().held(), 0);
}

TEST_F(EngineCoreTest, EndOfTextEndsTheAnswer) {
  GenerateParams params = Params(Prompt(20), 50);
  params.ignore_eos = false;
  params.sampling.temperature = 0;
  params.sampling.logit_bias = {{*tokenizer_->eos(), 100.0F}};
  const auto request = Submit(params);
  const Answer answer = Finish(*request);
  EXPECT_EQ(answer.finished[0], FinishReason::kEndOfText);
  EXPECT_EQ(answer.text[0], "");
  EXPECT_EQ(request->record.outcome, Outcome::kOk);
}

TEST_F(EngineCoreTest, SameSeedSameTextWhateverElseIsInTheBatch) {
  GenerateParams params = Params(Prompt(45), 30);
  params.sampling.seed = 42;
  const std::string alone = Text(params);
  std::vector<std::shared_ptr<Request>> others;
  for (int i = 0; i < 6; ++i) others.push_back(Submit(Params(Prompt(10 + 17 * i, i + 1), 5 + 7 * i)));
  const auto request = Submit(params, Priority::kInteractive);
  EXPECT_EQ(Finish(*request).text[0], alone);
  params.sampling.seed = 43;
  EXPECT_NE(Text(params), alone);
}

TEST_F(EngineCoreTest, APreemptedSequenceGoesOnAsIfNothingHadHappened) {
  GenerateParams params = Params(Prompt(30, 1), 60);
  params.sampling.seed = 5;
  const std::string alone = Text(params);
  Make({.max_running = 4, .max_batch_tokens = 32}, 8);  // 128 tokens: not enough for two of these at once
  const auto first = Submit(Params(Prompt(30, 2), 60));
  clock_.Advance(seconds(1));
  const auto second = Submit(params);
  Answer answer = Finish(*second);
  EXPECT_EQ(answer.text[0], alone);
  EXPECT_GT(second->record.preemptions, 0U);
  EXPECT_EQ(first->record.preemptions, 0U);
  EXPECT_GE(second->record.preempted[0], second->record.scheduled);
  EXPECT_LE(second->record.preempted[0], second->record.last_token);
  EXPECT_EQ(first->record.preempted[0], MonotonicTime{});
  EXPECT_EQ(core_->status().preemptions, second->record.preemptions);
  EXPECT_EQ(core_->pool().held(), 0);
}

TEST_F(EngineCoreTest, PrefixIsReusedAndChangesNothing) {
  GenerateParams params = Params(Prompt(50), 12);
  params.sampling.seed = 3;
  const auto first = Submit(params);
  const std::string text = Finish(*first).text[0];
  const auto second = Submit(params);
  EXPECT_EQ(Finish(*second).text[0], text);
  EXPECT_EQ(first->record.cached_prompt_tokens, 0U);
  EXPECT_EQ(second->record.cached_prompt_tokens, 48U);
  EXPECT_EQ(core_->status().prefix_hit_tokens, 48U);
}

TEST_F(EngineCoreTest, APromptOfWholeBlocksStillComputesItsLastToken) {
  const auto first = Submit(Params(Prompt(32), 3));
  Finish(*first);
  const auto second = Submit(Params(Prompt(32), 3));
  EXPECT_EQ(Finish(*second).tokens.size(), 3U);
  EXPECT_EQ(second->record.cached_prompt_tokens, 16U);
}

TEST_F(EngineCoreTest, ChoicesDifferAndShareThePrompt) {
  GenerateParams params = Params(Prompt(40), 8);
  params.n = 3;
  params.sampling.seed = 9;
  const auto request = Submit(params);
  const Answer answer = Finish(*request);
  ASSERT_EQ(answer.text.size(), 3U);
  EXPECT_NE(answer.text[0], answer.text[1]);
  EXPECT_NE(answer.text[1], answer.text[2]);
  EXPECT_EQ(request->record.generated_tokens, 24U);
  EXPECT_EQ(core_->status().prefix_hit_tokens, 64U);  // two siblings, two blocks each
  EXPECT_EQ(request->record.cached_prompt_tokens, 0U);
  params.n = 1;
  params.sampling.seed = 10;
  EXPECT_EQ(Text(params), answer.text[1]) << "choice i draws with seed + i";
}

TEST_F(EngineCoreTest, SeveralPromptsOneRequest) {
  GenerateParams params = Params(Prompt(20, 1), 5);
  params.prompts.push_back(Prompt(30, 2));
  params.n = 2;
  params.sampling.temperature = 0;
  const auto request = Submit(params);
  const Answer answer = Finish(*request);
  ASSERT_EQ(answer.text.size(), 4U);
  EXPECT_EQ(answer.text[0], answer.text[1]);
  EXPECT_EQ(answer.text[2], answer.text[3]);
  EXPECT_NE(answer.text[0], answer.text[2]);
}

TEST_F(EngineCoreTest, StopStringEndsTheChoiceAndIsNotInTheText) {
  GenerateParams params = Params(Prompt(25), 30);
  params.sampling.seed = 1;
  const std::string whole = Text(params);
  const std::string stop = whole.substr(whole.size() / 2, 4);
  params.stop = {stop};
  const auto request = Submit(params);
  const Answer answer = Finish(*request);
  EXPECT_EQ(answer.text[0], whole.substr(0, whole.find(stop)));
  EXPECT_EQ(answer.finished[0], FinishReason::kStopString);
  EXPECT_EQ(request->record.outcome, Outcome::kStop);
}

TEST_F(EngineCoreTest, CancelFreesTheCacheAtTheNextStep) {
  const auto running = Submit(Params(Prompt(60), 100));
  for (int i = 0; i < 5; ++i) Step();
  const auto queued = Submit(Params(Prompt(10, 7), 100));
  EXPECT_GT(core_->pool().held(), 0);
  running->Cancel(CancelReason::kClientGone);
  queued->Cancel(CancelReason::kClientGone);
  EXPECT_FALSE(Step());
  EXPECT_EQ(core_->pool().held(), 0);
  EXPECT_TRUE(core_->empty());
  EXPECT_EQ(running->record.outcome, Outcome::kCancelled);
  Answer answer;
  Collect(*queued, answer);
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.finished[0], FinishReason::kCancelled);
}

TEST_F(EngineCoreTest, DeadlinesAreKeptInTheQueueAndWhileRunning) {
  GenerateParams params = Params(Prompt(20), 1000);
  params.deadline = clock_.Now() + seconds(1);
  std::vector<std::shared_ptr<Request>> requests;
  for (int i = 0; i < 6; ++i) requests.push_back(Submit(params));  // four run, two wait
  for (int i = 0; i < 5; ++i) Step();
  EXPECT_EQ(core_->requests(), 6);
  clock_.Advance(seconds(1));
  EXPECT_FALSE(Step());
  EXPECT_TRUE(core_->empty());
  EXPECT_EQ(core_->pool().held(), 0);
  for (const auto& request : requests) EXPECT_EQ(request->record.outcome, Outcome::kExpired);
  EXPECT_EQ(core_->queued()[1], 0U);
}

TEST_F(EngineCoreTest, TheContextIsAWall) {
  Make({.context = 64, .max_running = 2, .max_batch_tokens = 32}, 64);
  const auto request = Submit(Params(Prompt(50), 1000));
  EXPECT_EQ(Finish(*request).tokens.size(), 14U);
  EXPECT_EQ(request->record.outcome, Outcome::kLength);
}

TEST_F(EngineCoreTest, StepRecordsTellWhatWasDone) {
  Submit(Params(Prompt(40), 3));
  Run();
  std::vector<StepRecord> steps;
  StepRecord step;
  while (steps_.TryPop(step)) steps.push_back(step);
  ASSERT_EQ(steps.size(), 4U);
  EXPECT_EQ(steps[0].phase, StepPhase::kPrefill);
  EXPECT_EQ(steps[0].prefill_tokens, 32U);
  EXPECT_EQ(steps[0].generated_tokens, 0U);
  EXPECT_EQ(steps[1].prefill_tokens, 8U);
  EXPECT_EQ(steps[1].generated_tokens, 1U);
  EXPECT_EQ(steps[2].phase, StepPhase::kDecode);
  EXPECT_EQ(steps[2].decode_sequences, 1U);
  EXPECT_EQ(steps[2].number, 3U);
  EXPECT_GT(steps[2].weight_bytes_read, 0U);
  EXPECT_EQ(steps[2].workers, core_->model().threads() - 1);
  EXPECT_EQ(steps[2].inter_token[4], 1U) << "10 ms falls into the bucket up to 0.01";
}

// Thousands of random lives: whatever happens, the books balance at every step and nothing stays behind.
TEST_F(EngineCoreTest, AStepSaysWhatItWillHaveDoneAndHowFarItIs) {
  const auto request = Submit(Params(Prompt(20), 2));
  clock_.Advance(milliseconds(10));
  EXPECT_TRUE(core_->Step([this] {
    const EngineStatus status = core_->status();
    EXPECT_EQ(status.step_weight_bytes, core_->model().weight_bytes());
    EXPECT_DOUBLE_EQ(status.step_flops, 20 * core_->model().flops_per_token());
    EXPECT_EQ(status.step_prefill_tokens, 20U);
    EXPECT_EQ(core_->step_bytes(), 0U);
  }));
  EXPECT_EQ(core_->step_bytes(), core_->model().weight_bytes()) << "the parts of a step add up to the whole";
  const Duration busy = core_->status().busy;
  Run();
  StepRecord step;
  Duration all{};
  while (steps_.TryPop(step)) all += step.total();
  EXPECT_EQ(core_->status().busy, all);
  EXPECT_LE(busy, all);
  Answer answer;
  Collect(*request, answer);
}

TEST_F(EngineCoreTest, RandomLivesBalance) {
  Make({.max_running = 4, .max_batch_tokens = 24, .queue_capacity = 100}, 14);
  std::mt19937 random(17);
  struct Life {
    std::shared_ptr<Request> request;
    Answer answer;
  };
  std::vector<Life> lives;
  std::uint64_t submitted = 0;
  const auto check = [&] {
    const Ledger::Totals totals = ledger_.Read(0, Endpoint::kChatCompletions);
    std::uint64_t sum = 0;
    for (const std::uint64_t n : totals.ended) sum += n;
    for (const std::uint64_t n : totals.in_flight) {
      ASSERT_LT(n, 1U << 30U) << "a negative difference";
      sum += n;
    }
    ASSERT_EQ(totals.received, sum);
    ASSERT_EQ(totals.received, submitted);
  };
  for (int round = 0; round < 3000; ++round) {
    if (random() % 3 == 0) {
      GenerateParams params =
          Params(Prompt(1 + static_cast<int>(random() % 90), static_cast<int>(random() % 5)), 1 + static_cast<int>(random() % 40));
      params.n = 1 + static_cast<int>(random() % 3);
      params.sampling.seed = random();
      if (random() % 4 == 0) params.deadline = clock_.Now() + milliseconds(random() % 500);
      if (random() % 4 == 0) params.stop = {"a"};
      lives.push_back({Submit(params, static_cast<Priority>(random() % 3)), {}});
      ++submitted;
    }
    if (!lives.empty() && random() % 10 == 0) lives[random() % lives.size()].request->Cancel(CancelReason::kClientGone);
    Step();
    if (random() % 2 == 0) {
      for (Life& life : lives) Collect(*life.request, life.answer);
      std::erase_if(lives, [](const Life& life) { return life.answer.ended; });
    }
    check();
    if (HasFatalFailure()) return;
  }
  Run();
  for (Life& life : lives) {
    Collect(*life.request, life.answer);
    EXPECT_TRUE(life.answer.ended);
  }
  check();
  EXPECT_EQ(core_->pool().held(), 0);
  for (const std::uint32_t n : core_->queued()) EXPECT_EQ(n, 0U);
  const Ledger::Totals totals = ledger_.Read(0, Endpoint::kChatCompletions);
  for (const Outcome outcome : {Outcome::kLength, Outcome::kStop, Outcome::kExpired, Outcome::kCancelled}) {
    EXPECT_GT(totals.ended[static_cast<std::size_t>(outcome)], 10U) << OutcomeName(outcome);
  }
}

TEST_F(EngineCoreTest, AWarmUpSaysNothingOfHowFastAQueueDrains) {
  clock_.AdvanceWithEachReading(milliseconds(1));
  auto warm_up = std::make_shared<Request>(Params(Prompt(8), 3), Priority::kNormal);
  warm_up->counted = false;
  core_->Accept(warm_up);
  Run();
  EXPECT_EQ(core_->status().drain_rate, 0);
  Finish(*Submit(Params(Prompt(8), 3)));
  EXPECT_GT(core_->status().drain_rate, 0);
}

TEST(DrainRate, IdleTimeDoesNotCount) {
  DrainRate rate;
  EXPECT_EQ(rate.PerSecond(), 0);
  for (int i = 0; i < 1000; ++i) rate.Add(0.1, 1);
  EXPECT_NEAR(rate.PerSecond(), 10, 0.2);
  for (int i = 0; i < 300; ++i) rate.Add(0.1, i % 2);
  EXPECT_NEAR(rate.PerSecond(), 5, 0.5);
}

}  // namespace
}  // namespace inferd::engine
