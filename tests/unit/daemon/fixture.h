// The API plane around a fake engine: the parts of a daemon that tests need, with a clock that they move.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "daemon/api/api.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/fakes/fake_engine.h"
#include "tests/fakes/fake_tokenizer.h"
#include "tests/fakes/manual_clock.h"

namespace inferd::daemon {

// A call that has ended, as the log sees it; the record is copied.
struct EndedCall {
  Route route = Route::kOther;
  int status = 0;
  std::string message;
  std::string shed_point;
  Duration duration{};
  std::optional<engine::RequestRecord> record;
};

class ApiFixture : public testing::Test {
 protected:
  ApiFixture()
      : requests_(1024),
        ledger_({"demo"}, requests_),
        lifecycle_(clock_),
        models_({"demo"}),
        keys_(nullptr),
        settings_(ApiSettings{}),
        engine_(clock_, ledger_),
        admission_(MakeAdmission(lifecycle_, keys_, names_, models_)),
        api_({.clock = clock_,
              .ledger = ledger_,
              .lifecycle = lifecycle_,
              .admission = admission_,
              .models = models_,
              .settings = settings_,
              .counters = counters_,
              .on_end = [this](const CallEnd& end) { Remember(end); }}) {}

  // The model is served, and the daemon ready.
  void Serve(bool reasons = false) {
    ServedModel model;
    model.name = "demo";
    model.created = 1'700'000'000;
    model.tokenizer = &tokenizer_;
    model.engine = &engine_;
    model.context = 1024;
    model.chat = ChatSupport{.render = Render, .reasons = reasons, .opens_think = reasons};
    models_.Publish(std::move(model));
    lifecycle_.MoveTo(State::kReady, "");
  }

  static Result<std::vector<model::PromptPiece>> Render(std::span<const model::ChatMessage> messages) {
    std::vector<model::PromptPiece> pieces;
    for (const model::ChatMessage& message : messages) {
      if (message.role != "user" && message.role != "system" && message.role != "assistant") {
        return Error(Code::kInvalidArgument, "messages[0].role is \"" + message.role + "\"");
      }
      pieces.push_back({"<|mark|>", true});
      pieces.push_back({message.content, false});
    }
    return pieces;
  }

  RequestHead Head(std::string method, std::string path, std::vector<Header> headers = {}) {
    RequestHead head;
    head.method = std::move(method);
    head.path = std::move(path);
    head.headers = std::move(headers);
    head.peer = "127.0.0.1";
    head.received = clock_.Now();
    head.received_wall = clock_.WallNow();
    return head;
  }

  struct Reply {
    HttpResponse response;  // of a stream: status and headers, and in the body everything that was sent
    std::vector<std::string> parts;
    nlohmann::json json() const { return nlohmann::json::parse(response.body); }
    std::string Find(std::string_view name) const {
      for (const Header& header : response.headers) {
        if (header.name == name) return header.value;
      }
      return {};
    }
  };

  // A whole call, driven as a server drives it.
  Reply Ask(std::string method, std::string path, const std::string& body, std::vector<Header> headers = {}) {
    auto call = api_.Begin(Head(std::move(method), std::move(path), std::move(headers)));
    Reply reply;
    if (auto refusal = call->Refusal()) {
      reply.response = std::move(*refusal);
      return reply;
    }
    if (auto answer = call->Start(body)) {
      reply.response = std::move(*answer);
      return reply;
    }
    Collect(*call, reply);
    return reply;
  }
  Reply Chat(nlohmann::json changes) {
    nlohmann::json body{{"model", "demo"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
    if (!changes.is_null()) body.update(changes);
    return Ask("POST", "/v1/chat/completions", body.dump());
  }
  Reply Complete(nlohmann::json changes) {
    nlohmann::json body{{"model", "demo"}, {"prompt", "hi"}};
    if (!changes.is_null()) body.update(changes);
    return Ask("POST", "/v1/completions", body.dump());
  }

  static void Collect(Call& call, Reply& reply) {
    std::mutex mutex;
    std::condition_variable ready;
    bool signalled = false;
    call.OnReady([&] {
      const std::lock_guard lock(mutex);
      signalled = true;
      ready.notify_one();
    });
    for (;;) {
      Call::Part part = call.Poll();
      if (part.head) reply.response = std::move(*part.head);
      reply.response.body += part.data;
      if (!part.data.empty()) reply.parts.push_back(part.data);
      if (part.ended) return;
      std::unique_lock lock(mutex);
      ASSERT_TRUE(ready.wait_for(lock, std::chrono::seconds(20), [&] { return signalled; }));
      signalled = false;
    }
  }

  // The data of a stream's events.
  static std::vector<std::string> Events(const std::string& body) {
    std::vector<std::string> events;
    for (std::size_t begin = 0; begin < body.size();) {
      const std::size_t end = body.find("\n\n", begin);
      EXPECT_NE(end, std::string::npos) << body.substr(begin);
      if (end == std::string::npos) break;
      const std::string event = body.substr(begin, end - begin);
      EXPECT_EQ(event.substr(0, 6), "data: ");
      events.push_back(event.substr(6));
      begin = end + 2;
    }
    return events;
  }

  std::vector<EndedCall> ended() const {
    const std::lock_guard lock(ended_mutex_);
    return ended_;
  }
  EndedCall LastEnded() const {
    const auto all = ended();
    return all.empty() ? EndedCall{} : all.back();
  }
  void ExpectBooksClosed(std::uint64_t received) const {
    std::uint64_t total = 0;
    for (std::uint16_t model = 0; model < 2; ++model) {
      for (const auto endpoint : {engine::Endpoint::kChatCompletions, engine::Endpoint::kCompletions}) {
        const auto totals = ledger_.Read(model, endpoint);
        total += totals.received;
        for (const std::uint64_t n : totals.in_flight) EXPECT_EQ(n, 0U);
      }
    }
    EXPECT_EQ(total, received);
  }

  ManualClock clock_;
  Ring<engine::RequestRecord> requests_;
  engine::Ledger ledger_;
  Lifecycle lifecycle_;
  ServedModels models_;
  Keys keys_;
  const LocalNames names_{{"t:1", "test:1"}, "box"};  // what the tests' clients call the server
  SharedValue<ApiSettings> settings_;
  RouteCounters counters_;
  model::FakeTokenizer tokenizer_;
  engine::FakeEngine engine_;
  Admission admission_;
  Api api_;

 private:
  void Remember(const CallEnd& end) {
    EndedCall call{.route = end.route,
                   .status = end.status,
                   .message = std::string(end.message),
                   .shed_point = std::string(end.shed_point),
                   .duration = end.duration,
                   .record = {}};
    if (end.record != nullptr) call.record = *end.record;
    const std::lock_guard lock(ended_mutex_);
    ended_.push_back(std::move(call));
  }

  mutable std::mutex ended_mutex_;
  std::vector<EndedCall> ended_;
};

}  // namespace inferd::daemon
