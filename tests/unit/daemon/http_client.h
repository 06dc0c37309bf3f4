// A blocking HTTP client that does what it is told, wrong things included. Every wait ends after 20 s at the latest.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace inferd::daemon {

class HttpClient {
 public:
  struct Response {
    int status = 0;                              // 0: the server closed without a word
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
  };

  explicit HttpClient(std::uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (receive_buffer > 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient() { Close(); }

  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void HalfClose() const { ::shutdown(fd_, SHUT_WR); }
  void Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;  // the server may refuse early
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  static std::string Request(const std::string& method, const std::string& path, const std::string& body = {},
                             const std::string& headers = {}) {
    return method + " " + path + " HTTP/1.1\r\nHost: test\r\n" + headers +
           (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body;
  }

  // Reads until `text` has come; false when the connection ends before.
  bool ReadUntil(std::string_view text) {
    while (buffer_.find(text) == std::string::npos) {
      if (!Fill()) return false;
    }
    return true;
  }
  // True when the server closes, whatever it said before.
  bool ReadToEnd() {
    while (Fill()) {
    }
    return ended_;
  }
  const std::string& buffer() const { return buffer_; }

  Response Read() {
    Response response;
    if (!ReadUntil("\r\n\r\n")) return response;
    const std::size_t end = buffer_.find("\r\n\r\n");
    const std::string head = buffer_.substr(0, end);
    buffer_.erase(0, end + 4);
    response.status = std::atoi(head.c_str() + std::string_view("HTTP/1.1 ").size());
    for (std::size_t line = head.find("\r\n"); line != std::string::npos; line = head.find("\r\n", line + 2)) {
      const std::size_t colon = head.find(':', line);
      std::string name = head.substr(line + 2, colon - line - 2);
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      response.headers[name] = head.substr(colon + 2, head.find("\r\n", colon) - colon - 2);
    }
    if (response.status == 100) return Read();
    if (response.headers.contains("transfer-encoding")) {
      for (;;) {
        if (!ReadUntil("\r\n")) return response;
        const auto size = static_cast<std::size_t>(std::strtoull(buffer_.c_str(), nullptr, 16));
        buffer_.erase(0, buffer_.find("\r\n") + 2);
        while (buffer_.size() < size + 2) {
          if (!Fill()) return response;
        }
        response.body += buffer_.substr(0, size);
        buffer_.erase(0, size + 2);
        if (size == 0) return response;
      }
    }
    const auto length = static_cast<std::size_t>(std::strtoull(response.headers["content-length"].c_str(), nullptr, 10));
    while (buffer_.size() < length) {
      if (!Fill()) return response;
    }
    response.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return response;
  }

 private:
  bool Fill() {
    char bytes[4096];
    const ssize_t n = ::recv(fd_, bytes, sizeof(bytes), 0);
    ended_ = n == 0 || (n < 0 && (errno == ECONNRESET || errno == EPIPE));
    if (n <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  bool ended_ = false;
  std::string buffer_;
};

}  // namespace inferd::daemon
