// HTTP for commands that wait for one answer at a time, on libcurl. The load generator has its own loop (load_run.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::cli {

struct HttpResponse {
  long status = 0;
  std::string body;  // what came before the stream was known to be one; see Post
};

class HttpClient {
 public:
  // `api_key` is sent as a bearer token unless it is empty.
  explicit HttpClient(std::string api_key);

  // All return kUnavailable with the address when the server cannot be reached or the transfer breaks off; an answer with an error
  // status is an answer.
  Result<HttpResponse> Get(const std::string& url, Duration timeout);
  // Posts JSON. The body of an answer of status 200 goes to `on_body` as it comes; false from it breaks off. No limit on the whole
  // time: streams are long.
  Result<HttpResponse> Post(const std::string& url, const std::string& json, const std::function<bool(std::string_view)>& on_body);
  // Any method, with JSON as its body unless that is empty.
  Result<HttpResponse> Send(const std::string& method, const std::string& url, const std::string& json, Duration timeout);

 private:
  std::string api_key_;
};

// Text as a value in a URL's query.
std::string UrlEscaped(std::string_view text);

// The message of an answer in OpenAI's or in Prometheus's error shape, or the beginning of the body.
std::string ErrorMessage(const HttpResponse& response);

// The id of the first model that the server has.
Result<std::string> FirstModel(HttpClient& client, const std::string& api_url);

// `base` and `path` with one slash between.
std::string JoinUrl(std::string_view base, std::string_view path);

}  // namespace inferd::cli
