#include "alerts/notify/transfer.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <string_view>

#include "runtime/base/errno_text.h"
#include "runtime/base/hide.h"

namespace inferd::alerts {
namespace {

constexpr Duration kLongestConnect = std::chrono::seconds(5);
constexpr std::size_t kMaxSecret = 64U << 10U;
// How much of an answer stands in an error.
constexpr std::size_t kQuoted = 200;

long Millis(Duration duration) { return static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(duration).count()); }

struct Easy {
  CURL* handle = ::curl_easy_init();
  curl_slist* list = nullptr;
  std::array<char, CURL_ERROR_SIZE> error{};

  Easy() = default;
  Easy(const Easy&) = delete;
  Easy& operator=(const Easy&) = delete;
  ~Easy() {
    ::curl_easy_cleanup(handle);
    ::curl_slist_free_all(list);
  }
  void Append(const std::string& text) { list = ::curl_slist_append(list, text.c_str()); }
  template <typename T>
  void Set(CURLoption option, T value) const {
    ::curl_easy_setopt(handle, option, value);
  }
};

struct Reply {
  std::string body;
  bool too_long = false;
};

std::size_t KeepReply(char* data, std::size_t, std::size_t n, void* into) {
  auto& reply = *static_cast<Reply*>(into);
  const std::size_t room = kMaxReply - reply.body.size();
  reply.body.append(data, std::min(n, room));
  reply.too_long = n > room;
  return reply.too_long ? 0 : n;
}

struct Source {
  std::string_view rest;
};

std::size_t GiveText(char* into, std::size_t size, std::size_t count, void* from) {
  auto& source = *static_cast<Source*>(from);
  const std::size_t n = std::min(size * count, source.rest.size());
  std::memcpy(into, source.rest.data(), n);
  source.rest.remove_prefix(n);
  return n;
}

// The beginning of an answer on one line, without what could drive a terminal.
std::string Quote(std::string_view body) {
  std::string text;
  for (const char c : body.substr(0, kQuoted)) text += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  while (text.ends_with(' ')) text.pop_back();
  return text.empty() ? std::string() : ": " + text;
}

}  // namespace

Transfers::Transfers() {
  static std::once_flag once;
  std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
  multi_ = ::curl_multi_init();
}

Transfers::~Transfers() { ::curl_multi_cleanup(static_cast<CURLM*>(multi_)); }

Result<int> Transfers::Run(void* easy, const Endpoint& endpoint, const StopSignal& stop) {
  CURL* const handle = easy;
  CURLM* const multi = static_cast<CURLM*>(multi_);
  if (handle == nullptr || multi == nullptr) return Error(Code::kResourceExhausted, "no memory for a connection");
  ::curl_easy_setopt(handle, CURLOPT_URL, endpoint.url.c_str());
  ::curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  ::curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  ::curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  ::curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, Millis(std::min(endpoint.timeout, kLongestConnect)));
  ::curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, Millis(endpoint.timeout));
  // A look-up of a name that hangs is left behind, not waited for.
  ::curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
  if (endpoint.ca_file) ::curl_easy_setopt(handle, CURLOPT_CAINFO, endpoint.ca_file->c_str());

  if (const CURLMcode code = ::curl_multi_add_handle(multi, handle); code != CURLM_OK)
    return Error(Code::kInternal, ::curl_multi_strerror(code));
  std::optional<CURLcode> done;
  int running = 1;
  curl_waitfd stopped{.fd = stop.fd(), .events = CURL_WAIT_POLLIN, .revents = 0};
  while (!done && !stop.raised()) {
    if (::curl_multi_perform(multi, &running) != CURLM_OK) break;
    int left = 0;
    while (const CURLMsg* message = ::curl_multi_info_read(multi, &left)) {
      if (message->msg == CURLMSG_DONE) done = message->data.result;
    }
    if (!done) ::curl_multi_poll(multi, &stopped, 1, 1000, nullptr);
  }
  ::curl_multi_remove_handle(multi, handle);
  if (done) return static_cast<int>(*done);
  return stop.raised() ? Error(Code::kCancelled, "stopped") : Error(Code::kInternal, "the transfer broke off");
}

Result<> Transfers::Post(const Endpoint& endpoint, const std::string& body, const std::vector<std::string>& headers,
                         const StopSignal& stop) {
  Easy easy;
  Reply reply;
  easy.Append("Content-Type: application/json");
  easy.Append("Expect:");  // no waiting for 100 Continue
  for (const std::string& header : headers) easy.Append(header);
  easy.Set(CURLOPT_HTTPHEADER, easy.list);
  easy.Set(CURLOPT_USERAGENT, "inferd");
  easy.Set(CURLOPT_PROTOCOLS_STR, "http,https");
  easy.Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  easy.Set(CURLOPT_POSTFIELDS, body.data());
  easy.Set(CURLOPT_WRITEFUNCTION, &KeepReply);
  easy.Set(CURLOPT_WRITEDATA, &reply);
  easy.Set(CURLOPT_ERRORBUFFER, easy.error.data());
  INFERD_ASSIGN_OR_RETURN(const int code, Run(easy.handle, endpoint, stop));
  if (code != CURLE_OK && !reply.too_long) {
    return Error(code == CURLE_OPERATION_TIMEDOUT ? Code::kDeadlineExceeded : Code::kUnavailable,
                 easy.error[0] != '\0' ? easy.error.data() : ::curl_easy_strerror(static_cast<CURLcode>(code)));
  }
  long status = 0;
  ::curl_easy_getinfo(easy.handle, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 200 && status < 300) return {};
  const std::string hint = status >= 300 && status < 400 ? " (redirects are not followed)" : "";
  return Error(Code::kUnavailable,
               "the answer was " + std::to_string(status) + hint + Quote(HideUrlIn(std::move(reply.body), endpoint.url)));
}

Result<> Transfers::Send(const Endpoint& endpoint, const Mail& mail, const StopSignal& stop) {
  Easy easy;
  Source source{mail.text};
  const std::string from = "<" + mail.from + ">";
  for (const std::string& to : mail.to) easy.Append("<" + to + ">");
  easy.Set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  easy.Set(CURLOPT_USE_SSL, static_cast<long>(mail.require_tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
  // A connection that is kept is said good-bye to later, and that cannot be ended.
  easy.Set(CURLOPT_FORBID_REUSE, 1L);
  easy.Set(CURLOPT_SERVER_RESPONSE_TIMEOUT, Millis(endpoint.timeout) / 1000 + 1);
  easy.Set(CURLOPT_MAIL_FROM, from.c_str());
  easy.Set(CURLOPT_MAIL_RCPT, easy.list);
  easy.Set(CURLOPT_READFUNCTION, &GiveText);
  easy.Set(CURLOPT_READDATA, &source);
  easy.Set(CURLOPT_UPLOAD, 1L);
  if (!mail.username.empty()) {
    easy.Set(CURLOPT_USERNAME, mail.username.c_str());
    easy.Set(CURLOPT_PASSWORD, mail.password.c_str());
  }
  easy.Set(CURLOPT_ERRORBUFFER, easy.error.data());
  INFERD_ASSIGN_OR_RETURN(const int code, Run(easy.handle, endpoint, stop));
  if (code == CURLE_OK) return {};
  long status = 0;
  ::curl_easy_getinfo(easy.handle, CURLINFO_RESPONSE_CODE, &status);
  const std::string why = easy.error[0] != '\0' ? easy.error.data() : ::curl_easy_strerror(static_cast<CURLcode>(code));
  return Error(code == CURLE_OPERATION_TIMEDOUT ? Code::kDeadlineExceeded : Code::kUnavailable,
               why + (status >= 400 ? " (the mail server's answer was " + std::to_string(status) + ")" : ""));
}

Result<std::string> ReadSecret(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(Code::kIo, path + ": cannot be read: " + ErrnoText(errno));
  std::string text(kMaxSecret + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxSecret) return Error(Code::kInvalidArgument, path + ": is larger than 64 KiB: not a secret");
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ' || text.back() == '\t')) text.pop_back();
  if (text.empty()) return Error(Code::kInvalidArgument, path + ": is empty");
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    return Error(Code::kInvalidArgument, path + ": must hold one line of text");
  }
  return text;
}

}  // namespace inferd::alerts
