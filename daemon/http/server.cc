#include "daemon/http/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/use_future.hpp>
#include <cerrno>
#include <future>
#include <mutex>
#include <utility>

#include "daemon/http/connection.h"
#include "runtime/base/thread.h"

namespace inferd::daemon {
namespace {

using connections::Connection;
using connections::ErrorCode;
using connections::Into;
using connections::Loop;
using connections::Shared;
using connections::tcp;
namespace net = boost::asio;

constexpr int kMaxTurnedAway = 128;  // connections over the limit that are told so politely
constexpr auto kSweep = std::chrono::milliseconds(200);

}  // namespace

struct HttpServer::Impl {
  Impl(const Api& api, const Clock& clock, HttpOptions options)
      : shared{.api = api,
               .clock = clock,
               .options = std::move(options),
               .workers = net::thread_pool(static_cast<std::size_t>(std::max(1, options.workers)))} {
    for (int i = 0; i < std::max(1, shared.options.threads); ++i) loops.push_back(std::make_unique<Loop>());
  }

  net::awaitable<void> Accept(tcp::acceptor& acceptor) {
    // A connection that was taken is served: whether to go on is asked before the next one.
    while (accepting) {
      Loop& loop = *loops[next_loop++ % loops.size()];
      ErrorCode error;
      tcp::socket socket(loop.io);
      co_await acceptor.async_accept(socket, Into(error));
      if (error == net::error::operation_aborted || shared.stopping) co_return;
      if (error) {
        // Out of file descriptors, most often: some connection must end first.
        net::steady_timer pause(loops[0]->io, std::chrono::milliseconds(100));
        co_await pause.async_wait(Into(error));
        continue;
      }
      shared.counters.accepted.fetch_add(1, std::memory_order_relaxed);
      const auto open = shared.counters.open.load(std::memory_order_relaxed) - shared.turned_away.load(std::memory_order_relaxed);
      const bool over_limit = open >= shared.options.max_connections;
      if (over_limit) {
        shared.counters.refused.fetch_add(1, std::memory_order_relaxed);
        if (shared.turned_away.fetch_add(1) >= kMaxTurnedAway) {
          shared.turned_away.fetch_sub(1);
          continue;  // closed without a word
        }
      }
      shared.counters.open.fetch_add(1, std::memory_order_relaxed);
      shared.counters.unheard.fetch_add(1, std::memory_order_relaxed);
      // The connection is made on its own thread: only that one may touch the loop's set.
      net::post(loop.io, [this, &loop, over_limit, s = std::make_shared<tcp::socket>(std::move(socket))] {
        if (shared.stopping) {
          shared.counters.open.fetch_sub(1, std::memory_order_relaxed);
          shared.counters.unheard.fetch_sub(1, std::memory_order_relaxed);
          return;
        }
        auto connection = std::make_shared<Connection>(shared, loop, std::move(*s), over_limit);
        net::co_spawn(loop.io, Connection::Run(std::move(connection)), net::detached);
      });
    }
  }

  void Sweep(Loop& loop) {
    loop.sweep.expires_after(kSweep);
    loop.sweep.async_wait([this, &loop](const ErrorCode& error) {
      if (error || (shared.stopping && loop.connections.empty())) return;
      const MonotonicTime now = shared.clock.Now();
      for (Connection* connection : loop.connections) connection->CheckDeadline(now);
      Sweep(loop);
    });
  }

  Shared shared;
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<tcp::acceptor> acceptors;
  std::vector<std::future<void>> accepts;  // one for each acceptor that takes connections
  std::atomic<bool> accepting{false};
  std::atomic<std::size_t> next_loop{0};
  bool started = false;
  bool stopped = false;
};

HttpServer::HttpServer(const Api& api, const Clock& clock, HttpOptions options)
    : impl_(std::make_unique<Impl>(api, clock, std::move(options))) {}

HttpServer::~HttpServer() { Stop(); }

Result<> HttpServer::Listen() {
  for (const int fd : impl_->shared.options.sockets) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    ErrorCode error;
    tcp::acceptor acceptor(impl_->loops[0]->io);
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) error = {errno, boost::system::system_category()};
    if (!error) acceptor.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), fd, error);
    if (error) return Error(Code::kIo, "the socket that was handed over cannot be used: " + error.message());
    impl_->acceptors.push_back(std::move(acceptor));
  }
  if (!impl_->acceptors.empty()) return {};
  for (const config::ListenAddress& address : impl_->shared.options.listen) {
    ErrorCode error;
    const auto ip = net::ip::make_address(address.host, error);
    const std::string shown = (ip.is_v6() ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
    if (error) return Error(Code::kInvalidArgument, shown + " is not an address");
    const tcp::endpoint endpoint(ip, address.port);
    tcp::acceptor acceptor(impl_->loops[0]->io);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && ip.is_v6()) acceptor.set_option(net::ip::v6_only(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(1024, error);
    if (error) return Error(Code::kIo, "cannot listen on " + shown + ": " + error.message());
    impl_->acceptors.push_back(std::move(acceptor));
  }
  return {};
}

std::vector<std::uint16_t> HttpServer::ports() const {
  std::vector<std::uint16_t> ports;
  for (const tcp::acceptor& acceptor : impl_->acceptors) ports.push_back(acceptor.local_endpoint().port());
  return ports;
}

void HttpServer::Start() {
  Impl& impl = *impl_;
  impl.started = true;
  for (const auto& loop : impl.loops) {
    impl.Sweep(*loop);  // which is also what keeps the loop running
    loop->thread = std::thread([&io = loop->io] {
      const ThreadSetup thread("api");
      io.run();
    });
  }
}

void HttpServer::Accept() {
  Impl& impl = *impl_;
  impl.accepting = true;
  for (tcp::acceptor& acceptor : impl.acceptors)
    impl.accepts.push_back(net::co_spawn(impl.loops[0]->io, impl.Accept(acceptor), net::use_future));
}

void HttpServer::StopAccepting() {
  Impl& impl = *impl_;
  impl.accepting = false;
  net::post(impl.loops[0]->io, [&impl] {
    for (tcp::acceptor& acceptor : impl.acceptors) {
      ErrorCode ignored;
      acceptor.cancel(ignored);
    }
  });
  for (const std::future<void>& accept : impl.accepts) accept.wait();
  impl.accepts.clear();
}

void HttpServer::StartDrain() { impl_->shared.draining = true; }

void HttpServer::Stop() {
  Impl& impl = *impl_;
  if (!impl.started || std::exchange(impl.stopped, true)) return;
  impl.shared.draining = true;
  impl.shared.stopping = true;
  net::post(impl.loops[0]->io, [&impl] {
    for (tcp::acceptor& acceptor : impl.acceptors) {
      ErrorCode ignored;
      acceptor.close(ignored);
    }
  });
  for (const auto& loop : impl.loops) {
    net::post(loop->io, [&loop = *loop] {
      // Shutting one down may end it and take it out of the set.
      loop.sweep.cancel();
      const std::vector<Connection*> connections(loop.connections.begin(), loop.connections.end());
      for (Connection* connection : connections) connection->Shutdown();
    });
  }
  // A loop without work returns from run(): every connection has ended then, and nothing is left to sweep.
  for (const auto& loop : impl.loops) {
    if (loop->thread.joinable()) loop->thread.join();
  }
  impl.shared.workers.join();
}

const ConnectionCounters& HttpServer::counters() const { return impl_->shared.counters; }

}  // namespace inferd::daemon
