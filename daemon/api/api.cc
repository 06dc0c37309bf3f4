#include "daemon/api/api.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/api/percent.h"
#include "daemon/api/work.h"

namespace inferd::daemon {
namespace {

struct RouteRow {
  std::string_view path;
  Route route;
  std::string_view method;
};
constexpr std::array kTable{
    RouteRow{"/v1/chat/completions", Route::kChatCompletions, "POST"},
    RouteRow{"/v1/completions", Route::kCompletions, "POST"},
    RouteRow{"/v1/models", Route::kModels, "GET"},
    RouteRow{"/tokenize", Route::kTokenize, "POST"},
    RouteRow{"/detokenize", Route::kDetokenize, "POST"},
    RouteRow{"/healthz", Route::kHealthz, "GET"},
    RouteRow{"/readyz", Route::kReadyz, "GET"},
};
constexpr std::string_view kModelPrefix = "/v1/models/";

std::string_view MethodOf(Route route) {
  const auto row = std::find_if(kTable.begin(), kTable.end(), [&](const RouteRow& r) { return r.route == route; });
  return row == kTable.end() ? "GET" : row->method;
}

bool IsGeneration(Route route) { return route == Route::kChatCompletions || route == Route::kCompletions; }

std::string AllowOf(std::string_view method) { return method == "GET" ? "GET, HEAD, OPTIONS" : "POST, OPTIONS"; }

}  // namespace

std::size_t RouteCounters::IndexOf(int code) {
  const auto found = std::find(kCodes.begin(), kCodes.end(), code);
  // A status that is not in the list is one of ours that somebody forgot to add: count it as a server error rather than not at all.
  return static_cast<std::size_t>((found == kCodes.end() ? std::find(kCodes.begin(), kCodes.end(), 500) : found) - kCodes.begin());
}

void RouteCounters::Count(Route route, int code) {
  counts_[static_cast<std::size_t>(route)][IndexOf(code)].fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t RouteCounters::Read(Route route, int code) const {
  return counts_[static_cast<std::size_t>(route)][IndexOf(code)].load(std::memory_order_relaxed);
}

std::unique_ptr<Call> Api::Begin(RequestHead head) const { return std::make_unique<Call>(parts_, std::move(head)); }

Call::Call(const ApiParts& parts, RequestHead head) : parts_(parts), head_(std::move(head)) {
  for (const RouteRow& row : kTable) {
    if (row.path == head_.path) route_ = row.route;
  }
  if (route_ == Route::kOther && head_.path.starts_with(kModelPrefix) && head_.path.size() > kModelPrefix.size()) {
    route_ = Route::kModel;
    model_id_ = PercentDecode(std::string_view(head_.path).substr(kModelPrefix.size()));
  }

  const std::string_view id = head_.Find("x-request-id");
  request_id_ = IsSaneRequestId(id) ? std::string(id) : NewRequestId();
  // Two of them are no better than a malformed one, as in the test suite of W3C Trace Context (test_traceparent_duplicated).
  const auto parents = std::count_if(head_.headers.begin(), head_.headers.end(), [](const auto& h) { return h.name == "traceparent"; });
  const auto parent = parents == 1 ? ParseTraceparent(head_.Find("traceparent")) : std::nullopt;
  trace_ = parent ? *parent : NewTrace();
  // A caller may ask to be left out. What is exported it cannot decide: neither by its flag nor by the choice of its trace id.
  trace_.sampled = trace_.sampled && Sampled(parts_.settings.Get()->sample, RandomNumber());

  if (IsGeneration(route_) && head_.method == "POST") {
    engine::RequestRecord record;
    record.id = std::string_view(request_id_);
    record.trace_id = std::string_view(trace_.trace_id);
    record.span_id = std::string_view(trace_.span_id);
    record.parent_span_id = std::string_view(trace_.parent_span_id);
    record.sampled = trace_.sampled;
    record.client = std::string_view(head_.peer);
    record.user_agent = head_.Find("user-agent");
    record.endpoint = route_ == Route::kCompletions ? engine::Endpoint::kCompletions : engine::Endpoint::kChatCompletions;
    record.received = head_.received;
    record.received_wall = head_.received_wall;
    // Refused before it could name a model: with one model it was meant for that one.
    const std::uint16_t likely = parts_.models.size() == 1 ? std::uint16_t{0} : parts_.ledger.other_model();
    if (parts_.open_calls != nullptr) {
      open_.emplace(*parts_.open_calls, OpenCalls::Facts{.request_id = request_id_,
                                                         .trace_id = trace_.trace_id,
                                                         .span_id = trace_.span_id,
                                                         .client = head_.peer,
                                                         .endpoint = record.endpoint,
                                                         .received = head_.received,
                                                         .received_wall = head_.received_wall});
    }
    books_ = std::make_unique<RequestBooks>(parts_.ledger, likely, record);
    books_->Ended(engine::Outcome::kCancelled, 499);  // until there is an answer, only the client's going can end it
  }
}

HttpResponse Call::Finish(HttpResponse response) {
  response.Set("X-Request-Id", request_id_);
  response.Set("traceparent", FormatTraceparent(trace_));
  status_ = response.status;
  return response;
}

HttpResponse Call::Answer(const ApiError& error) {
  message_ = error.message;
  if (books_) {
    books_->Open();
    if (error.status == 408) {
      books_->Ended(engine::Outcome::kExpired, error.status);
    } else if (error.status >= 500 && error.reason == engine::RefusalReason::kInvalid) {
      books_->Ended(engine::Outcome::kFailed, error.status);
    } else {
      books_->Refused(error.reason, error.status);
    }
  }
  return Finish(ToResponse(error));
}

HttpResponse Call::Fault(int status, std::string message, std::string code, engine::RefusalReason reason) {
  return Answer(ApiError{.status = status, .message = std::move(message), .code = std::move(code), .reason = reason});
}

HttpResponse Call::Overloaded() {
  shed_point_ = "memory";
  return Answer(ApiError{.status = 503,
                         .message = "the server is busy with other large requests",
                         .code = "service_unavailable",
                         .reason = engine::RefusalReason::kQueueFull,
                         .retry_after = std::chrono::seconds(1)});
}

std::optional<HttpResponse> Call::Refusal() {
  if (route_ == Route::kOther) {
    return Answer(ApiError{.status = 404, .message = "there is nothing at " + head_.path.substr(0, 200), .code = "unknown_url"});
  }
  const std::string_view method = MethodOf(route_);
  if (head_.method == "OPTIONS") {
    HttpResponse response;
    response.status = 204;
    response.content_type.clear();
    response.Set("Allow", AllowOf(method));
    return Finish(std::move(response));
  }
  if (head_.method != method && !(method == "GET" && is_head_method())) {
    HttpResponse response = ToResponse(ApiError{
        .status = 405,
        .message = head_.path.substr(0, 200) + " does not take " + head_.method.substr(0, 20) + "; allowed: " + std::string(method),
        .code = "method_not_allowed"});
    response.Set("Allow", AllowOf(method));
    message_ = "method not allowed";
    return Finish(std::move(response));
  }
  if (route_ == Route::kHealthz || route_ == Route::kReadyz) return std::nullopt;  // open to everybody

  Candidate candidate{.head = head_, .generation = books_ != nullptr};
  auto refused = parts_.admission.Ask(candidate);
  if (candidate.holder && books_) books_->record().tenant = std::string_view(candidate.holder->name);
  if (!refused) return std::nullopt;
  shed_point_ = refused->point;
  return Answer(refused->error);
}

std::optional<HttpResponse> Call::Start(const std::string& body) {
  switch (route_) {
    case Route::kChatCompletions:
    case Route::kCompletions: return Generate(body);
    case Route::kModels: return Models();
    case Route::kModel: return OneModel();
    case Route::kTokenize: return Tokenize(body);
    case Route::kDetokenize: return Detokenize(body);
    case Route::kHealthz: return Health(false);
    case Route::kReadyz: return Health(true);
    case Route::kOther: break;
  }
  return Fault(500, "no handler", "internal_error");
}

}  // namespace inferd::daemon
