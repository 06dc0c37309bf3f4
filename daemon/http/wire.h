// What an answer looks like on the wire (RFC 9112). Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "daemon/api/http.h"

namespace inferd::daemon {

struct WireOptions {
  bool http_1_0 = false;
  bool keep_alive = true;
  bool head_method = false;  // headers only
  bool streaming = false;    // the body follows in pieces
};

// Status line, headers and, unless it streams, the body. `date` as in the Date header.
std::string WireResponse(const HttpResponse& response, const WireOptions& options, std::string_view date);

// One piece of a chunked body, and the end of one.
std::string WireChunk(std::string_view data);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string HttpDate(WallTime now);

}  // namespace inferd::daemon
