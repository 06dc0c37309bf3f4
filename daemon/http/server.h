// The API plane's sockets: HTTP/1.1 over plain TCP, one coroutine per connection, few threads. Knows HTTP and the limits; what is asked
// and answered is the Api's business.
//
// Limits: connections, header bytes, body bytes (of one request, and of all that are being read), and a time for every wait on a client.
// A client that has gone is noticed at once while its request is worked on: the socket is watched. The end of the client's sending side
// (FIN) with nothing after it counts as gone, because it looks the same as a closed socket; a client that half-closes its connection
// while it waits for a generated answer is therefore dropped (as nginx does). Answers that are ready at once are still sent to it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/value.h"
#include "daemon/api/api.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::daemon {

struct HttpOptions {
  std::vector<config::ListenAddress> listen;
  std::vector<int> sockets;  // listening already, made by somebody else: used instead of `listen` when there are any
  int threads = 1;
  int workers = 1;  // for bodies too large to be read on a connection's thread
  int max_connections = 4096;
  std::size_t max_body = 4U << 20U;
  std::size_t max_header = 16U << 10U;
  Duration header_timeout = std::chrono::seconds(10);
  Duration idle_timeout = std::chrono::seconds(60);
  Duration write_timeout = std::chrono::seconds(30);
};

// Any thread may read.
struct ConnectionCounters {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> refused{0};    // over max_connections
  std::atomic<std::uint64_t> timed_out{0};  // closed because the client was too slow
  std::atomic<std::int64_t> open{0};
  std::atomic<std::int64_t> unheard{0};     // open, and their first request is not admitted or refused yet
  std::atomic<std::int64_t> working{0};     // answers that an engine works on, until they are written
  std::atomic<std::int64_t> body_bytes{0};  // of bodies in memory
};

class HttpServer {
 public:
  // `api` and `clock` must outlive the server.
  HttpServer(const Api& api, const Clock& clock, HttpOptions options);
  ~HttpServer();  // Stop()

  // Binds every address. kIo names the one that cannot be had.
  Result<> Listen();
  // The port of each address, in their order; after Listen.
  std::vector<std::uint16_t> ports() const;
  // Starts the threads; nothing is accepted yet.
  void Start();
  // Takes connections from now on. Until then they wait in the kernel, as many as its queue holds.
  void Accept();
  // Takes no more; returns when the last one that was taken is counted. Those that come wait for whoever has the sockets next.
  void StopAccepting();

  // From now on every answer closes its connection, so that clients come back to somebody else.
  void StartDrain();
  // Closes everything and ends the threads. Calls that an engine works on are cancelled, and waited for: the engines must still run or
  // have been stopped before, so that they end. Idempotent.
  void Stop();

  const ConnectionCounters& counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace inferd::daemon
