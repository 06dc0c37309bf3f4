#include "cli/http_client.h"

#include <curl/curl.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/text.h"

namespace inferd::cli {
namespace {

constexpr std::size_t kMaxBody = 64U << 20U;

struct Handles {
  CURL* easy = curl_easy_init();
  curl_slist* headers = nullptr;

  Handles() = default;
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
  ~Handles() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
  }
};

struct Receiver {
  CURL* easy = nullptr;
  HttpResponse response = {};
  const std::function<bool(std::string_view)>* on_body = nullptr;  // nullptr: collect
};

std::size_t Receive(char* data, std::size_t size, std::size_t count, void* user) {
  auto* receiver = static_cast<Receiver*>(user);
  const std::string_view bytes(data, size * count);
  curl_easy_getinfo(receiver->easy, CURLINFO_RESPONSE_CODE, &receiver->response.status);
  if (receiver->on_body != nullptr && receiver->response.status == 200) return (*receiver->on_body)(bytes) ? bytes.size() : 0;
  if (receiver->response.body.size() + bytes.size() > kMaxBody) return 0;
  receiver->response.body += bytes;
  return bytes.size();
}

// The observability plane closes a connection whose request does not come within a quarter of a second: on a machine under stress that
// happens to us as well. From here it looks like a daemon that died over the request, so only what changes nothing is asked again.
constexpr int kTries = 5;

bool WasNotHeard(CURL* easy, CURLcode code) {
  long header_bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &header_bytes);
  return header_bytes == 0 && (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR);
}

Result<HttpResponse> Perform(Handles& handles, const std::string& url, const std::string& api_key,
                             const std::function<bool(std::string_view)>* on_body, int tries = 1) {
  if (!api_key.empty()) handles.headers = curl_slist_append(handles.headers, ("Authorization: Bearer " + api_key).c_str());
  Receiver receiver{handles.easy, {}, on_body};
  std::array<char, CURL_ERROR_SIZE> error{};
  curl_easy_setopt(handles.easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handles.easy, CURLOPT_HTTPHEADER, handles.headers);
  curl_easy_setopt(handles.easy, CURLOPT_WRITEFUNCTION, Receive);
  curl_easy_setopt(handles.easy, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(handles.easy, CURLOPT_ERRORBUFFER, error.data());
  curl_easy_setopt(handles.easy, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
  curl_easy_setopt(handles.easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handles.easy, CURLOPT_PROTOCOLS_STR, "http,https");
  CURLcode code = curl_easy_perform(handles.easy);
  for (int i = 1; i < tries && WasNotHeard(handles.easy, code); ++i) code = curl_easy_perform(handles.easy);
  if (code != CURLE_OK) {
    return Error(Code::kUnavailable, url + ": " + (error[0] != '\0' ? error.data() : curl_easy_strerror(code)));
  }
  curl_easy_getinfo(handles.easy, CURLINFO_RESPONSE_CODE, &receiver.response.status);
  return std::move(receiver.response);
}

}  // namespace

HttpClient::HttpClient(std::string api_key) : api_key_(std::move(api_key)) {}

Result<HttpResponse> HttpClient::Get(const std::string& url, Duration timeout) {
  Handles handles;
  curl_easy_setopt(handles.easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout / std::chrono::milliseconds(1)));
  return Perform(handles, url, api_key_, nullptr, kTries);
}

Result<HttpResponse> HttpClient::Post(const std::string& url, const std::string& json,
                                      const std::function<bool(std::string_view)>& on_body) {
  Handles handles;
  handles.headers = curl_slist_append(handles.headers, "Content-Type: application/json");
  curl_easy_setopt(handles.easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(json.size()));
  curl_easy_setopt(handles.easy, CURLOPT_POSTFIELDS, json.data());
  return Perform(handles, url, api_key_, &on_body);
}

Result<HttpResponse> HttpClient::Send(const std::string& method, const std::string& url, const std::string& json, Duration timeout) {
  Handles handles;
  curl_easy_setopt(handles.easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout / std::chrono::milliseconds(1)));
  curl_easy_setopt(handles.easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  if (!json.empty()) {
    handles.headers = curl_slist_append(handles.headers, "Content-Type: application/json");
    curl_easy_setopt(handles.easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(json.size()));
    curl_easy_setopt(handles.easy, CURLOPT_POSTFIELDS, json.data());
  }
  return Perform(handles, url, api_key_, nullptr);
}

std::string UrlEscaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || c == '-' || c == '.' || c == '_') {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return out;
}

std::string ErrorMessage(const HttpResponse& response) {
  const auto json = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  std::string message = "HTTP status " + std::to_string(response.status);
  if (json.is_object() && json.contains("error") && json["error"].is_object() && json["error"].contains("message") &&
      json["error"]["message"].is_string()) {
    message += ": " + PrintableLine(json["error"]["message"].get_ref<const std::string&>(), 500);
  } else if (json.is_object() && json.contains("error") && json["error"].is_string()) {
    message += ": " + PrintableLine(json["error"].get_ref<const std::string&>(), 500);
  } else if (json.is_string()) {  // as Alertmanager's API has it
    message += ": " + PrintableLine(json.get_ref<const std::string&>(), 500);
  } else if (!response.body.empty()) {
    message += ": " + PrintableLine(response.body, 200);
  }
  return message;
}

Result<std::string> FirstModel(HttpClient& client, const std::string& api_url) {
  const std::string url = JoinUrl(api_url, "/v1/models");
  INFERD_ASSIGN_OR_RETURN(const HttpResponse response, client.Get(url, std::chrono::seconds(10)));
  if (response.status != 200) return Error(Code::kUnavailable, url + ": " + ErrorMessage(response));
  const auto json = nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  const auto data = json.is_object() ? json.find("data") : json.end();
  if (data == json.end() || !data->is_array() || data->empty() || !data->front().is_object() || !data->front().contains("id") ||
      !data->front()["id"].is_string()) {
    return Error(Code::kNotFound, url + ": the server lists no model");
  }
  return data->front()["id"].get<std::string>();
}

std::string JoinUrl(std::string_view base, std::string_view path) {
  while (base.ends_with('/')) base.remove_suffix(1);
  return std::string(base) += path;
}

}  // namespace inferd::cli
