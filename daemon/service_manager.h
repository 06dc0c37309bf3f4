// The service manager (systemd) as the daemon sees it: what it hands over at start, and what it is told from then on. Without one nothing
// was handed over and telling does nothing. sd_notify(3) and sd_listen_fds(3) define the words. Used by the main thread alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::daemon {

class ServiceManager {
 public:
  struct Socket {
    int fd = -1;
    std::string address;  // as a configuration writes it: "127.0.0.1:8080", "[::1]:8080"
  };

  // None.
  ServiceManager() = default;

  // Takes what the environment names and removes sockets and watchdog from there, so that no child takes itself for the daemon.
  // kInvalidArgument names a descriptor that is not a listening TCP socket.
  static Result<ServiceManager> FromEnvironment();

  // Whether anybody listens to what is told, or has handed over sockets.
  bool present() const { return notified_ || !sockets_.empty(); }
  // Listening already. They belong to the service manager: closing them here closes nothing for clients.
  const std::vector<Socket>& sockets() const { return sockets_; }
  // The longest silence that the service manager's watchdog bears; zero when there is none.
  Duration watchdog() const { return watchdog_; }

  void Ready() const;
  // A reload has begun; Ready ends it.
  void Reloading(MonotonicTime now) const;
  void Stopping() const;
  // One line for people: what the daemon is doing.
  void Status(std::string_view text) const;
  // Starting or stopping is given up only when this long has passed without another call.
  void ExtendTimeout(Duration more) const;
  void FeedWatchdog() const;
  // As if the watchdog had run out: the service manager ends this process and starts another.
  void TriggerWatchdog() const;

 private:
  bool notified_ = false;
  Duration watchdog_{};
  std::vector<Socket> sockets_;
};

// "credential:NAME" is the file that the service manager has put the credential NAME in (systemd.exec(5), LoadCredential=); any other path
// is itself. kUnavailable when none were handed over, kInvalidArgument for a name that is not one file's.
Result<std::string> CredentialPath(const std::string& path);

// The folder for what outlives the process: the first of STATE_DIRECTORY (systemd.exec(5); a drop-in may add others). Empty: none was
// given.
std::string StateFolder();

}  // namespace inferd::daemon
