// One HTTP connection as a coroutine, and what the connections of a server share. Internal to daemon/http: the server makes connections,
// the sweeper of a loop ends their waits. A connection lives on one loop's thread; only Shared is touched from several.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>

#include "daemon/api/api.h"
#include "daemon/http/server.h"
#include "daemon/http/wire.h"
#include "runtime/base/clock.h"

namespace inferd::daemon::connections {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using net::ip::tcp;
using ErrorCode = boost::system::error_code;
using Parser = http::request_parser<http::string_body>;

inline constexpr std::size_t kMaxPipelined = 64U << 10U;  // bytes of further requests held while one is answered
inline constexpr Duration kLingerTime = std::chrono::seconds(2);

inline auto Into(ErrorCode& error) { return net::redirect_error(net::use_awaitable, error); }

class Connection;

// One thread and the connections that live on it.
struct Loop {
  net::io_context io{1};
  net::steady_timer sweep{io};
  std::unordered_set<Connection*> connections;  // this thread only
  std::thread thread;
};

struct Shared {
  const Api& api;
  const Clock& clock;
  const HttpOptions options;
  ConnectionCounters counters{};
  std::atomic<bool> draining{false};
  std::atomic<bool> stopping{false};
  std::atomic<int> large_bodies{0};
  std::atomic<int> turned_away{0};
  net::thread_pool workers;

  std::int64_t body_budget() const { return static_cast<std::int64_t>(std::max<std::size_t>(256U << 20U, 16 * options.max_body)); }
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Shared& shared, Loop& loop, tcp::socket socket, bool over_limit)
      : shared_(shared),
        loop_(loop),
        socket_(std::move(socket)),
        wake_(loop.io),
        buffer_(shared.options.max_header + 2 * kMaxPipelined),
        over_limit_(over_limit) {
    wake_.expires_at(net::steady_timer::time_point::max());
    loop_.connections.insert(this);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    ReleaseBody();
    Heard();
    loop_.connections.erase(this);
    if (over_limit_) shared_.turned_away.fetch_sub(1, std::memory_order_relaxed);
    shared_.counters.open.fetch_sub(1, std::memory_order_relaxed);
  }

  // Holds the connection alive until everything about it is over.
  static net::awaitable<void> Run(std::shared_ptr<Connection> self) {
    try {
      co_await self->Serve();
    } catch (const std::exception&) {
      // Out of memory, or a socket that died between two calls: this connection ends, the others go on.
    }
    ErrorCode ignored;
    self->socket_.close(ignored);
  }

  // Sweeper. Cancels again at every sweep until the wait is over: between two steps of one wait there is nothing to cancel.
  void CheckDeadline(MonotonicTime now) {
    if (now >= answer_due_) {
      answer_due_ = MonotonicTime::max();
      Notify();
    }
    if (now < deadline_) return;
    if (!std::exchange(timed_out_, true)) shared_.counters.timed_out.fetch_add(1, std::memory_order_relaxed);
    ErrorCode ignored;
    socket_.cancel(ignored);
  }
  void Shutdown() {
    peer_gone_ = true;
    ErrorCode ignored;
    socket_.close(ignored);
    Notify();
  }

 private:
  // One request and its answer.
  struct Exchange {
    std::unique_ptr<Call> call;
    WireOptions wire;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    bool body_unread = false;
    bool delivered = false;  // the whole answer was written
  };

  void Within(Duration time) {
    timed_out_ = false;
    deadline_ = shared_.clock.Now() + time;
  }
  void NoDeadline() { deadline_ = MonotonicTime::max(); }

  // The first request of this connection is inside, refused, or will never come.
  void Heard() {
    if (!std::exchange(heard_, true)) shared_.counters.unheard.fetch_sub(1, std::memory_order_relaxed);
  }

  void Notify() {
    notified_ = true;
    wake_.cancel();
  }
  net::awaitable<void> Wait() {
    while (!notified_) {
      ErrorCode ignored;
      co_await wake_.async_wait(Into(ignored));
    }
    notified_ = false;
  }

  bool ReserveBody(std::size_t bytes) {
    if (bytes <= body_reserved_) return true;
    const auto more = static_cast<std::int64_t>(bytes - body_reserved_);
    if (shared_.counters.body_bytes.fetch_add(more) + more > shared_.body_budget()) {
      shared_.counters.body_bytes.fetch_sub(more);
      return false;
    }
    body_reserved_ = bytes;
    return true;
  }
  void ReleaseBody() {
    shared_.counters.body_bytes.fetch_sub(static_cast<std::int64_t>(body_reserved_));
    body_reserved_ = 0;
  }

  net::awaitable<void> Serve();
  net::awaitable<bool> OneRequest();
  net::awaitable<bool> HeaderFault(const ErrorCode& error, const Parser& parser);
  net::awaitable<void> ReadBody(Exchange& exchange, Parser& parser, std::optional<HttpResponse>& answer);
  net::awaitable<void> Begin(Exchange& exchange, std::string body, std::optional<HttpResponse>& answer);
  net::awaitable<void> Follow(Exchange& exchange);
  net::awaitable<void> WaitForEngine(Exchange& exchange);
  net::awaitable<bool> Write(Exchange& exchange, std::string bytes);
  net::awaitable<void> WriteAnswer(Exchange& exchange, const HttpResponse& answer);
  std::function<void()> Waker();
  net::awaitable<void> Linger();
  void Watch();
  net::awaitable<void> StopWatching();
  RequestHead HeadOf(const Parser& parser, std::size_t head_bytes) const;

  Shared& shared_;
  Loop& loop_;
  tcp::socket socket_;
  net::steady_timer wake_;
  beast::flat_buffer buffer_;
  const bool over_limit_;
  MonotonicTime deadline_ = MonotonicTime::max();    // of the wait for the peer
  MonotonicTime answer_due_ = MonotonicTime::max();  // Call::AnswerDue
  std::size_t body_reserved_ = 0;
  bool timed_out_ = false;
  bool notified_ = false;
  bool watching_ = false;
  bool peer_gone_ = false;
  bool heard_ = false;
};

}  // namespace inferd::daemon::connections
