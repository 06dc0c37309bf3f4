// The API plane without its sockets. A server makes a Call for each request as soon as its headers are there, and drives it:
//
//   Refusal()        answer from the headers alone, before the body is read
//   Start(body)      the rest; either the answer, or nothing: then the engine works on it
//   OnReady, Poll    what the engine made so far
//   ClientGone()     nobody waits for the answer any more; Poll goes on until it says that the engine has let go
//
// A Call is used by one thread at a time; the Api may be used by any number. Nothing here throws except for want of memory.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/admission.h"
#include "daemon/api/answer.h"
#include "daemon/api/books.h"
#include "daemon/api/http.h"
#include "daemon/api/open_calls.h"
#include "daemon/api/trace_context.h"
#include "daemon/lifecycle.h"
#include "daemon/served_models.h"
#include "daemon/shared_value.h"
#include "runtime/base/clock.h"
#include "runtime/engine/ledger.h"
#include "runtime/engine/request.h"

namespace inferd::daemon {

enum class Route : std::uint8_t { kChatCompletions, kCompletions, kModels, kModel, kTokenize, kDetokenize, kHealthz, kReadyz, kOther };
inline constexpr std::size_t kRoutes = 9;
constexpr std::string_view RouteName(Route route) {
  return std::array<std::string_view, kRoutes>{"/v1/chat/completions",
                                               "/v1/completions",
                                               "/v1/models",
                                               "/v1/models/{id}",
                                               "/tokenize",
                                               "/detokenize",
                                               "/healthz",
                                               "/readyz",
                                               "other"}[static_cast<std::size_t>(route)];
}

// How often each route answered with each status. Any thread.
class RouteCounters {
 public:
  static constexpr std::array<int, 17> kCodes{200, 204, 400, 401, 403, 404, 405, 408, 413, 415, 417, 429, 431, 499, 500, 501, 503};

  void Count(Route route, int code);
  std::uint64_t Read(Route route, int code) const;

 private:
  static std::size_t IndexOf(int code);
  std::array<std::array<std::atomic<std::uint64_t>, kCodes.size()>, kRoutes> counts_{};
};

// What a reload can change.
struct ApiSettings {
  Duration deadline = std::chrono::seconds(60);
  std::array<bool, engine::kPriorities> priorities{true, true, true};
  double sample = 1;        // share of requests whose trace is exported
  bool keep_texts = false;  // calls remember prompt and answer, for CallEnd
};

// What the log wants to know of a call that has ended.
struct CallEnd {
  Route route = Route::kOther;
  const engine::RequestRecord* record = nullptr;  // generation endpoints only
  std::string_view method = {};
  std::string_view path = {};
  std::string_view request_id = {};
  std::string_view peer = {};
  std::string_view user = {};        // the field of the body
  std::string_view message = {};     // why it was refused or failed; empty when it was not
  std::string_view shed_point = {};  // which admission point refused
  int status = 0;
  Duration duration{};
  std::string_view trace_id = {};
  std::string_view user_agent = {};
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::string_view prompt = {};  // only where ApiSettings::keep_texts said so
  std::string_view answer = {};
};

struct ApiParts {
  const Clock& clock;
  engine::Ledger& ledger;
  const Lifecycle& lifecycle;
  const Admission& admission;
  const ServedModels& models;
  const SharedValue<ApiSettings>& settings;
  RouteCounters& counters;
  OpenCalls* open_calls = nullptr;                  // where generation requests are listed while they are inside
  std::function<void(const CallEnd&)> on_end = {};  // from any thread; must not throw
};

class Call;

class Api {
 public:
  explicit Api(ApiParts parts) : parts_(std::move(parts)) {}
  const ApiParts& parts() const { return parts_; }
  // Never null.
  std::unique_ptr<Call> Begin(RequestHead head) const;

 private:
  ApiParts parts_;
};

class Call {
 public:
  Call(const ApiParts& parts, RequestHead head);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  // The engine must have let go: Start was not called, gave an answer, or Poll has said `ended`.
  ~Call();

  const RequestHead& head() const { return head_; }
  bool is_head_method() const { return head_.method == "HEAD"; }

  std::optional<HttpResponse> Refusal();
  std::optional<HttpResponse> Start(const std::string& body);

  // Faults that the connection found.
  HttpResponse Fault(int status, std::string message, std::string code, engine::RefusalReason reason = engine::RefusalReason::kInvalid);
  // Too many large bodies at once, or too many bytes of bodies.
  HttpResponse Overloaded();

  // Whether the engine has not yet let go.
  bool pending() const;

  // As OutputStream::OnReady.
  void OnReady(std::function<void()> wake);
  struct Part {
    std::optional<HttpResponse> head;  // once: the whole answer, or the status and headers of a stream
    bool streaming = false;            // what follows comes in pieces
    std::string data;                  // the next piece of a stream
    bool answered = false;             // nothing follows for the client, but the engine has not let go: Poll on until it has
    bool ended = false;                // nothing follows, and the engine has let go
  };
  Part Poll();
  // When Poll has an answer even if the engine makes none: an engine looks at deadlines between its steps, and one that stands still or is
  // in a long step does not. MonotonicTime::max() when there is nothing to wait for.
  MonotonicTime AnswerDue() const;
  // Before Start, or while the engine works.
  void ClientGone();
  // The client did not take the answer, or its connection broke while it was written: it is recorded as gone, whatever Poll said.
  void ClientLost() { client_lost_ = true; }

  // What went over the wire, before the call is destroyed.
  void Wrote(std::uint64_t bytes_in, std::uint64_t bytes_out) {
    bytes_in_ = bytes_in;
    bytes_out_ = bytes_out;
  }

 private:
  struct Work;

  HttpResponse Finish(HttpResponse response);  // adds what every answer carries
  HttpResponse Answer(const ApiError& error);
  std::optional<HttpResponse> Generate(const std::string& body);
  ApiResult<std::shared_ptr<engine::Request>> Prepare(const std::string& body, AnswerOptions& options, const ServedModel*& model);
  ApiResult<const ServedModel*> FindModel(const std::string& name, bool required);
  ApiResult<MonotonicTime> Deadline() const;
  HttpResponse Models();
  HttpResponse OneModel();
  HttpResponse Tokenize(const std::string& body);
  HttpResponse Detokenize(const std::string& body);
  HttpResponse Health(bool readiness_only);
  void Settle();  // after the engine has let go: the outcome

  const ApiParts& parts_;
  RequestHead head_;
  Route route_ = Route::kOther;
  std::string model_id_;  // of /v1/models/{id}
  std::string request_id_;
  TraceContext trace_;
  std::string user_;
  std::string message_;
  std::string prompt_;  // as ApiSettings::keep_texts says
  std::string answer_;
  std::string_view shed_point_;
  int status_ = 0;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  bool client_lost_ = false;
  std::optional<OpenCalls::Entry> open_;
  std::unique_ptr<RequestBooks> books_;  // generation endpoints only
  std::unique_ptr<Work> work_;           // from Submit on
};

}  // namespace inferd::daemon
