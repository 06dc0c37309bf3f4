#include "daemon/http/connection.h"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>

namespace inferd::daemon::connections {
namespace {

constexpr std::size_t kSmallBody = 16U << 10U;           // parsed and tokenized on the connection's own thread
constexpr std::size_t kDrainableBody = 64U << 10U;       // of a refused request: read and dropped, so that the connection lives on
constexpr std::size_t kMaxLinger = 1U << 20U;            // bytes dropped after a refusal that leaves its body unread
constexpr std::size_t kBodyBytesPerSecond = 64U << 10U;  // slower senders run out of time
constexpr int kMaxLargeBodies = 32;                      // waiting for a worker

}  // namespace

net::awaitable<void> Connection::Serve() {
  ErrorCode error;
  socket_.set_option(tcp::no_delay(true), error);
  for (;;) {
    if (buffer_.size() == 0) {
      // An idle connection holds no buffer.
      buffer_.shrink_to_fit();
      Within(over_limit_ ? std::min(kLingerTime, shared_.options.idle_timeout) : shared_.options.idle_timeout);
      co_await socket_.async_wait(tcp::socket::wait_read, Into(error));
      if (error || shared_.stopping) co_return;
    }
    const bool go_on = co_await OneRequest();
    if (!go_on) co_return;
  }
}

// Reads, answers, and says whether the connection lives on.
net::awaitable<bool> Connection::OneRequest() {
  auto parser = std::make_unique<Parser>();
  parser->header_limit(static_cast<std::uint32_t>(shared_.options.max_header));
  parser->body_limit(boost::none);  // judged below, when it is known who asks
  Within(shared_.options.header_timeout);
  ErrorCode error;
  const std::size_t head_bytes = co_await http::async_read_header(socket_, buffer_, *parser, Into(error));
  if (error) {
    const bool go_on = co_await HeaderFault(error, *parser);
    co_return go_on;
  }
  NoDeadline();

  Exchange exchange;
  exchange.bytes_in = head_bytes;
  exchange.wire.http_1_0 = parser->get().version() < 11;
  exchange.wire.keep_alive = parser->get().keep_alive() && !shared_.draining && !over_limit_;
  exchange.wire.head_method = parser->get().method() == http::verb::head;
  exchange.call = shared_.api.Begin(HeadOf(*parser, head_bytes));
  Call& call = *exchange.call;

  std::optional<HttpResponse> answer;
  std::string failure;
  bool counted = false;
  try {
    co_await ReadBody(exchange, *parser, answer);
    if (!answer && !peer_gone_) {
      std::string body = std::move(parser->get().body());
      parser.reset();
      co_await Begin(exchange, std::move(body), answer);
      Heard();
      ReleaseBody();
      if (!answer) {
        shared_.counters.working.fetch_add(1);
        counted = true;
        co_await Follow(exchange);
      }
    }
  } catch (const std::exception& e) {
    failure = e.what();
  }
  ReleaseBody();
  Heard();
  if (!failure.empty()) {
    exchange.wire.keep_alive = false;
    if (call.pending()) {
      // The engine must let go before the call may end; nothing more is written.
      answer.reset();
      call.ClientGone();
      call.OnReady(Waker());
      while (!call.Poll().ended) co_await Wait();
    } else if (exchange.bytes_out == 0) {
      answer = call.Fault(500, "the server failed on this request", "internal_error");
    }
  }
  if (answer && !peer_gone_) {
    if (exchange.body_unread) exchange.wire.keep_alive = false;
    co_await WriteAnswer(exchange, *answer);
  } else if (!exchange.delivered) {
    call.ClientGone();
    exchange.wire.keep_alive = false;
  }
  co_await StopWatching();
  call.Wrote(exchange.bytes_in, exchange.bytes_out);
  exchange.call.reset();
  if (counted) shared_.counters.working.fetch_sub(1);
  if (exchange.body_unread && exchange.delivered) co_await Linger();
  co_return exchange.wire.keep_alive && !peer_gone_ && !shared_.stopping;
}

RequestHead Connection::HeadOf(const Parser& parser, std::size_t head_bytes) const {
  const auto& message = parser.get();
  RequestHead head;
  head.method = message.method_string();
  std::string target = message.target();
  if (!target.starts_with('/') && target.find("://") != std::string::npos) {  // absolute form, as to a proxy
    const std::size_t path = target.find('/', target.find("://") + 3);
    target = path == std::string::npos ? "/" : target.substr(path);
  }
  const std::size_t question = target.find('?');
  head.path = target.substr(0, question);
  if (question != std::string::npos) head.query = target.substr(question + 1);
  for (const auto& field : message) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    head.headers.push_back({std::move(name), std::string(field.value())});
  }
  ErrorCode error;
  const auto peer = socket_.remote_endpoint(error);
  if (!error) head.peer = peer.address().to_string();
  head.head_bytes = head_bytes;
  head.received = shared_.clock.Now();
  head.received_wall = shared_.clock.WallNow();
  return head;
}

// The headers did not come, or are not HTTP.
net::awaitable<bool> Connection::HeaderFault(const ErrorCode& error, const Parser& parser) {
  const bool began = parser.got_some();
  const bool left = error == http::error::end_of_stream || error == http::error::partial_message;
  if (peer_gone_ || left || (!timed_out_ && error.category() != make_error_code(http::error::bad_method).category())) {
    co_return false;
  }
  if (timed_out_ && !began) co_return false;
  Exchange exchange;
  exchange.wire.keep_alive = false;
  exchange.call = shared_.api.Begin(HeadOf(parser, buffer_.size()));
  HttpResponse answer;
  if (timed_out_) {
    answer = exchange.call->Fault(408, "the headers did not come in time", "request_timeout");
  } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    answer = exchange.call->Fault(431, "the headers are larger than " + std::to_string(shared_.options.max_header) + " bytes",
                                  "header_too_large");
  } else {
    answer = exchange.call->Fault(400, "this is not HTTP/1.1: " + error.message(), "bad_request");
  }
  co_await WriteAnswer(exchange, answer);
  exchange.call.reset();
  if (exchange.delivered) co_await Linger();
  co_return false;
}

// Reads the body, or decides from the headers that there is no need to. `answer` is set when there is one already.
net::awaitable<void> Connection::ReadBody(Exchange& exchange, Parser& parser, std::optional<HttpResponse>& answer) {
  Call& call = *exchange.call;
  const auto& message = parser.get();
  const bool chunked = parser.chunked();
  const std::uint64_t length = parser.content_length_remaining().value_or(0);
  const bool has_body = chunked || length > 0;
  const std::string_view expect = call.head().Find("expect");
  const std::string_view encoding = call.head().Find("transfer-encoding");

  if (over_limit_) {
    answer = call.Fault(503, "the server has no room for another connection", "service_unavailable");
    answer->Set("Retry-After", "1");
  } else if (message.version() >= 11 && message.find(http::field::host) == message.end()) {
    answer = call.Fault(400, "the header Host is missing", "bad_request");
  } else if (!encoding.empty() && !chunked) {
    answer = call.Fault(501, "only the transfer encoding chunked is understood", "unsupported_encoding");
    exchange.body_unread = true;
  } else if (!call.head().Find("content-encoding").empty() && call.head().Find("content-encoding") != "identity") {
    answer = call.Fault(415, "a compressed body is not understood", "unsupported_encoding");
  } else if (!expect.empty() && !beast::iequals(expect, "100-continue")) {
    answer = call.Fault(417, "only the expectation 100-continue is understood", "bad_request");
  } else {
    answer = call.Refusal();
  }
  const auto too_large = [&] {
    exchange.body_unread = true;
    return call.Fault(413, "the body is larger than " + std::to_string(shared_.options.max_body) + " bytes", "request_too_large",
                      engine::RefusalReason::kTooLarge);
  };
  if (!answer && length > shared_.options.max_body) answer = too_large();
  if (answer && has_body && (chunked || length > kDrainableBody || !expect.empty())) exchange.body_unread = true;
  if (!has_body || exchange.body_unread) co_return;
  if (!expect.empty() && !exchange.wire.http_1_0) {
    std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await Write(exchange, std::move(go_on));
    if (peer_gone_) co_return;
  }

  parser.body_limit(shared_.options.max_body);
  Within(shared_.options.header_timeout);
  std::size_t paid = 0;
  while (!parser.is_done()) {
    ErrorCode error;
    exchange.bytes_in += co_await http::async_read_some(socket_, buffer_, parser, Into(error));
    const std::size_t have = message.body().size();
    // Who sends steadily gets the time that it takes.
    for (; have >= paid + kBodyBytesPerSecond; paid += kBodyBytesPerSecond) deadline_ += std::chrono::seconds(1);
    if (error == http::error::body_limit) {
      answer = too_large();
    } else if (timed_out_) {
      answer = call.Fault(408, "the body did not come in time", "request_timeout");
      exchange.body_unread = true;
    } else if (error == http::error::partial_message || error == net::error::eof ||
               (error && error.category() != make_error_code(http::error::bad_chunk).category())) {
      peer_gone_ = true;
    } else if (error) {
      answer = call.Fault(400, "the body is broken: " + error.message(), "bad_request");
      exchange.body_unread = true;
    } else if (!ReserveBody(have)) {
      answer = call.Overloaded();
      exchange.body_unread = true;
    }
    if (error || exchange.body_unread) break;
  }
  NoDeadline();
}

// Parses and submits: here when that is quick, otherwise on a worker, so that other streams do not wait.
net::awaitable<void> Connection::Begin(Exchange& exchange, std::string body, std::optional<HttpResponse>& answer) {
  Call& call = *exchange.call;
  if (body.size() <= kSmallBody) {
    answer = call.Start(body);
    co_return;
  }
  if (shared_.large_bodies.fetch_add(1) >= kMaxLargeBodies) {
    shared_.large_bodies.fetch_sub(1);
    answer = call.Overloaded();
    co_return;
  }
  bool done = false;
  std::exception_ptr failure;
  net::post(shared_.workers, [&, self = shared_from_this(), executor = loop_.io.get_executor()]() mutable {
    try {
      answer = call.Start(body);
    } catch (...) {
      failure = std::current_exception();
    }
    shared_.large_bodies.fetch_sub(1);
    // Moved: a connection may only end on its own thread.
    net::post(executor, [&done, self = std::move(self)] {
      done = true;
      self->Notify();
    });
  });
  while (!done) co_await Wait();
  if (failure) std::rethrow_exception(failure);
}

// Writes what the engine makes until it has let go of the request.
net::awaitable<void> Connection::Follow(Exchange& exchange) {
  Call& call = *exchange.call;
  call.OnReady(Waker());
  Watch();
  bool told = false;
  for (;;) {
    if (peer_gone_ && !std::exchange(told, true)) call.ClientGone();
    Call::Part part = call.Poll();
    std::string bytes;
    if (part.head) {
      exchange.wire.streaming = part.streaming;
      // The end of a stream without chunks is the end of the connection.
      if (part.streaming && exchange.wire.http_1_0) exchange.wire.keep_alive = false;
      if (shared_.draining || part.answered) exchange.wire.keep_alive = false;
      bytes = WireResponse(*part.head, exchange.wire, HttpDate(shared_.clock.WallNow()));
    }
    if (part.streaming) {
      if (exchange.wire.http_1_0) {
        bytes += part.data;
      } else {
        if (!part.data.empty()) bytes += WireChunk(part.data);
        if (part.ended || part.answered) bytes += kLastChunk;
      }
    }
    // An answer that is complete is written even if the client seems to have gone: it may only have closed its sending side.
    const bool try_write = !peer_gone_ || (part.ended && !told);
    bool written = bytes.empty();
    if (try_write && !bytes.empty()) written = co_await Write(exchange, std::move(bytes));
    if (part.ended) {
      exchange.delivered = try_write && written;
      break;
    }
    if (part.answered) {
      exchange.delivered = try_write && written;
      co_await WaitForEngine(exchange);
      break;
    }
    if (peer_gone_ && !told) continue;
    answer_due_ = call.AnswerDue();
    co_await Wait();
  }
  answer_due_ = MonotonicTime::max();
}

// The client has its whole answer, and the engine still holds the request: the client is let go, the call waits alone.
net::awaitable<void> Connection::WaitForEngine(Exchange& exchange) {
  exchange.wire.keep_alive = false;
  co_await StopWatching();
  if (exchange.delivered) co_await Linger();
  ErrorCode ignored;
  socket_.close(ignored);
  NoDeadline();
  while (!exchange.call->Poll().ended) co_await Wait();
}

std::function<void()> Connection::Waker() {
  return [executor = loop_.io.get_executor(), self = shared_from_this()] { net::post(executor, [self] { self->Notify(); }); };
}

net::awaitable<void> Connection::WriteAnswer(Exchange& exchange, const HttpResponse& answer) {
  std::string bytes = WireResponse(answer, exchange.wire, HttpDate(shared_.clock.WallNow()));
  exchange.delivered = co_await Write(exchange, std::move(bytes));
  if (exchange.delivered) co_return;
  exchange.call->ClientLost();
  exchange.wire.keep_alive = false;
}

net::awaitable<bool> Connection::Write(Exchange& exchange, std::string bytes) {
  Within(shared_.options.write_timeout);
  ErrorCode error;
  exchange.bytes_out += co_await net::async_write(socket_, net::buffer(bytes), Into(error));
  NoDeadline();
  if (!error) co_return true;
  if (timed_out_) {
    // What it never read must not keep the kernel busy either.
    ErrorCode ignored;
    socket_.set_option(net::socket_base::linger(true, 0), ignored);
  }
  peer_gone_ = true;
  co_return false;
}

// A peer that is still sending would have its answer torn away by a reset if the socket were closed at once.
net::awaitable<void> Connection::Linger() {
  ErrorCode error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error) co_return;
  Within(kLingerTime);
  std::size_t dropped = 0;
  auto scrap = std::make_unique<std::array<char, 4096>>();
  while (dropped < kMaxLinger) {
    dropped += co_await socket_.async_read_some(net::buffer(*scrap), Into(error));
    if (error) co_return;
  }
}

// Sees the client go while nothing is read from it. Bytes that come meanwhile are the next request (pipelining) and are kept.
void Connection::Watch() {
  if (watching_ || peer_gone_ || buffer_.size() >= kMaxPipelined) return;
  watching_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    self->watching_ = false;
    if (error) return self->Notify();
    std::array<char, 4096> bytes;
    const ssize_t n = ::recv(self->socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
      self->peer_gone_ = true;
      return self->Notify();
    }
    if (n > 0) {
      const auto space = self->buffer_.prepare(static_cast<std::size_t>(n));
      net::buffer_copy(space, net::buffer(bytes.data(), static_cast<std::size_t>(n)));
      self->buffer_.commit(static_cast<std::size_t>(n));
    }
    self->Watch();
  });
}

net::awaitable<void> Connection::StopWatching() {
  if (!watching_) co_return;
  ErrorCode ignored;
  socket_.cancel(ignored);
  while (watching_) co_await Wait();
}

}  // namespace inferd::daemon::connections
