#include "logging/trace_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "tests/fakes/http_server.h"

namespace inferd::logging {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

engine::RequestRecord Record() {
  engine::RequestRecord record;
  record.id = std::string_view("req-1");
  record.trace_id = std::string_view("0af7651916cd43dd8448eb211c80319c");
  record.span_id = std::string_view("b7ad6b7169203331");
  record.parent_span_id = std::string_view("00f067aa0ba902b7");
  record.received_wall = WallTime(seconds(1'700'000'000));
  record.received = MonotonicTime(seconds(100));
  record.admitted = record.received + milliseconds(1);
  record.scheduled = record.received + milliseconds(20);
  record.first_token = record.received + milliseconds(50);
  record.last_token = record.received + milliseconds(150);
  record.ended = record.received + milliseconds(151);
  record.prompt_tokens = 7;
  record.generated_tokens = 3;
  record.choices = 1;
  record.outcome = engine::Outcome::kOk;
  record.http_status = 200;
  return record;
}

json Spans(const std::string& body) { return json::parse(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]; }

const json* AttributeOf(const json& span, const std::string& key) {
  for (const json& attribute : span["attributes"]) {
    if (attribute["key"] == key) return &attribute["value"];
  }
  return nullptr;
}

TEST(Otlp, ARequestHasASpanAndOneForEachStage) {
  const std::vector<engine::RequestRecord> records{Record()};
  const auto [body, n] = OtlpBody(records, std::vector<std::string>{"demo"}, {.version = "1", .instance = "here:1"});
  EXPECT_EQ(n, 4U);
  const json all = json::parse(body);
  EXPECT_EQ(all["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"], "inferd");
  const json spans = Spans(body);
  ASSERT_EQ(spans.size(), 4U);
  const json& request = spans[0];
  EXPECT_EQ(request["traceId"], "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(request["spanId"], "b7ad6b7169203331");
  EXPECT_EQ(request["parentSpanId"], "00f067aa0ba902b7");
  EXPECT_EQ(request["name"], "chat demo");
  EXPECT_EQ(request["kind"], 2);
  EXPECT_EQ(request["startTimeUnixNano"], "1700000000000000000");
  EXPECT_EQ(request["endTimeUnixNano"], "1700000000151000000");
  EXPECT_EQ((*AttributeOf(request, "gen_ai.usage.input_tokens"))["intValue"], "7");
  EXPECT_EQ((*AttributeOf(request, "gen_ai.usage.output_tokens"))["intValue"], "3");
  EXPECT_EQ((*AttributeOf(request, "gen_ai.request.model"))["stringValue"], "demo");
  EXPECT_EQ((*AttributeOf(request, "gen_ai.response.finish_reasons"))["arrayValue"]["values"], json::parse(R"([{"stringValue":"stop"}])"));
  EXPECT_EQ(request["events"][0]["name"], "first_token");
  EXPECT_EQ(request["events"][0]["timeUnixNano"], "1700000000050000000");
  EXPECT_TRUE(request["status"].empty());

  const std::vector<std::pair<std::string, std::string>> stages{
      {"queue", "1700000000001000000"}, {"prefill", "1700000000020000000"}, {"decode", "1700000000050000000"}};
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const json& span = spans[i + 1];
    EXPECT_EQ(span["name"], stages[i].first);
    EXPECT_EQ(span["startTimeUnixNano"], stages[i].second);
    EXPECT_EQ(span["parentSpanId"], "b7ad6b7169203331");
    EXPECT_EQ(span["traceId"], request["traceId"]);
    EXPECT_EQ(span["spanId"].get<std::string>().size(), 16U);
    if (i > 0) {
      EXPECT_EQ(span["startTimeUnixNano"], spans[i]["endTimeUnixNano"]);
    }
  }
  EXPECT_NE(spans[1]["spanId"], spans[2]["spanId"]);
}

TEST(Otlp, WhatHappenedToARequestIsAnEventOfItsSpan) {
  engine::RequestRecord record = Record();
  record.preemptions = 2;
  record.preempted[0] = record.received + milliseconds(60);
  record.preempted[1] = record.received + milliseconds(80);
  record.outcome = engine::Outcome::kCancelled;
  std::vector<std::pair<std::string, std::string>> events;
  const json spans = Spans(OtlpBody(std::vector{record}, std::vector<std::string>{"demo"}, {}).first);
  for (const json& event : spans[0]["events"]) events.emplace_back(event["name"], event["timeUnixNano"]);
  EXPECT_THAT(events, ::testing::ElementsAre(std::pair("first_token", "1700000000050000000"), std::pair("preempted", "1700000000060000000"),
                                             std::pair("preempted", "1700000000080000000"), std::pair("cancelled", "1700000000151000000")));
}

TEST(Otlp, StagesThatWereNotReachedHaveNoSpan) {
  engine::RequestRecord record = Record();
  record.scheduled = record.first_token = record.last_token = MonotonicTime{};
  record.outcome = engine::Outcome::kExpired;
  record.http_status = 408;
  const auto [body, n] = OtlpBody(std::vector{record}, std::vector<std::string>{"demo"}, {});
  const json spans = Spans(body);
  ASSERT_EQ(spans.size(), 2U);  // the request, and a queue that it never left
  EXPECT_EQ(spans[1]["endTimeUnixNano"], spans[0]["endTimeUnixNano"]);
  EXPECT_EQ(spans[0]["status"]["code"], 2);
  EXPECT_EQ((*AttributeOf(spans[0], "error.type"))["stringValue"], "deadline_exceeded");
  record.admitted = MonotonicTime{};
  record.outcome = engine::Outcome::kRejected;
  record.refusal = engine::RefusalReason::kQueueFull;
  record.http_status = 429;
  EXPECT_EQ(Spans(OtlpBody(std::vector{record}, std::vector<std::string>{"demo"}, {}).first).size(), 1U);
}

TEST(TracesUrl, AddsThePathOfTheSpecificationOnlyWhereThereIsNone) {
  EXPECT_EQ(TracesUrl("http://127.0.0.1:4318"), "http://127.0.0.1:4318/v1/traces");
  EXPECT_EQ(TracesUrl("http://127.0.0.1:4318/"), "http://127.0.0.1:4318/v1/traces");
  EXPECT_EQ(TracesUrl("https://x/otlp/v1/traces"), "https://x/otlp/v1/traces");
}

// Answers as it is told, and keeps what it got.
class CollectorServer {
 public:
  std::vector<std::string> bodies() {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  std::vector<std::string> answers;  // in turn; the last one for ever
  std::string url() const { return server_.url(); }

 private:
  std::mutex mutex_;
  std::vector<std::string> bodies_;
  testing::HttpServer server_{[this](std::string_view head, std::string_view body) {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(head.starts_with("POST /v1/traces HTTP/1.1")) << head;
    EXPECT_NE(head.find("Content-Type: application/json"), std::string_view::npos);
    bodies_.emplace_back(body);
    return answers.at(std::min(bodies_.size(), answers.size()) - 1);
  }};
};

class TraceExportTest : public ::testing::Test {
 protected:
  TraceExportOptions Options() const {
    return {.url = collector.url(),
            .resource = {},
            .linger = milliseconds(1),
            .timeout = seconds(30),
            .first_pause = milliseconds(1),
            .tries = 3};
  }
  std::uint64_t Of(const TraceExporter& exporter, SpanOutcome outcome) const {
    return exporter.counters()[static_cast<std::size_t>(outcome)];
  }
  // Until every span has met its end.
  void Await(const TraceExporter& exporter, std::uint64_t spans) const {
    for (;;) {
      std::uint64_t n = 0;
      for (const auto& counter : exporter.counters()) n += counter;
      if (n >= spans) return;
      std::this_thread::yield();
    }
  }

  CollectorServer collector;
  std::atomic<int> troubles{0};
  std::unique_ptr<TraceExporter> Make(TraceExportOptions options) {
    return std::make_unique<TraceExporter>(std::move(options), std::vector<std::string>{"demo"},
                                           [this](const std::string&) { ++troubles; });
  }
};

TEST_F(TraceExportTest, SendsWhatWasSampled) {
  collector.answers = {testing::HttpServer::Answer(200, "application/json", "{}")};
  const auto exporter = Make(Options());
  engine::RequestRecord unsampled = Record();
  unsampled.sampled = false;
  exporter->OnRequest(unsampled);
  exporter->OnRequest(Record());
  Await(*exporter, 4);
  exporter->Stop();
  EXPECT_EQ(Of(*exporter, SpanOutcome::kExported), 4U);
  ASSERT_EQ(collector.bodies().size(), 1U);
  EXPECT_EQ(Spans(collector.bodies()[0]).size(), 4U);
  EXPECT_EQ(troubles, 0);
}

// OpenTelemetry Protocol, OTLP/HTTP, "Retryable Response Codes".
TEST_F(TraceExportTest, TriesAgainWhereTheSpecificationSaysSo) {
  for (const int status : {429, 502, 503, 504}) {
    CollectorServer busy;
    busy.answers = {testing::HttpServer::Answer(status, "text/plain", ""), testing::HttpServer::Answer(200, "application/json", "{}")};
    TraceExportOptions options = Options();
    options.url = busy.url();
    troubles = 0;
    const auto exporter = Make(options);
    exporter->OnRequest(Record());
    Await(*exporter, 4);
    EXPECT_EQ(Of(*exporter, SpanOutcome::kExported), 4U) << status;
    EXPECT_EQ(busy.bodies().size(), 2U) << status;
    EXPECT_EQ(troubles, 1) << status;
  }
}

TEST_F(TraceExportTest, GivesUpAfterTheLastTry) {
  collector.answers = {testing::HttpServer::Answer(503, "text/plain", "")};
  const auto exporter = Make(Options());
  exporter->OnRequest(Record());
  Await(*exporter, 4);
  EXPECT_EQ(Of(*exporter, SpanOutcome::kFailed), 4U);
  EXPECT_EQ(collector.bodies().size(), 3U);
}

TEST_F(TraceExportTest, DoesNotTryAgainWhatIsRefusedForGood) {
  for (const int status : {301, 400, 401, 404, 408, 500, 501}) {
    CollectorServer refusing;
    refusing.answers = {testing::HttpServer::Answer(status, "text/plain", "")};
    TraceExportOptions options = Options();
    options.url = refusing.url();
    const auto exporter = Make(options);
    exporter->OnRequest(Record());
    Await(*exporter, 4);
    EXPECT_EQ(Of(*exporter, SpanOutcome::kRejected), 4U) << status;
    EXPECT_EQ(refusing.bodies().size(), 1U) << status;
  }
}

TEST_F(TraceExportTest, CountsWhatWasRefusedInPart) {
  collector.answers = {
      testing::HttpServer::Answer(200, "application/json", R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}})")};
  const auto exporter = Make(Options());
  exporter->OnRequest(Record());
  Await(*exporter, 4);
  EXPECT_EQ(Of(*exporter, SpanOutcome::kExported), 1U);
  EXPECT_EQ(Of(*exporter, SpanOutcome::kRejected), 3U);
}

TEST(PauseAfter, GrowsWithJitterAndObeysTheCollector) {
  EXPECT_EQ(PauseAfter(1, seconds(1), {}, 0), seconds(1));
  EXPECT_EQ(PauseAfter(3, seconds(1), {}, 0), seconds(4));
  EXPECT_EQ(PauseAfter(3, seconds(1), {}, 1), seconds(2));
  EXPECT_EQ(PauseAfter(1000, seconds(1), {}, 0), seconds(30));
  EXPECT_EQ(PauseAfter(1, seconds(1), seconds(120), 1), seconds(120));
  EXPECT_EQ(PauseAfter(1, seconds(1), std::chrono::hours(1000), 1), std::chrono::hours(1));
}

TEST_F(TraceExportTest, ACollectorThatHangsDelaysTheEndOnce) {
  std::mutex hanging;
  std::unique_lock hold(hanging);
  std::atomic<int> posts{0};
  testing::HttpServer hung([&](std::string_view, std::string_view) {
    ++posts;
    const std::lock_guard wait(hanging);
    return std::string();
  });
  TraceExportOptions options = Options();
  options.url = hung.url();
  options.batch = 1;
  options.timeout = milliseconds(100);
  const auto exporter = Make(options);
  for (int i = 0; i < 50; ++i) exporter->OnRequest(Record());
  while (posts == 0) std::this_thread::yield();
  exporter->Stop();
  EXPECT_LE(posts, 10);  // not one after the other
  EXPECT_EQ(Of(*exporter, SpanOutcome::kFailed), 200U);
  hold.unlock();
}

TEST_F(TraceExportTest, NobodyWaitsForACollectorThatIsNotThere) {
  TraceExportOptions options = Options();
  options.url = "http://127.0.0.1:1";
  options.queue = 8;
  options.first_pause = seconds(3600);
  const auto exporter = Make(options);
  for (int i = 0; i < 1000; ++i) exporter->OnRequest(Record());
  EXPECT_GT(Of(*exporter, SpanOutcome::kQueueFull), 0U);
  exporter->Stop();  // does not sit the pause out
  std::uint64_t n = 0;
  for (const auto& counter : exporter->counters()) n += counter;
  EXPECT_EQ(n, 4000U);
}

}  // namespace
}  // namespace inferd::logging
