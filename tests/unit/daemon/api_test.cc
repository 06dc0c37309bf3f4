// The API without sockets: endpoints, answers, streams, errors, and the books behind them.
#include "daemon/api/api.h"

#include <gmock/gmock.h>

#include "tests/unit/daemon/fixture.h"

namespace inferd::daemon {
namespace {

using engine::FinishReason;
using engine::Outcome;
using engine::RefusalReason;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

class ApiTest : public ApiFixture {};

TEST_F(ApiTest, ChatAnswersWhole) {
  Serve();
  const Reply reply = Chat({{"max_tokens", 20}});
  ASSERT_EQ(reply.response.status, 200) << reply.response.body;
  const json body = reply.json();
  EXPECT_EQ(body["object"], "chat.completion");
  EXPECT_EQ(body["model"], "demo");
  EXPECT_EQ(body["choices"][0]["message"]["role"], "assistant");
  EXPECT_EQ(body["choices"][0]["message"]["content"], "Hello world");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(body["choices"][0]["logprobs"].is_null());
  // The template's marker is a token, the two letters are one each.
  EXPECT_EQ(body["usage"]["prompt_tokens"], 3);
  EXPECT_EQ(body["usage"]["completion_tokens"], 11);
  EXPECT_EQ(body["usage"]["total_tokens"], 14);
  EXPECT_EQ(body["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
  EXPECT_EQ(body["id"], "chatcmpl-" + reply.Find("X-Request-Id"));
  EXPECT_THAT(reply.Find("Server-Timing"), HasSubstr("queue;dur="));
  EXPECT_THAT(engine_.last()->params().prompts[0], ElementsAre(model::FakeTokenizer::kMark, 'h', 'i'));
  EXPECT_EQ(LastEnded().record->outcome, Outcome::kOk);
  EXPECT_EQ(LastEnded().record->http_status, 200);
  ExpectBooksClosed(1);
}

TEST_F(ApiTest, TheAccessLineAndTheRecordTellTheSameTimes) {
  Serve();
  clock_.AdvanceWithEachReading(std::chrono::microseconds(1));
  ASSERT_EQ(Chat({}).response.status, 200);
  engine::RequestRecord record;
  ASSERT_TRUE(requests_.TryPop(record));
  EXPECT_EQ(record.ended, LastEnded().record->ended);
  EXPECT_EQ(record.ended - record.received, LastEnded().duration);
}

TEST_F(ApiTest, WhatAUserWritesNeverBecomesAControlToken) {
  Serve();
  Chat({{"messages", {{{"role", "user"}, {"content", "<|mark|>"}}}}});
  EXPECT_EQ(engine_.last()->params().prompts[0].size(), 1 + model::FakeTokenizer::kMarkText.size());
}

TEST_F(ApiTest, ChatStreams) {
  Serve();
  engine_.SetScript({.pieces = {"Hé", "llo \"x\"\n"}, .finish = FinishReason::kLength});
  const Reply reply = Chat({{"stream", true}, {"stream_options", {{"include_usage", true}}}});
  ASSERT_EQ(reply.response.status, 200);
  EXPECT_EQ(reply.response.content_type, "text/event-stream");
  const auto events = Events(reply.response.body);
  ASSERT_GE(events.size(), 5U);
  EXPECT_EQ(events.back(), "[DONE]");
  std::string text;
  std::vector<std::string> finishes;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    const json chunk = json::parse(events[i]);
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    if (chunk["choices"].empty()) continue;
    const json& choice = chunk["choices"][0];
    if (i == 0) {
      EXPECT_EQ(choice["delta"]["role"], "assistant");
    }
    text += choice["delta"].value("content", "");
    if (!choice["finish_reason"].is_null()) finishes.push_back(choice["finish_reason"]);
    EXPECT_TRUE(chunk["usage"].is_null());
  }
  EXPECT_EQ(text, "Héllo \"x\"\n");
  EXPECT_THAT(finishes, ElementsAre("length"));
  const json last = json::parse(events[events.size() - 2]);
  EXPECT_TRUE(last["choices"].empty());
  EXPECT_EQ(last["usage"]["completion_tokens"], 11);
  EXPECT_TRUE(last["timing"].contains("queue_ms"));
  EXPECT_EQ(LastEnded().record->outcome, Outcome::kLength);
}

TEST_F(ApiTest, AStreamWithoutUsageHasNone) {
  Serve();
  const auto events = Events(Chat({{"stream", true}}).response.body);
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    EXPECT_FALSE(json::parse(events[i]).contains("usage"));
    EXPECT_EQ(json::parse(events[i])["choices"].size(), 1U);
  }
}

TEST_F(ApiTest, ReasoningIsSplitFromTheAnswer) {
  Serve(true);
  engine_.SetScript({.pieces = {"I think", "</thi", "nk>\n\nYes"}});
  const json whole = Chat({}).json();
  EXPECT_EQ(whole["choices"][0]["message"]["reasoning_content"], "I think");
  EXPECT_EQ(whole["choices"][0]["message"]["content"], "Yes");
  const int reasoning = whole["usage"]["completion_tokens_details"]["reasoning_tokens"];
  EXPECT_GT(reasoning, 0);
  EXPECT_LE(reasoning, whole["usage"]["completion_tokens"]);

  std::string thought;
  std::string answer;
  const auto events = Events(Chat({{"stream", true}}).response.body);
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    const json delta = json::parse(events[i])["choices"][0]["delta"];
    thought += delta.value("reasoning_content", "");
    answer += delta.value("content", "");
  }
  EXPECT_EQ(thought, "I think");
  EXPECT_EQ(answer, "Yes");
}

TEST_F(ApiTest, CompletionsTakeSeveralPromptsAndChoices) {
  Serve();
  const json body = Complete({{"prompt", {"a", "bc"}}, {"n", 2}}).json();
  EXPECT_EQ(body["object"], "text_completion");
  ASSERT_EQ(body["choices"].size(), 4U);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(body["choices"][static_cast<std::size_t>(i)]["index"], i);
    EXPECT_EQ(body["choices"][static_cast<std::size_t>(i)]["text"], "Hello world");
  }
  EXPECT_EQ(body["usage"]["prompt_tokens"], 3);
  EXPECT_EQ(LastEnded().record->choices, 4U);
  EXPECT_EQ(Complete({{"prompt", {104, 105}}}).response.status, 200);
  EXPECT_THAT(engine_.last()->params().prompts[0], ElementsAre(104, 105));
}

TEST_F(ApiTest, Logprobs) {
  Serve();
  engine_.SetScript({.pieces = {"ab"}});
  const json chat = Chat({{"logprobs", true}, {"top_logprobs", 2}}).json()["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(chat.size(), 2U);
  EXPECT_EQ(chat[0]["token"], "a");
  EXPECT_EQ(chat[0]["bytes"], json::array({97}));
  EXPECT_EQ(chat[0]["top_logprobs"].size(), 2U);
  const json text = Complete({{"logprobs", 1}}).json()["choices"][0]["logprobs"];
  EXPECT_EQ(text["tokens"], json::array({"a", "b"}));
  EXPECT_EQ(text["text_offset"], json::array({0, 1}));
  EXPECT_EQ(text["token_logprobs"].size(), 2U);
  EXPECT_EQ(text["top_logprobs"][0]["a"], -0.5);
}

TEST_F(ApiTest, ParametersReachTheEngine) {
  Serve();
  settings_.Set({.deadline = std::chrono::seconds(30), .priorities = {true, true, true}});
  auto body = json{{"model", "demo"}, {"prompt", "hi"}, {"seed", 7}, {"priority", "batch"}, {"stop", "x"}, {"logit_bias", {{"65", 2.5}}}};
  Ask("POST", "/v1/completions", body.dump(), {{"x-request-timeout", "2.5"}});
  const auto& params = engine_.last()->params();
  EXPECT_EQ(params.sampling.seed, 7U);
  EXPECT_THAT(params.stop, ElementsAre("x"));
  EXPECT_EQ(params.sampling.logit_bias.at(0).first, 65);
  EXPECT_EQ(params.max_tokens, 1024 - 2);
  EXPECT_EQ(params.deadline, clock_.Now() + std::chrono::milliseconds(2500));
  EXPECT_EQ(engine_.last()->priority(), engine::Priority::kBatch);
  Ask("POST", "/v1/completions", body.dump(), {{"x-request-timeout", "1000"}});
  EXPECT_EQ(engine_.last()->params().deadline, clock_.Now() + std::chrono::seconds(30))
      << "a client cannot ask for more than the server gives";
  EXPECT_EQ(Ask("POST", "/v1/completions", body.dump(), {{"x-request-timeout", "soon"}}).response.status, 400);
}

TEST_F(ApiTest, PrioritiesThatTheServerDoesNotOffer) {
  Serve();
  settings_.Set({.deadline = std::chrono::seconds(30), .priorities = {false, false, true}});
  EXPECT_EQ(Complete({{"priority", "interactive"}}).response.status, 400);
  EXPECT_EQ(Complete({}).response.status, 200);
  EXPECT_EQ(engine_.last()->priority(), engine::Priority::kBatch);
}

TEST_F(ApiTest, EndingsBecomeStatuses) {
  Serve();
  struct Case {
    FinishReason reason;
    int status;
    Outcome outcome;
    const char* code;
  };
  for (const Case& c : {Case{FinishReason::kExpired, 408, Outcome::kExpired, "deadline_exceeded"},
                        Case{FinishReason::kCancelled, 503, Outcome::kCancelled, "service_unavailable"},
                        Case{FinishReason::kFailed, 500, Outcome::kFailed, "internal_error"}}) {
    // Before the first byte: a status. After it: an event, and no [DONE].
    engine_.SetScript({.pieces = {}, .finish = c.reason});
    for (const bool stream : {false, true}) {
      const Reply reply = Chat({{"stream", stream}});
      EXPECT_EQ(reply.response.status, c.status);
      EXPECT_EQ(reply.json()["error"]["code"], c.code);
      EXPECT_EQ(LastEnded().record->outcome, c.outcome);
      EXPECT_EQ(LastEnded().record->http_status, c.status);
    }
  }
  ExpectBooksClosed(6);
}

TEST_F(ApiTest, AStreamThatBreaksSaysSo) {
  Serve();
  engine_.SetScript({.pieces = {"Hello"}, .finish = FinishReason::kFailed, .hold = true});
  auto call = api_.Begin(Head("POST", "/v1/chat/completions"));
  ASSERT_FALSE(call->Refusal());
  ASSERT_FALSE(call->Start(R"({"model":"demo","stream":true,"messages":[{"role":"user","content":"x"}]})"));
  Reply reply;
  bool begun = false;
  // The wake-up that follows the first text lets the engine go on, so that the head is out before the failure.
  std::atomic<int> wakes{0};
  call->OnReady([&] { ++wakes; });
  while (!begun) {
    Call::Part part = call->Poll();
    begun = part.head.has_value();
    reply.response.body += part.data;
    std::this_thread::yield();
  }
  engine_.Release();
  Collect(*call, reply);
  const auto events = Events(reply.response.body);
  EXPECT_EQ(json::parse(events.back())["error"]["type"], "server_error");
  call.reset();
  EXPECT_EQ(LastEnded().record->outcome, Outcome::kFailed);
  EXPECT_EQ(LastEnded().record->http_status, 200);
}

TEST_F(ApiTest, RefusalsOfTheEngine) {
  Serve();
  struct Case {
    RefusalReason reason;
    Duration retry_after;
    int status;
    const char* retry;
  };
  for (const Case& c : {Case{RefusalReason::kQueueFull, std::chrono::milliseconds(1200), 429, "2"},
                        Case{RefusalReason::kDeadline, Duration::zero(), 429, "1"}, Case{RefusalReason::kKv, Duration::zero(), 400, ""},
                        Case{RefusalReason::kDraining, std::chrono::seconds(5), 503, "5"}}) {
    engine_.SetRefusal(engine::Refusal{c.reason, "no", c.retry_after});
    const Reply reply = Chat({});
    EXPECT_EQ(reply.response.status, c.status);
    EXPECT_EQ(reply.Find("Retry-After"), c.retry);
    EXPECT_EQ(LastEnded().record->outcome, Outcome::kRejected);
    EXPECT_EQ(LastEnded().record->refusal, c.reason);
  }
  ExpectBooksClosed(4);
}

TEST_F(ApiTest, FaultsOfARequest) {
  Serve();
  EXPECT_EQ(Ask("POST", "/v1/completions", "{").response.status, 400);
  EXPECT_EQ(LastEnded().record->refusal, RefusalReason::kInvalid);
  const Reply unknown = Chat({{"model", "gpt-9"}});
  EXPECT_EQ(unknown.response.status, 404);
  EXPECT_EQ(unknown.json()["error"]["code"], "model_not_found");
  EXPECT_THAT(unknown.json()["error"]["message"].get<std::string>(), HasSubstr("demo"));
  EXPECT_EQ(LastEnded().record->model, ledger_.other_model());
  EXPECT_EQ(Chat({{"messages", {{{"role", "pirate"}, {"content", "x"}}}}}).json()["error"]["param"], "messages");
  EXPECT_EQ(Complete({{"prompt", ""}}).response.status, 400);
  EXPECT_EQ(Complete({{"prompt", std::string(2000, 'x')}}).json()["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(Complete({{"prompt", {1, 999}}}).json()["error"]["param"], "prompt[1]");
  EXPECT_EQ(engine_.submitted(), 0U);
  ExpectBooksClosed(6);
}

TEST_F(ApiTest, AClientThatGoesIsCancelledAndCountedOnce) {
  Serve();
  engine_.SetScript({.pieces = {}, .hold = true});
  {
    auto call = api_.Begin(Head("POST", "/v1/completions"));
    ASSERT_FALSE(call->Refusal());
    ASSERT_FALSE(call->Start(R"({"model":"demo","prompt":"x"})"));
    EXPECT_TRUE(call->pending());
    call->ClientGone();
    EXPECT_EQ(engine_.last()->cancel_reason(), engine::CancelReason::kClientGone);
    Reply reply;
    Collect(*call, reply);
    EXPECT_TRUE(reply.response.body.empty());
    EXPECT_FALSE(call->pending());
  }
  EXPECT_EQ(LastEnded().record->outcome, Outcome::kCancelled);
  EXPECT_EQ(LastEnded().record->http_status, 499);
  ExpectBooksClosed(1);
}

TEST_F(ApiTest, ACallThatIsDroppedAnywhereClosesItsBooks) {
  Serve();
  api_.Begin(Head("POST", "/v1/completions")).reset();
  {
    auto call = api_.Begin(Head("POST", "/v1/completions"));
    call->Refusal();
  }
  EXPECT_EQ(LastEnded().record->http_status, 499);
  EXPECT_EQ(ledger_.Read(0, engine::Endpoint::kCompletions).ended[static_cast<std::size_t>(Outcome::kCancelled)], 2U);
  ExpectBooksClosed(2);
}

TEST_F(ApiTest, WhoeverHasSeenARefusalFindsItInTheBooks) {
  Serve();
  auto call = api_.Begin(Head("POST", "/v1/completions"));
  ASSERT_FALSE(call->Refusal());
  const auto refusal = call->Start("{");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 400);
  const auto totals = ledger_.Read(0, engine::Endpoint::kCompletions);
  EXPECT_EQ(totals.received, 1U);
  EXPECT_EQ(totals.in_flight[static_cast<std::size_t>(engine::Stage::kQueued)], 1U);
  call.reset();
  ExpectBooksClosed(1);
}

TEST_F(ApiTest, ModelsAndHealth) {
  EXPECT_EQ(Ask("GET", "/v1/models", "").json()["data"].size(), 0U);
  EXPECT_EQ(Ask("GET", "/v1/models/demo", "").response.status, 503);
  EXPECT_EQ(Ask("GET", "/readyz", "").response.status, 503);
  EXPECT_EQ(Ask("GET", "/healthz", "").json()["status"], "loading");
  Serve();
  EXPECT_EQ(Ask("GET", "/v1/models", "").json()["data"][0]["id"], "demo");
  EXPECT_EQ(Ask("GET", "/v1/models/demo", "").json()["context_length"], 1024);
  EXPECT_EQ(Ask("GET", "/v1/models/d%65mo", "").response.status, 200);
  EXPECT_EQ(Ask("GET", "/v1/models/none", "").response.status, 404);
  EXPECT_EQ(Ask("GET", "/readyz", "").response.status, 200);
  EXPECT_EQ(Ask("GET", "/healthz", "").json()["status"], "ok");
  EXPECT_EQ(counters_.Read(Route::kReadyz, 200), 1U);
  EXPECT_EQ(counters_.Read(Route::kReadyz, 503), 1U);
}

TEST_F(ApiTest, ADrainThatCannotEndSaysWhy) {
  Serve();
  engine::EngineStatus status;
  status.queue_capacity = 256;
  status.running = 1;
  status.last_progress = clock_.Now();
  engine_.SetStatus(status);
  lifecycle_.MoveTo(State::kDraining, "SIGTERM");
  EXPECT_EQ(Ask("GET", "/healthz", "").json(), json({{"status", "draining"}, {"reasons", {"SIGTERM"}}})) << "it works";
  EXPECT_EQ(Ask("GET", "/healthz", "").response.status, 503);
  clock_.Advance(std::chrono::seconds(10));
  for (const char* path : {"/healthz", "/readyz"}) {
    const Reply reply = Ask("GET", path, "");
    EXPECT_EQ(reply.response.status, 503);
    EXPECT_EQ(reply.json()["reasons"], json({"SIGTERM", "stalled: no progress for 10.0 s with 1 running and 0 queued"}));
  }
}

TEST_F(ApiTest, TokenizeAndBack) {
  Serve();
  EXPECT_EQ(Ask("POST", "/tokenize", R"({"content":"hi"})").json(), json({{"tokens", {104, 105}}, {"count", 2}}));
  EXPECT_EQ(Ask("POST", "/detokenize", R"({"model":"demo","tokens":[104,105]})").json()["text"], "hi");
  EXPECT_EQ(Ask("POST", "/detokenize", R"({"tokens":[9999]})").json()["error"]["param"], "tokens[0]");
  EXPECT_EQ(Ask("POST", "/tokenize", R"({"content":"hi","model":"none"})").response.status, 404);
}

TEST_F(ApiTest, PathsAndMethods) {
  Serve();
  EXPECT_EQ(Ask("GET", "/nowhere", "").response.status, 404);
  EXPECT_EQ(Ask("GET", "/v1/models/", "").response.status, 404);
  const Reply wrong = Ask("GET", "/v1/completions", "");
  EXPECT_EQ(wrong.response.status, 405);
  EXPECT_EQ(wrong.Find("Allow"), "POST, OPTIONS");
  EXPECT_FALSE(wrong.Find("X-Request-Id").empty());
  EXPECT_EQ(Ask("POST", "/v1/models", "").Find("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(Ask("OPTIONS", "/v1/models", "").response.status, 204);
  EXPECT_EQ(Ask("HEAD", "/v1/models", "").response.status, 200);
  ExpectBooksClosed(0);
}

TEST_F(ApiTest, IdentityComesBack) {
  Serve();
  const Reply reply = Ask("GET", "/v1/models", "",
                          {{"x-request-id", "mine-1"}, {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});
  EXPECT_EQ(reply.Find("X-Request-Id"), "mine-1");
  EXPECT_THAT(reply.Find("traceparent"), testing::StartsWith("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
  Ask("POST", "/v1/completions", R"({"model":"demo","prompt":"x"})", {{"x-request-id", "mine-2"}, {"user-agent", "test"}});
  EXPECT_EQ(LastEnded().record->id.view(), "mine-2");
  EXPECT_EQ(LastEnded().record->user_agent.view(), "test");
}

}  // namespace
}  // namespace inferd::daemon
