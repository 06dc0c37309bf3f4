// The API plane over real loopback sockets, with a fake engine and a clock that the test moves.
#include "daemon/http/server.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <numeric>

#include "daemon/http/wire.h"
#include "tests/unit/daemon/fixture.h"
#include "tests/unit/daemon/http_client.h"

namespace inferd::daemon {
namespace {

using engine::Outcome;
using engine::RefusalReason;
using testing::HasSubstr;

const std::string kPrompt = R"({"model":"demo","prompt":"hi"})";
const std::string kStream = R"({"model":"demo","prompt":"hi","stream":true})";

class ServerTest : public ApiFixture {
 protected:
  ~ServerTest() override {
    engine_.Stop();
    if (server_) server_->Stop();
  }

  void Open(const std::function<void(HttpOptions&)>& change = {}) {
    HttpOptions options;
    options.listen = {{.host = "127.0.0.1", .port = 0, .loopback = true}};
    if (change) change(options);
    server_ = std::make_unique<HttpServer>(api_, clock_, options);
    const auto listening = server_->Listen();
    ASSERT_TRUE(listening) << listening.error().message;
    port_ = server_->ports().at(0);
    server_->Start();
    server_->Accept();
    Serve();
  }

  HttpClient::Response Once(const std::string& bytes) {
    HttpClient client(port_);
    client.Send(bytes);
    return client.Read();
  }
  static std::string Post(const std::string& body, const std::string& headers = {}) {
    return HttpClient::Request("POST", "/v1/completions", body, headers);
  }
  static std::string Get(const std::string& path, const std::string& headers = {}) { return HttpClient::Request("GET", path, {}, headers); }

  // Conditions that another thread brings about. The pause only keeps the processor free; nothing depends on its length.
  static bool Eventually(const std::function<bool()>& condition) {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      never.wait_for(lock, std::chrono::milliseconds(1));
    }
    return true;
  }
  bool WaitCalls(std::size_t count) {
    return Eventually([&] { return ended().size() >= count; });
  }

  std::unique_ptr<HttpServer> server_;
  std::uint16_t port_ = 0;
};

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  Open();
  HttpClient client(port_);
  for (int i = 0; i < 3; ++i) {
    client.Send(Post(kPrompt));
    const auto response = client.Read();
    EXPECT_EQ(response.status, 200);
    EXPECT_THAT(response.body, HasSubstr("Hello world"));
    EXPECT_THAT(response.headers.at("content-type"), HasSubstr("application/json"));
    EXPECT_FALSE(response.headers.contains("connection"));
  }
  client.Send(Get("/readyz", "Connection: close\r\n"));
  EXPECT_EQ(client.Read().headers.at("connection"), "close");
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_EQ(server_->counters().accepted, 1U);
  ExpectBooksClosed(3);
}

TEST_F(ServerTest, Streams) {
  Open();
  const auto response = Once(Post(kStream));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("content-type"), "text/event-stream");
  EXPECT_EQ(Events(response.body).back(), "[DONE]");
  ASSERT_TRUE(WaitCalls(1));
  EXPECT_GT(LastEnded().record->bytes_out, response.body.size());
  EXPECT_GT(LastEnded().record->bytes_in, kStream.size());
}

TEST_F(ServerTest, AStreamGoesOutAsItIsMade) {
  Open();
  engine_.SetScript({.pieces = {"first"}, .hold = true});
  HttpClient client(port_);
  client.Send(Post(kStream));
  ASSERT_TRUE(client.ReadUntil("first"));
  engine_.Emit(" second");
  ASSERT_TRUE(client.ReadUntil(" second"));
  engine_.Release();
  ASSERT_TRUE(client.ReadUntil("[DONE]"));
}

TEST_F(ServerTest, OldClientsGetStreamsWithoutChunks) {
  Open();
  HttpClient client(port_);
  client.Send("POST /v1/completions HTTP/1.0\r\nContent-Length: " + std::to_string(kStream.size()) + "\r\n\r\n" + kStream);
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_THAT(client.buffer(), testing::StartsWith("HTTP/1.0 200 OK"));
  EXPECT_THAT(client.buffer(), testing::EndsWith("data: [DONE]\n\n"));
  EXPECT_THAT(client.buffer(), testing::Not(HasSubstr("chunked")));
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Open();
  HttpClient client(port_);
  client.Send(Post(kPrompt) + Get("/v1/models/none") + Post(kStream) + Get("/readyz"));
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(client.Read().status, 404);
  EXPECT_THAT(client.Read().body, HasSubstr("[DONE]"));
  EXPECT_THAT(client.Read().body, HasSubstr("ready"));
}

TEST_F(ServerTest, AClientThatGoesIsSeenWhileItWaits) {
  Open();
  engine_.SetScript({.pieces = {}, .hold = true});
  HttpClient client(port_);
  client.Send(Post(kPrompt));
  ASSERT_TRUE(engine_.WaitInside(1));
  client.Close();
  ASSERT_TRUE(engine_.WaitEnded(1));
  EXPECT_EQ(engine_.last()->cancel_reason(), engine::CancelReason::kClientGone);
  ASSERT_TRUE(WaitCalls(1));
  EXPECT_EQ(LastEnded().record->outcome, Outcome::kCancelled);
  EXPECT_EQ(LastEnded().record->http_status, 499);
  EXPECT_EQ(LastEnded().status, 499);
  ExpectBooksClosed(1);
  EXPECT_TRUE(Eventually([&] { return server_->counters().open == 0; }));
}

TEST_F(ServerTest, AClientThatGoesIsSeenWhileItStreams) {
  Open();
  engine_.SetScript({.pieces = {"text"}, .hold = true});
  HttpClient client(port_);
  client.Send(Post(kStream));
  ASSERT_TRUE(client.ReadUntil("text"));
  client.Close();
  ASSERT_TRUE(engine_.WaitEnded(1));
  ASSERT_TRUE(WaitCalls(1));
  EXPECT_EQ(LastEnded().record->outcome, Outcome::kCancelled);
}

TEST_F(ServerTest, AClientThatGoesBehindAPipelinedRequestIsSeen) {
  Open();
  engine_.SetScript({.pieces = {}, .hold = true});
  HttpClient client(port_);
  client.Send(Post(kPrompt) + Post(kPrompt));
  ASSERT_TRUE(engine_.WaitInside(1));
  client.Close();
  ASSERT_TRUE(engine_.WaitEnded(1));
  ASSERT_TRUE(WaitCalls(1));
  EXPECT_EQ(engine_.submitted(), 1U);
}

TEST_F(ServerTest, AClientThatGoesInTheMiddleOfABodyIsCounted) {
  Open();
  {
    HttpClient client(port_);
    client.Send("POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n{\"model\"");
  }
  ASSERT_TRUE(WaitCalls(1));
  EXPECT_EQ(LastEnded().record->http_status, 499);
  ExpectBooksClosed(1);
}

TEST_F(ServerTest, AStuckEngineDoesNotKeepAClientBeyondItsDeadline) {
  Open();
  engine_.SetStuck(true);
  {
    HttpClient client(port_);
    client.Send(Post(kPrompt, "X-Request-Timeout: 5\r\n"));
    ASSERT_TRUE(engine_.WaitInside(1));
    clock_.Advance(std::chrono::milliseconds(5600));
    const auto response = client.Read();
    EXPECT_EQ(response.status, 408);
    EXPECT_EQ(nlohmann::json::parse(response.body)["error"]["code"], "deadline_exceeded");
    EXPECT_EQ(response.headers.at("connection"), "close");
    EXPECT_TRUE(client.ReadToEnd());
  }
  // The engine has not let go: the request is in flight until it does.
  EXPECT_TRUE(ended().empty());
  const auto totals = ledger_.Read(0, engine::Endpoint::kCompletions);
  EXPECT_EQ(totals.received, 1U);
  EXPECT_EQ(std::accumulate(totals.in_flight.begin(), totals.in_flight.end(), 0U), 1U);
  engine_.SetStuck(false);
  ASSERT_TRUE(WaitCalls(1));
  EXPECT_EQ(LastEnded().status, 408);
  EXPECT_EQ(LastEnded().record->outcome, Outcome::kExpired);
  EXPECT_EQ(LastEnded().record->http_status, 408);
  ExpectBooksClosed(1);
  EXPECT_TRUE(Eventually([&] { return server_->counters().open == 0 && server_->counters().working == 0; }));
}

TEST_F(ServerTest, AStuckEngineDoesNotKeepAStreamBeyondItsDeadline) {
  Open();
  engine_.SetScript({.pieces = {"first"}, .hold = true});
  {
    HttpClient client(port_);
    client.Send(Post(kStream, "X-Request-Timeout: 5\r\n"));
    ASSERT_TRUE(client.ReadUntil("first"));
    engine_.SetStuck(true);
    clock_.Advance(std::chrono::milliseconds(5600));
    ASSERT_TRUE(client.ReadUntil("deadline_exceeded"));
    EXPECT_TRUE(client.ReadToEnd());
  }
  EXPECT_TRUE(ended().empty());
  engine_.SetStuck(false);
  ASSERT_TRUE(WaitCalls(1));
  EXPECT_EQ(LastEnded().record->outcome, Outcome::kExpired);
  EXPECT_EQ(LastEnded().record->http_status, 200);
  ExpectBooksClosed(1);
}

TEST_F(ServerTest, AHalfClosedClientGetsWhatIsReadyAtOnce) {
  Open();
  HttpClient client(port_);
  client.Send(Get("/v1/models"));
  client.HalfClose();
  EXPECT_EQ(client.Read().status, 200);
  HttpClient broken(port_);
  broken.Send(Post("{"));
  broken.HalfClose();
  EXPECT_EQ(broken.Read().status, 400);
}

TEST_F(ServerTest, ABodyOverTheLimitIsRefused) {
  Open([](HttpOptions& o) { o.max_body = 1000; });
  HttpClient by_length(port_);
  by_length.Send("POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Length: 100000000\r\n\r\n");
  const auto response = by_length.Read();
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_TRUE(by_length.ReadToEnd());
  ASSERT_TRUE(WaitCalls(1));
  EXPECT_EQ(LastEnded().record->refusal, RefusalReason::kTooLarge);

  HttpClient by_chunks(port_);
  by_chunks.Send("POST /v1/completions HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 4; ++i) by_chunks.Send("12c\r\n" + std::string(300, 'x') + "\r\n");
  EXPECT_EQ(by_chunks.Read().status, 413);
  EXPECT_TRUE(by_chunks.ReadToEnd());
  EXPECT_EQ(server_->counters().body_bytes, 0);
}

TEST_F(ServerTest, ChunkedBodiesAreRead) {
  Open();
  HttpClient client(port_);
  client.Send(
      "POST /v1/completions HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
      "10\r\n" +
      kPrompt.substr(0, 16) + "\r\n");
  client.Send("e\r\n" + kPrompt.substr(16) + "\r\n0\r\n\r\n");
  ASSERT_EQ(kPrompt.size(), 30U);
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(ServerTest, ALargeBodyIsReadByAWorker) {
  Open();
  const std::string body = R"({"model":"demo","prompt":")" + std::string(500'000, 'x') + "\"}";
  HttpClient client(port_);
  client.Send(Post(body));
  EXPECT_THAT(client.Read().body, HasSubstr("context_length_exceeded"));
  client.Send(Post(kPrompt));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(ServerTest, ExpectContinue) {
  Open([](HttpOptions& o) { o.max_body = 1000; });
  HttpClient client(port_);
  client.Send("POST /v1/completions HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 30\r\n\r\n");
  ASSERT_TRUE(client.ReadUntil("100 Continue\r\n\r\n"));
  client.Send(kPrompt);
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(Once("POST /v1/completions HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 3000\r\n\r\n").status, 413);
  EXPECT_EQ(Once("POST /v1/completions HTTP/1.1\r\nHost: t\r\nExpect: more\r\nContent-Length: 30\r\n\r\n").status, 417);
}

TEST_F(ServerTest, BytesThatAreNoSoundHttp) {
  Open();
  EXPECT_EQ(Once("hello there\r\n\r\n").status, 400);
  EXPECT_EQ(Once("GET / HTTP/1.1\r\n\r\n").status, 400) << "no Host";
  EXPECT_EQ(Once("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n").status, 431);
  EXPECT_EQ(Once("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n").status, 431);
  EXPECT_EQ(Once("POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status,
            400);
  EXPECT_EQ(Once("POST /v1/completions HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello").status, 400);
  EXPECT_EQ(Once("POST /v1/completions HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\n").status, 501);
  EXPECT_EQ(Once("POST /v1/completions HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").status, 400);
  EXPECT_EQ(Once(Post(kPrompt, "Content-Encoding: gzip\r\n")).status, 415);
  EXPECT_EQ(Once(Get("/readyz")).status, 200);
}

TEST_F(ServerTest, HeadAndOptionsAndAbsoluteForm) {
  Open();
  HttpClient client(port_);
  client.Send(HttpClient::Request("HEAD", "/v1/models"));
  ASSERT_TRUE(client.ReadUntil("\r\n\r\n"));
  EXPECT_THAT(client.buffer(), HasSubstr("Content-Length: "));
  EXPECT_THAT(client.buffer(), testing::EndsWith("\r\n\r\n"));
  EXPECT_EQ(Once(HttpClient::Request("OPTIONS", "/v1/models")).status, 204);
  EXPECT_EQ(Once(Get("http://test/v1/models?x=1")).status, 200);
}

TEST_F(ServerTest, ARefusalDoesNotCostTheConnection) {
  Open();
  engine::EngineStatus full;
  full.queue_capacity = 1;
  full.queued = {0, 1, 0};
  engine_.SetStatus(full);
  HttpClient client(port_);
  for (int i = 0; i < 3; ++i) {
    client.Send(Post(kPrompt));
    EXPECT_EQ(client.Read().status, 429);
  }
  // A large body is not worth reading: the connection ends, but the answer arrives.
  client.Send(Post(std::string(200'000, 'x')));
  EXPECT_EQ(client.Read().status, 429);
  EXPECT_TRUE(client.ReadToEnd());
  EXPECT_EQ(server_->counters().accepted, 1U);
}

TEST_F(ServerTest, SlowHeadersRunOutOfTime) {
  Open([](HttpOptions& o) { o.header_timeout = std::chrono::seconds(10); });
  HttpClient client(port_);
  client.Send("GET /v1/models HT");
  // The server has begun to read when it counts the connection as open; its deadline is set then, or will be later than that.
  ASSERT_TRUE(Eventually([&] { return server_->counters().open == 1; }));
  ASSERT_TRUE(Eventually([&] {
    clock_.Advance(std::chrono::seconds(11));
    return server_->counters().open == 0;
  }));
  const auto response = client.Read();
  EXPECT_TRUE(response.status == 408 || response.status == 0) << response.status;
  EXPECT_TRUE(client.ReadToEnd());
}

TEST_F(ServerTest, ASlowBodyRunsOutOfTime) {
  Open();
  HttpClient client(port_);
  client.Send("POST /v1/completions HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 30\r\n\r\n");
  ASSERT_TRUE(client.ReadUntil("100 Continue\r\n\r\n"));
  client.Send("{");
  ASSERT_TRUE(Eventually([&] {
    clock_.Advance(std::chrono::seconds(11));
    return !ended().empty();
  }));
  EXPECT_EQ(client.Read().status, 408);
  EXPECT_TRUE(client.ReadToEnd());
  ASSERT_TRUE(WaitCalls(1));
  EXPECT_EQ(LastEnded().record->http_status, 408);
  ExpectBooksClosed(1);
}

TEST_F(ServerTest, IdleConnectionsAreClosed) {
  Open();
  HttpClient client(port_);
  client.Send(Get("/readyz"));
  EXPECT_EQ(client.Read().status, 200);
  ASSERT_TRUE(Eventually([&] {
    clock_.Advance(std::chrono::seconds(61));
    return server_->counters().open == 0;
  }));
  EXPECT_TRUE(client.ReadToEnd());
}

TEST_F(ServerTest, AClientThatDoesNotReadIsDropped) {
  Open();
  settings_.Set({.deadline = std::chrono::hours(24 * 365), .priorities = {true, true, true}});
  engine_.SetScript({.pieces = {"begin"}, .hold = true});
  HttpClient client(port_, 4096);
  client.Send(Post(kStream));
  ASSERT_TRUE(client.ReadUntil("begin"));
  // More than the kernel's buffers hold.
  const std::string megabyte(1U << 20U, 'x');
  for (int i = 0; i < 8; ++i) engine_.Emit(megabyte);
  ASSERT_TRUE(Eventually([&] {
    clock_.Advance(std::chrono::seconds(31));
    return !ended().empty();
  }));
  EXPECT_GE(server_->counters().timed_out, 1U);
  ASSERT_TRUE(engine_.WaitEnded(1));
  EXPECT_EQ(LastEnded().record->outcome, Outcome::kCancelled);
  ExpectBooksClosed(1);
}

TEST_F(ServerTest, OneConnectionTooMany) {
  Open([](HttpOptions& o) { o.max_connections = 2; });
  HttpClient first(port_);
  HttpClient second(port_);
  first.Send(Get("/readyz"));
  second.Send(Get("/readyz"));
  EXPECT_EQ(first.Read().status, 200);
  EXPECT_EQ(second.Read().status, 200);
  {
    HttpClient third(port_);
    third.Send(Post(kPrompt));
    const auto response = third.Read();
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.headers.at("retry-after"), "1");
    EXPECT_TRUE(third.ReadToEnd());
  }
  EXPECT_EQ(server_->counters().refused, 1U);
  first.Close();
  ASSERT_TRUE(Eventually([&] { return server_->counters().open == 1; }));
  EXPECT_EQ(Once(Get("/readyz")).status, 200);
}

TEST_F(ServerTest, WhileItDrainsAnswersEndTheirConnections) {
  Open();
  engine_.SetScript({.pieces = {"a"}, .hold = true});
  HttpClient client(port_);
  client.Send(Post(kPrompt));
  ASSERT_TRUE(engine_.WaitInside(1));
  lifecycle_.MoveTo(State::kDraining, "test");
  server_->StartDrain();
  const auto refused = Once(Post(kPrompt));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.at("retry-after"), "5");
  EXPECT_EQ(refused.headers.at("connection"), "close");
  EXPECT_EQ(server_->counters().working, 1);
  engine_.Release();
  const auto response = client.Read();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_TRUE(Eventually([&] { return server_->counters().working == 0; }));
}

TEST_F(ServerTest, StopEndsEverythingWhateverItWaitsFor) {
  Open();
  engine_.SetScript({.pieces = {"a"}, .hold = true});
  HttpClient idle(port_);
  idle.Send(Get("/readyz"));
  EXPECT_EQ(idle.Read().status, 200);
  HttpClient half(port_);
  half.Send("POST /v1/completions HTTP/1.1\r\n");
  HttpClient streaming(port_);
  streaming.Send(Post(kStream));
  ASSERT_TRUE(streaming.ReadUntil("\"a\""));
  server_->Stop();
  EXPECT_TRUE(idle.ReadToEnd());
  EXPECT_TRUE(half.ReadToEnd());
  EXPECT_TRUE(streaming.ReadToEnd());
  EXPECT_EQ(server_->counters().open, 0);
  EXPECT_EQ(engine_.inside(), 0U);
  ExpectBooksClosed(1);
}

TEST_F(ServerTest, SeveralThreadsShareTheConnections) {
  Open([](HttpOptions& o) { o.threads = 3; });
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(std::make_unique<HttpClient>(port_));
    clients.back()->Send(Post(i % 2 == 0 ? kPrompt : kStream));
  }
  for (auto& client : clients) {
    EXPECT_EQ(client->Read().status, 200);
  }
  // Half of them stay open, to be closed by the server.
  clients.resize(15);
  server_->Stop();
  EXPECT_EQ(server_->counters().open, 0);
  ExpectBooksClosed(30);
}

// A socket that somebody else made and keeps: connections wait in it while no server takes them, and none is refused.
TEST_F(ServerTest, ASocketThatWasHandedOverOutlivesItsServer) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(socket, 16), 0);
  ASSERT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length), 0);
  port_ = ntohs(address.sin_port);
  Serve();

  for (std::uint64_t generation = 0; generation < 2; ++generation) {
    HttpOptions options;
    options.listen = {{.host = "127.0.0.1", .port = 1, .loopback = true}};  // not used
    options.sockets = {::dup(socket)};
    HttpServer server(api_, clock_, options);
    ASSERT_TRUE(server.Listen());
    EXPECT_EQ(server.ports(), std::vector<std::uint16_t>{port_});
    server.Start();
    HttpClient early(port_);
    early.Send(Post(kPrompt, "Connection: close\r\n"));
    EXPECT_EQ(server.counters().accepted, 0U) << "it waits";
    server.Accept();
    EXPECT_EQ(early.Read().status, 200);

    HttpClient silent(port_);
    ASSERT_TRUE(Eventually([&] { return server.counters().accepted == 2 + generation; })) << "and the late one of the generation before";
    server.StopAccepting();
    EXPECT_EQ(server.counters().unheard, 1) << "taken, and has asked nothing yet";
    const HttpClient late(port_);  // connects all the same
    silent.Send(Post(kPrompt));
    EXPECT_EQ(silent.Read().status, 200) << "what was taken is served";
    EXPECT_EQ(server.counters().unheard, 0);
    EXPECT_EQ(server.counters().accepted, 2 + generation);
    server.Stop();
  }
  ::close(socket);
}

TEST_F(ServerTest, AnAddressThatIsTakenIsNamed) {
  Open();
  HttpOptions options;
  options.listen = {{.host = "127.0.0.1", .port = port_, .loopback = true}};
  HttpServer second(api_, clock_, options);
  const auto listening = second.Listen();
  ASSERT_FALSE(listening);
  EXPECT_THAT(listening.error().message, HasSubstr("127.0.0.1:" + std::to_string(port_)));
}

TEST(Wire, Dates) { EXPECT_EQ(HttpDate(WallTime(std::chrono::seconds(784111777))), "Sun, 06 Nov 1994 08:49:37 GMT"); }

}  // namespace
}  // namespace inferd::daemon
