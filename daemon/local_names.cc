#include "daemon/local_names.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace inferd::daemon {
namespace {

// Without port and brackets, in lower case, without the dot of the root.
std::string Bare(std::string_view host) {
  const std::size_t bracket = host.find(']');
  if (host.starts_with('[') && bracket != std::string_view::npos && (bracket + 1 == host.size() || host[bracket + 1] == ':')) {
    host = host.substr(1, bracket - 1);
  } else if (const std::size_t colon = host.find(':'); colon == host.rfind(':')) {
    host = host.substr(0, colon);
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string bare(host);
  std::transform(bare.begin(), bare.end(), bare.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return bare;
}

bool IsLoopback(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24U) == 127;
  return ::inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace

LocalNames::LocalNames(const std::vector<std::string>& listen, std::string_view host_name) : names_{"localhost"} {
  for (const std::string& address : listen) names_.insert(Bare(address));
  names_.insert(Bare(host_name));
  names_.erase("");
}

bool LocalNames::Has(std::string_view host_header) const {
  if (host_header.empty()) return true;
  const std::string bare = Bare(host_header);
  return names_.contains(bare) || bare.ends_with(".localhost") || IsLoopback(bare);
}

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

}  // namespace inferd::daemon
