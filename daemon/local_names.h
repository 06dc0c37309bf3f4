// The names by which this machine may be called by who is let in only because he is on it. A web page in a browser here can make a name of
// its own lead to 127.0.0.1 (DNS rebinding), but it cannot choose another Host header than that name. Immutable; any thread may ask.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace inferd::daemon {

class LocalNames {
 public:
  // `listen`: addresses that are listened on, "127.0.0.1:9464" or "[::1]:8080"; `host_name`: the machine's.
  LocalNames(const std::vector<std::string>& listen, std::string_view host_name);

  // Whether a Host header (RFC 9110, section 7.2), with or without port, names a loopback address, localhost or a name below it, an address
  // that is listened on, or the machine. No header at all is good: a browser sends one.
  bool Has(std::string_view host_header) const;

 private:
  std::set<std::string, std::less<>> names_;
};

std::string HostName();

}  // namespace inferd::daemon
