#include "daemon/service_manager.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>

namespace inferd::daemon {
namespace {

// What a listening TCP socket is bound to.
std::optional<std::string> AddressOf(int fd) {
  if (sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) <= 0) return std::nullopt;
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
    ::inet_ntop(AF_INET, &in->sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(ntohs(in->sin_port));
  }
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  ::inet_ntop(AF_INET6, &in6->sin6_addr, text.data(), text.size());
  return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(in6->sin6_port));
}

std::int64_t Microseconds(Duration duration) { return std::chrono::duration_cast<std::chrono::microseconds>(duration).count(); }

// Nobody listening is no error: the daemon was started by hand.
void Tell(const std::string& state) { ::sd_notify(0, state.c_str()); }

}  // namespace

Result<ServiceManager> ServiceManager::FromEnvironment() {
  ServiceManager manager;
  const char* notify = std::getenv("NOTIFY_SOCKET");
  manager.notified_ = notify != nullptr && *notify != '\0';
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(1, &microseconds) > 0) manager.watchdog_ = std::chrono::microseconds(microseconds);
  const int count = ::sd_listen_fds(1);
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    auto address = AddressOf(fd);
    if (!address)
      return Error(Code::kInvalidArgument, "descriptor " + std::to_string(fd) + " was handed over, but is no listening TCP socket");
    manager.sockets_.push_back({fd, std::move(*address)});
  }
  return manager;
}

void ServiceManager::Ready() const { Tell("READY=1"); }

// The time lets the service manager tell this reload's messages from earlier ones.
void ServiceManager::Reloading(MonotonicTime now) const {
  Tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(Microseconds(now.time_since_epoch())));
}

Result<std::string> CredentialPath(const std::string& path) {
  constexpr std::string_view kPrefix = "credential:";
  if (!path.starts_with(kPrefix)) return path;
  const std::string name = path.substr(kPrefix.size());
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos)
    return Error(Code::kInvalidArgument, path + ": a credential's name has no slash");
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || *folder == '\0')
    return Error(Code::kUnavailable, path + ": no credentials were handed over; the unit needs LoadCredential=" + name + ":FILE");
  return std::string(folder) + "/" + name;
}

std::string StateFolder() {
  const char* folders = std::getenv("STATE_DIRECTORY");
  if (folders == nullptr) return "";
  const std::string_view list = folders;
  return std::string(list.substr(0, list.find(':')));
}

void ServiceManager::Stopping() const { Tell("STOPPING=1"); }
void ServiceManager::Status(std::string_view text) const { Tell("STATUS=" + std::string(text)); }
void ServiceManager::ExtendTimeout(Duration more) const { Tell("EXTEND_TIMEOUT_USEC=" + std::to_string(Microseconds(more))); }
void ServiceManager::FeedWatchdog() const { Tell("WATCHDOG=1"); }
void ServiceManager::TriggerWatchdog() const { Tell("WATCHDOG=trigger"); }

}  // namespace inferd::daemon
