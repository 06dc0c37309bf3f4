#include "daemon/api/error.h"

#include <chrono>

#include "logging/json.h"

namespace inferd::daemon {

using engine::RefusalReason;

std::string_view ErrorType(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 408: return "timeout_error";
    case 429: return "rate_limit_error";
    case 503: return "service_unavailable";
    default: return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

std::string ErrorBody(const ApiError& error) {
  std::string body = R"({"error":{"message":)";
  logging::AppendJsonString(error.message, body);
  body += R"(,"type":)";
  logging::AppendJsonString(ErrorType(error.status), body);
  const auto or_null = [&body](std::string_view name, std::string_view text) {
    body += name;
    if (text.empty()) {
      body += "null";
    } else {
      logging::AppendJsonString(text, body);
    }
  };
  or_null(R"(,"param":)", error.param);
  or_null(R"(,"code":)", error.code);
  return body + "}}";
}

HttpResponse ToResponse(const ApiError& error) {
  HttpResponse response;
  response.status = error.status;
  response.body = ErrorBody(error);
  if (error.retry_after > Duration::zero()) {
    response.Set("Retry-After", std::to_string(std::chrono::ceil<std::chrono::seconds>(error.retry_after).count()));
  }
  if (error.status == 401) response.Set("WWW-Authenticate", "Bearer realm=\"inferd\"");
  return response;
}

ApiError FromRefusal(RefusalReason reason, std::string message, Duration retry_after) {
  ApiError error{.message = std::move(message), .reason = reason, .retry_after = retry_after};
  const auto at_least_a_second = [&error] {
    if (error.retry_after < std::chrono::seconds(1)) error.retry_after = std::chrono::seconds(1);
  };
  switch (reason) {
    case RefusalReason::kDraining:
    case RefusalReason::kLoading:
      error.status = 503;
      error.code = "service_unavailable";
      at_least_a_second();
      break;
    case RefusalReason::kUnauthorized:
      error.status = 401;
      error.code = "invalid_api_key";
      break;
    case RefusalReason::kForbidden:
      error.status = 403;
      error.code = "insufficient_permissions";
      break;
    case RefusalReason::kRate:
    case RefusalReason::kBudget:
    case RefusalReason::kQueueFull:
    case RefusalReason::kDeadline:
      error.status = 429;
      error.code = reason == RefusalReason::kBudget ? "insufficient_quota" : "rate_limit_exceeded";
      at_least_a_second();
      break;
    case RefusalReason::kKv:
      error.status = retry_after > Duration::zero() ? 429 : 400;
      error.code = retry_after > Duration::zero() ? "rate_limit_exceeded" : "context_length_exceeded";
      break;
    case RefusalReason::kTooLarge:
      error.status = 413;
      error.code = "request_too_large";
      break;
    case RefusalReason::kInvalid:
    case RefusalReason::kNone:
      error.status = 400;
      error.code = "invalid_value";
      break;
  }
  return error;
}

}  // namespace inferd::daemon
