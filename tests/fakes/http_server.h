// An HTTP/1.1 server for tests of clients: 127.0.0.1, a port of its own, one thread for each connection, one request a connection
// (it closes after the answer). The handler gets the request's head and body and returns the whole answer, head included. Thread-safe
// handlers only.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace inferd::testing {

class HttpServer {
 public:
  using Handler = std::function<std::string(std::string_view head, std::string_view body)>;

  explicit HttpServer(Handler handler) : handler_(std::move(handler)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listener_, 512) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& connection : connections_) connection.join();
    ::close(listener_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  static std::string Answer(int status, std::string_view type, std::string_view body) {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + std::string(type) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + std::string(body);
  }

 private:
  void Accept() {
    for (int fd = ::accept(listener_, nullptr, nullptr); fd >= 0; fd = ::accept(listener_, nullptr, nullptr)) {
      connections_.emplace_back([this, fd] { Serve(fd); });
    }
  }

  void Serve(int fd) const {
    std::string input;
    char buffer[4096];
    for (;;) {
      const std::size_t head_end = input.find("\r\n\r\n");
      if (head_end != std::string::npos) {
        const std::size_t length_at = input.find("Content-Length: ");
        const std::size_t length = length_at < head_end ? std::strtoul(input.c_str() + length_at + 16, nullptr, 10) : 0;
        if (input.size() >= head_end + 4 + length) {
          const std::string answer =
              handler_(std::string_view(input).substr(0, head_end), std::string_view(input).substr(head_end + 4, length));
          for (std::size_t sent = 0; sent < answer.size();) {
            const ssize_t n = ::send(fd, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) break;
            sent += static_cast<std::size_t>(n);
          }
          break;
        }
      }
      const ssize_t n = ::recv(fd, buffer, sizeof(buffer), 0);
      if (n <= 0) break;
      input.append(buffer, static_cast<std::size_t>(n));
    }
    ::shutdown(fd, SHUT_WR);
    ::close(fd);
  }

  Handler handler_;
  int listener_;
  int port_ = 0;
  std::thread acceptor_;
  std::vector<std::thread> connections_;
};

}  // namespace inferd::testing
