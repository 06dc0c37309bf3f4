// One transfer at a time by libcurl, bounded in every way: time to connect and in all, bytes that are read back, and a signal that ends it
// at once. TLS is verified, redirects are not followed. One thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "alerts/notify/channel.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::alerts {

inline constexpr std::size_t kMaxReply = 64U << 10U;

// How a server is reached.
struct Endpoint {
  std::string url;
  std::optional<std::string> ca_file = {};  // instead of the system's certificates
  Duration timeout{};                       // of the whole transfer
};

struct Mail {
  std::string from;  // addresses of the envelope
  std::vector<std::string> to;
  std::string text;  // headers and body, lines end in CR LF
  std::string username;
  std::string password;
  bool require_tls = true;  // for smtp://: STARTTLS or nothing
};

class Transfers {
 public:
  Transfers();
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;
  ~Transfers();

  // Posts JSON. An answer of 2xx is success; of every other the error says the status and the answer's beginning. An answer whose body is
  // larger than kMaxReply is judged by its status.
  Result<> Post(const Endpoint& endpoint, const std::string& body, const std::vector<std::string>& headers, const StopSignal& stop);
  // Sends a mail; the endpoint's address is smtp://host:port or smtps://host:port.
  Result<> Send(const Endpoint& endpoint, const Mail& mail, const StopSignal& stop);

 private:
  Result<int> Run(void* easy, const Endpoint& endpoint, const StopSignal& stop);

  void* multi_;  // CURLM*: keeps connections for the next transfer
};

// What a file holds, without white space at its end: a password, a token. kIo, kInvalidArgument for more than 64 KiB or a line break in
// between.
Result<std::string> ReadSecret(const std::string& path);

}  // namespace inferd::alerts
