#include "cli/load_run.h"

#include <atomic>
#include <string>
#include <string_view>

#include "cli/http_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/http_server.h"

namespace inferd::cli {
namespace {

using inferd::testing::HttpServer;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

constexpr std::string_view kStream =
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n"
    "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n"
    "data: {\"choices\":[{\"delta\":{\"content\":\"yes\"}}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":5}}\n\n"
    "data: [DONE]\n\n";

LoadPlan Plan(const HttpServer& server) {
  LoadPlan plan;
  plan.url = server.url() + "/v1/chat/completions";
  plan.body = [](std::uint64_t i) { return "{\"n\":" + std::to_string(i) + "}"; };
  plan.duration = milliseconds(150);
  return plan;
}

TEST(RunLoad, ClosedLoopKeepsTheNumberRunning) {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  HttpServer server([&](std::string_view, std::string_view) {
    most = std::max(most.load(), ++running);
    --running;
    return HttpServer::Answer(200, "text/event-stream", kStream);
  });
  LoadPlan plan = Plan(server);
  plan.concurrency = 3;
  plan.api_key = "secret";
  const auto result = RunLoad(plan);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_GE(result->ok, 3U);
  EXPECT_EQ(result->started, result->ok);
  EXPECT_TRUE(result->failures.empty());
  EXPECT_LE(most, 3);
  EXPECT_EQ(result->output_tokens, result->ok * 5);
  EXPECT_EQ(result->prompt_tokens, result->ok * 11);
  EXPECT_EQ(result->ttft.count(), result->ok);
  EXPECT_EQ(result->inter_token.count(), result->ok);
  EXPECT_EQ(result->end_to_end.count(), result->ok);
  EXPECT_NEAR(result->seconds, 0.15, 1e-9);
  EXPECT_GT(result->output_tokens_per_second, 0);
}

TEST(RunLoad, OpenLoopSendsWhatWasScheduled) {
  HttpServer server([](std::string_view, std::string_view) { return HttpServer::Answer(200, "text/event-stream", kStream); });
  LoadPlan plan = Plan(server);
  plan.rate = 200;
  plan.arrivals = ArrivalKind::kUniform;
  plan.warmup = milliseconds(50);
  const auto result = RunLoad(plan);
  ASSERT_TRUE(result);
  // 0, 5, 10, ... ms: those from 50 ms to before 200 ms are counted.
  EXPECT_EQ(result->started, 30U);
  EXPECT_EQ(result->ok, 30U);
}

// A server that lets one request at a time through: in an open loop the wait behind it counts, although the requests are sent late.
TEST(RunLoad, LatencyCountsFromTheIntendedStart) {
  HttpServer server([](std::string_view, std::string_view) { return HttpServer::Answer(200, "text/event-stream", kStream); });
  LoadPlan plan = Plan(server);
  plan.rate = 10000;
  plan.arrivals = ArrivalKind::kUniform;
  plan.duration = milliseconds(30);
  plan.max_in_flight = 1;
  const auto result = RunLoad(plan);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->started, 300U);
  EXPECT_GE(result->end_to_end.Summarize().max, result->start_delay.Summarize().max);
  EXPECT_GT(result->start_delay.Summarize().max, 0);
}

TEST(RunLoad, FailuresAreCountedByKind) {
  std::atomic<int> count{0};
  HttpServer server([&](std::string_view, std::string_view) -> std::string {
    switch (count++ % 5) {
      case 0: return HttpServer::Answer(429, "application/json", R"({"error":{"message":"the queue is full"}})");
      case 1: return HttpServer::Answer(200, "text/event-stream", "data: {\"error\":{\"message\":\"broke\"}}\n\n");
      case 2: return HttpServer::Answer(200, "text/event-stream", "data: {\"choices\":[]}\n\n");
      case 3: return "";
      default: return HttpServer::Answer(200, "text/event-stream", kStream);
    }
  });
  LoadPlan plan = Plan(server);
  plan.rate = 100;
  plan.arrivals = ArrivalKind::kUniform;
  plan.duration = milliseconds(100);
  const auto result = RunLoad(plan);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->started, 10U);
  EXPECT_EQ(result->ok, 2U);
  EXPECT_EQ(result->failures.at("429"), 2U);
  EXPECT_EQ(result->refused.count(), 2U);
  EXPECT_EQ(result->failures.at("error"), 2U);
  EXPECT_EQ(result->failures.at("cut"), 4U);
  EXPECT_FALSE(result->first_failure.empty());
}

TEST(RunLoad, NobodyListens) {
  LoadPlan plan;
  plan.url = "http://127.0.0.1:1/";
  plan.body = [](std::uint64_t) { return "{}"; };
  plan.rate = 50;
  plan.arrivals = ArrivalKind::kUniform;
  plan.duration = milliseconds(60);
  const auto result = RunLoad(plan);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->failures.at("connect"), 3U);
}

TEST(RunLoad, StopsEarly) {
  HttpServer server([](std::string_view, std::string_view) { return HttpServer::Answer(200, "text/event-stream", kStream); });
  const std::atomic<bool> stop{true};
  LoadPlan plan = Plan(server);
  plan.duration = std::chrono::hours(1);
  plan.stop = &stop;
  const auto result = RunLoad(plan);
  ASSERT_TRUE(result);
  EXPECT_LT(result->seconds, 1);
}

TEST(RunLoad, RefusesPlansWithoutWork) {
  LoadPlan plan;
  EXPECT_EQ(RunLoad(plan).error().code, Code::kInvalidArgument);
}

// ---- HttpClient ----------------------------------------------------------------------------------------------------------------

TEST(HttpClient, GetsAndPosts) {
  HttpServer server([](std::string_view head, std::string_view body) {
    if (head.starts_with("GET /v1/models")) return HttpServer::Answer(200, "application/json", R"({"data":[{"id":"demo"}]})");
    if (head.find("Authorization: Bearer k") == std::string_view::npos) {
      return HttpServer::Answer(401, "application/json", R"({"error":{"message":"no key"}})");
    }
    return HttpServer::Answer(200, "text/plain", body);
  });
  HttpClient client("k");
  EXPECT_EQ(*FirstModel(client, server.url() + "/"), "demo");
  std::string received;
  const auto collect = [&received](std::string_view bytes) {
    received += bytes;
    return true;
  };
  EXPECT_EQ(client.Post(server.url() + "/x", "{\"a\":1}", collect)->status, 200);
  EXPECT_EQ(received, "{\"a\":1}");
  HttpClient nobody("");
  const auto refused = nobody.Post(server.url() + "/x", "{}", collect);
  ASSERT_TRUE(refused);
  EXPECT_EQ(ErrorMessage(*refused), "HTTP status 401: no key");
  const auto unreachable = client.Get("http://127.0.0.1:1/", std::chrono::seconds(2));
  ASSERT_FALSE(unreachable);
  EXPECT_EQ(unreachable.error().code, Code::kUnavailable);
  EXPECT_THAT(unreachable.error().message, HasSubstr("http://127.0.0.1:1/"));
}

TEST(HttpClient, AsksAgainForWhatChangesNothingWhenItWasNotHeard) {
  // As the observability plane does with a request that comes too late: it closes and says nothing.
  std::atomic<int> connections{0};
  HttpServer server([&](std::string_view, std::string_view) {
    return ++connections % 3 != 0 ? std::string() : HttpServer::Answer(400, "application/json", "\"no matcher\"");
  });
  HttpClient client("");
  const auto got = client.Get(server.url() + "/x", std::chrono::seconds(20));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(ErrorMessage(*got), "HTTP status 400: no matcher");
  // What changes something may have been heard all the same.
  EXPECT_FALSE(client.Send("POST", server.url() + "/x", "{}", std::chrono::seconds(20)));
  EXPECT_EQ(connections, 4);

  HttpServer deaf([&](std::string_view, std::string_view) {
    ++connections;
    return std::string();
  });
  EXPECT_FALSE(client.Get(deaf.url() + "/x", std::chrono::seconds(20)));
  EXPECT_EQ(connections, 9) << "not for ever";
}

}  // namespace
}  // namespace inferd::cli
