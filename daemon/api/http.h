// HTTP as handlers see it: plain values, unaware of the server that carries them, so that a handler can be mounted on any server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"

namespace inferd::daemon {

struct Header {
  std::string name;
  std::string value;
};

// Request line and headers, complete.
struct RequestHead {
  std::string method;           // "GET"
  std::string path;             // of the target, not decoded, without query
  std::string query;            // after '?'
  std::vector<Header> headers;  // names in lower case
  std::string peer;             // numeric address
  std::uint64_t head_bytes = 0;
  MonotonicTime received{};
  WallTime received_wall{};

  // The first value of a header, by its lower-case name; empty when there is none.
  std::string_view Find(std::string_view name) const {
    for (const Header& header : headers) {
      if (header.name == name) return header.value;
    }
    return {};
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<Header> headers;

  // A line for people.
  static HttpResponse Plain(int status, std::string line) {
    return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(line) + "\n", .headers = {}};
  }

  void Set(std::string name, std::string value) { headers.push_back({std::move(name), std::move(value)}); }
};

constexpr std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
  }
}

}  // namespace inferd::daemon
