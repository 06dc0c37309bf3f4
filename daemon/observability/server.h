// The observability plane's sockets: CivetServer with a few threads of its own, away from the API plane. Knows HTTP and its traps
// (docs/ARCHITECTURE.md, "Two planes"); what is answered is the handler's business.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "daemon/api/http.h"
#include "daemon/observability/scrape_gate.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::daemon {

struct ObservabilityServerOptions {
  std::string listen;  // "127.0.0.1:9464"; port 0 lets the system choose
  int threads = 8;     // connections that are served at the same time (client_threads.h)
};

// Reads the body of the request that is being answered; for whoever wants it, once. kResourceExhausted for one that is too long,
// kDeadlineExceeded for one that comes too slowly, kInvalidArgument for one of unknown length.
using BodyReader = std::function<Result<std::string>()>;

class ObservabilityServer {
 public:
  // `handler` is called from several threads at once and must not throw.
  using Handler = std::function<HttpResponse(const RequestHead&, const BodyReader&)>;

  // `clock` must outlive the server. `route_of` maps a path to its label.
  ObservabilityServer(ObservabilityServerOptions options, const Clock& clock, Handler handler,
                      std::function<std::string_view(std::string_view)> route_of);
  ~ObservabilityServer();  // Stop()

  // Binds and starts. kIo when the address cannot be had.
  Result<> Start();
  void Stop();
  std::uint16_t port() const;

  std::int64_t connections() const { return connections_.load(); }
  // Answers by (route, status).
  std::map<std::pair<std::string, int>, std::uint64_t> answers() const;

 private:
  class Civet;
  void Count(std::string_view route, int status);

  const ObservabilityServerOptions options_;
  const Clock& clock_;
  const Handler handler_;
  const std::function<std::string_view(std::string_view)> route_of_;
  ScrapeGate gate_;
  std::atomic<std::int64_t> connections_{0};
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> answers_;
  std::unique_ptr<Civet> civet_;
};

}  // namespace inferd::daemon
