#include "alerts/notify/transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>

#include "alerts/notify/channels.h"
#include "alerts/notify/payload.h"
#include "tests/fakes/http_server.h"
#include "tests/fakes/manual_clock.h"
#include "tests/unit/alerts/notify/alerts.h"

namespace inferd::alerts {
namespace {

using inferd::testing::HttpServer;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;

Result<> Post(const std::string& url, Duration timeout = seconds(60)) {
  Transfers transfers;
  const StopSignal stop;
  return transfers.Post({.url = url, .ca_file = {}, .timeout = timeout}, "{}", {}, stop);
}
std::string ErrorOf(const std::string& answer) {
  const HttpServer server([&](std::string_view, std::string_view) { return answer; });
  const auto result = Post(server.url());
  return result ? "" : result.error().message;
}

TEST(Transfer, AnswersAreJudgedByTheirStatus) {
  EXPECT_EQ(ErrorOf(HttpServer::Answer(200, "text/plain", "ok")), "");
  EXPECT_EQ(ErrorOf(HttpServer::Answer(204, "text/plain", "")), "");
  EXPECT_EQ(ErrorOf(HttpServer::Answer(500, "text/plain", "no\nroom\x1b")), "the answer was 500: no room");
  EXPECT_EQ(ErrorOf(HttpServer::Answer(400, "text/plain", std::string(5000, 'x'))).size(),
            std::string("the answer was 400: ").size() + 200);
  EXPECT_EQ(ErrorOf("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
            "the answer was 302 (redirects are not followed)");
}

TEST(Transfer, AnAnswerDoesNotGiveTheAddressAway) {
  const HttpServer server([](std::string_view, std::string_view) {
    return HttpServer::Answer(404, "text/plain", std::string(190, 'x') + " /services/token was not found");
  });
  const auto result = Post(server.url() + "/services/token");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, EndsWith("x (hidden)"));
}

TEST(Transfer, HugeAnswersAreNotRead) {
  EXPECT_EQ(ErrorOf(HttpServer::Answer(200, "text/plain", std::string(8 << 20, 'x'))), "");
  EXPECT_THAT(ErrorOf(HttpServer::Answer(503, "text/plain", std::string(8 << 20, 'x'))), HasSubstr("the answer was 503: xxx"));
}

TEST(Transfer, WhatIsNoAnswerIsAFailure) {
  EXPECT_NE(ErrorOf("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "") << "closed in the middle";
  EXPECT_NE(ErrorOf(""), "") << "closed at once";
  EXPECT_NE(ErrorOf("SSH-2.0-OpenSSH\r\n"), "");
  std::string url;
  {
    const HttpServer server([](std::string_view, std::string_view) { return ""; });
    url = server.url();
  }
  EXPECT_THAT(Post(url).error().message, HasSubstr("onnect")) << "nobody listens any more";
  EXPECT_FALSE(Post("file:///etc/passwd"));
}

// A server that takes the connection and says nothing until it is let go.
class Hanging {
 public:
  Hanging() : server_([this](std::string_view, std::string_view) { return Wait(); }) {}
  ~Hanging() { release_.set_value(); }
  std::string url() const { return server_.url(); }
  void AwaitRequest() { arrived_.get_future().wait(); }

 private:
  std::string Wait() {
    arrived_.set_value();
    release_.get_future().wait();
    return HttpServer::Answer(200, "text/plain", "late");
  }
  std::promise<void> arrived_, release_;
  HttpServer server_;
};

TEST(Transfer, HasItsTime) {
  const Hanging server;
  const auto late = Post(server.url(), milliseconds(100));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kDeadlineExceeded);
}

TEST(Transfer, EndsWhenItIsTold) {
  Hanging server;
  StopSignal stop;
  std::thread stopper([&] {
    server.AwaitRequest();
    stop.Raise();
  });
  Transfers transfers;
  const auto result = transfers.Post({.url = server.url(), .ca_file = {}, .timeout = seconds(600)}, "{}", {}, stop);
  stopper.join();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kCancelled);
}

class Secrets : public ::testing::Test {
 protected:
  Secrets() : folder_(std::filesystem::temp_directory_path() / ("inferd-secrets-test-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~Secrets() override { std::filesystem::remove_all(folder_); }
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  std::filesystem::path folder_;
};

TEST_F(Secrets, AreOneLine) {
  EXPECT_EQ(ReadSecret(Write("a", "geheim \r\n")), "geheim");
  EXPECT_THAT(ReadSecret(Write("b", "one\ntwo")).error().message, HasSubstr("must hold one line"));
  EXPECT_THAT(ReadSecret(Write("c", "\n")).error().message, HasSubstr("is empty"));
  EXPECT_THAT(ReadSecret(Write("d", std::string(1 << 20, 'x'))).error().message, HasSubstr("larger than 64 KiB"));
  EXPECT_THAT(ReadSecret((folder_ / "none").string()).error().message, HasSubstr("No such file"));
}

TEST_F(Secrets, SignAndOpenWebhooksAndAreReadEachTime) {
  std::string head, body;
  const HttpServer server([&](std::string_view h, std::string_view b) {
    head = h;
    body = b;
    return HttpServer::Answer(200, "text/plain", "");
  });
  ManualClock clock;
  const StopSignal stop;
  const auto channel = MakeChannel(
      WebhookOptions{.url = server.url() + "/hook", .secret_file = Write("s", "one\n"), .token_file = Write("t", "token\n"), .ca_file = {}},
      "pager", clock, {});
  const auto signature = [&](std::string_view key) {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock.WallNow().time_since_epoch()).count();
    const std::string time = std::to_string(now);
    return "X-Inferd-Timestamp: " + time + "\r\nX-Inferd-Signature: sha256=" + HmacSha256(key, time + "." + body) + "\r\n";
  };
  const Message message{.group = {}, .alerts = {Alert("A", "a")}};
  ASSERT_TRUE(channel->Deliver(message, stop));
  EXPECT_THAT(head, HasSubstr("POST /hook HTTP/1.1"));
  EXPECT_THAT(head, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(head, HasSubstr("Authorization: Bearer token\r\n"));
  EXPECT_THAT(head, HasSubstr(signature("one")));
  Write("s", "two\n");
  clock.Advance(std::chrono::seconds(5));
  ASSERT_TRUE(channel->Deliver(message, stop));
  EXPECT_THAT(head, HasSubstr(signature("two"))) << "another key and another time";
  std::filesystem::remove(folder_ / "t");
  const auto without = channel->Deliver(message, stop);
  ASSERT_FALSE(without);
  EXPECT_THAT(without.error().message, HasSubstr("/t: cannot be read"));
}

TEST_F(Secrets, AlertmanagerIsToldUnderItsPath) {
  std::string head;
  const HttpServer server([&](std::string_view h, std::string_view) {
    head = h;
    return HttpServer::Answer(200, "application/json", "{}");
  });
  const SystemClock clock{};
  const StopSignal stop;
  const auto channel = MakeChannel(AlertmanagerOptions{.url = server.url() + "/am/", .token_file = {}, .ca_file = {}}, "am", clock, {});
  ASSERT_TRUE(channel->Deliver({.group = {}, .alerts = {Alert("A", "a")}}, stop));
  EXPECT_THAT(head, HasSubstr("POST /am/api/v2/alerts HTTP/1.1"));
}

}  // namespace
}  // namespace inferd::alerts
