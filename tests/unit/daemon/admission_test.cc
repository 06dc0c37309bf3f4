#include "daemon/admission.h"

#include <gmock/gmock.h>

#include "tests/unit/daemon/fixture.h"

namespace inferd::daemon {
namespace {

using engine::RefusalReason;

class AdmissionTest : public ApiFixture {
 protected:
  void UseKeys() {
    // "secret" and "scrape"
    auto store = KeyStore::Parse(
        "app:user:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n"
        "prom:metrics:174591972de079bef8971d5fedc541bc537fef2640c29b956dae76e5176f044e\n",
        "k");
    ASSERT_TRUE(store);
    keys_.Set(std::make_shared<const KeyStore>(std::move(*store)));
  }
  void FillQueue() {
    engine::EngineStatus status;
    status.queue_capacity = 10;
    status.queued = {0, 6, 4};
    status.drain_rate = 2;
    engine_.SetStatus(status);
  }
  std::string PointOf(const std::string& path, std::vector<Header> headers = {}) {
    Ask("POST", path, R"({"model":"demo","prompt":"x"})", std::move(headers));
    return LastEnded().shed_point;
  }
};

// A web page whose own name was made to lead here: it cannot choose its Host header.
TEST_F(AdmissionTest, WithoutKeysOnlyTheMachinesOwnNamesAreAnswered) {
  Serve();
  EXPECT_EQ(PointOf("/v1/completions", {{"host", "evil.example:8080"}}), "auth");
  EXPECT_EQ(LastEnded().status, 403);
  EXPECT_EQ(LastEnded().record->refusal, RefusalReason::kForbidden);
  EXPECT_EQ(PointOf("/tokenize", {{"host", "evil.example"}}), "auth");
  EXPECT_EQ(engine_.submitted(), 0U);
  for (const char* host : {"localhost:8080", "127.0.0.1:8080", "[::1]", "box"}) {
    Ask("POST", "/detokenize", R"({"model":"demo","tokens":[1]})", {{"host", host}});
    EXPECT_EQ(LastEnded().status, 200) << host;
  }
  UseKeys();
  Ask("POST", "/detokenize", R"({"model":"demo","tokens":[1]})", {{"host", "api.example"}, {"authorization", "Bearer secret"}});
  EXPECT_EQ(LastEnded().status, 200) << "with a key the name does not matter";
}

TEST_F(AdmissionTest, ThePointsAreAskedInOrder) {
  std::vector<std::string_view> names;
  for (const ShedPoint& point : admission_.points()) names.push_back(point.name);
  EXPECT_THAT(names, testing::ElementsAre("draining", "loading", "auth", "queue"));

  UseKeys();
  EXPECT_EQ(PointOf("/v1/completions"), "loading");
  EXPECT_EQ(LastEnded().status, 503);
  EXPECT_EQ(LastEnded().record->refusal, RefusalReason::kLoading);
  Serve();
  FillQueue();
  EXPECT_EQ(PointOf("/v1/completions"), "auth");
  EXPECT_EQ(LastEnded().status, 401);
  EXPECT_EQ(LastEnded().record->refusal, RefusalReason::kUnauthorized);
  EXPECT_EQ(PointOf("/v1/completions", {{"authorization", "Bearer secret"}}), "queue");
  EXPECT_EQ(LastEnded().status, 429);
  EXPECT_EQ(LastEnded().record->refusal, RefusalReason::kQueueFull);
  EXPECT_EQ(LastEnded().record->tenant.view(), "app");
  lifecycle_.MoveTo(State::kDraining, "");
  EXPECT_EQ(PointOf("/v1/completions"), "draining");
  EXPECT_EQ(LastEnded().status, 503);
  EXPECT_EQ(engine_.submitted(), 0U) << "refused before the engine, and before the body was parsed";
  ExpectBooksClosed(4);
}

TEST_F(AdmissionTest, AFullQueueIsRefusedWithoutLookingAtTheBody) {
  Serve();
  FillQueue();
  const Reply reply = Ask("POST", "/v1/completions", "this is no JSON");
  EXPECT_EQ(reply.response.status, 429);
  // 10 wait, 2 a second leave: half of the queue is gone after 2.5 s.
  EXPECT_EQ(reply.Find("Retry-After"), "3");
  EXPECT_EQ(reply.json()["error"]["code"], "rate_limit_exceeded");
  EXPECT_EQ(reply.json()["error"]["type"], "rate_limit_error");
}

TEST_F(AdmissionTest, KeysOpenTheDoor) {
  Serve();
  UseKeys();
  const auto status = [&](const std::string& path, std::vector<Header> headers) {
    return Ask("GET", path, "", std::move(headers)).response.status;
  };
  EXPECT_EQ(status("/v1/models", {}), 401);
  EXPECT_EQ(status("/v1/models", {{"authorization", "Basic c2VjcmV0"}}), 401);
  EXPECT_EQ(status("/v1/models", {{"authorization", "Bearer wrong"}}), 401);
  EXPECT_EQ(status("/v1/models", {{"authorization", "Bearer secret"}}), 200);
  EXPECT_EQ(status("/v1/models", {{"authorization", "bearer  secret"}}), 200);
  EXPECT_EQ(status("/healthz", {}), 200) << "probes have no keys";
  EXPECT_EQ(Ask("GET", "/v1/models", "").Find("WWW-Authenticate"), "Bearer realm=\"inferd\"");
}

TEST_F(AdmissionTest, AKeyForMetricsMayNotGenerate) {
  Serve();
  UseKeys();
  EXPECT_EQ(PointOf("/v1/completions", {{"authorization", "Bearer scrape"}}), "auth");
  EXPECT_EQ(LastEnded().status, 403);
  EXPECT_EQ(LastEnded().record->refusal, RefusalReason::kForbidden);
}

}  // namespace
}  // namespace inferd::daemon
