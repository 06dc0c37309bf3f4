// Errors of the API in OpenAI's shape: {"error": {"message", "type", "param", "code"}}. Plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "daemon/api/http.h"
#include "runtime/engine/records.h"

namespace inferd::daemon {

struct ApiError {
  int status = 400;
  std::string message = {};
  std::string param = {};  // the parameter at fault, empty for none
  std::string code = {};   // empty for none
  engine::RefusalReason reason = engine::RefusalReason::kInvalid;
  Duration retry_after{};  // 0: no Retry-After

  bool operator==(const ApiError&) const = default;
};

template <typename T = void>
using ApiResult = tl::expected<T, ApiError>;

// A 400 that names the parameter.
inline tl::unexpected<ApiError> BadParam(std::string param, std::string message, std::string code = "invalid_value") {
  return tl::unexpected<ApiError>(
      ApiError{.status = 400, .message = std::move(message), .param = std::move(param), .code = std::move(code)});
}

// "invalid_request_error" and so on, as OpenAI uses them for the status.
std::string_view ErrorType(int status);

// {"error": ...}
std::string ErrorBody(const ApiError& error);

// Retry-After is in whole seconds, rounded up, at least 1.
HttpResponse ToResponse(const ApiError& error);

// What an admission refusal means to the client. Retrying does not help when retry_after is 0 and the reason is kKv: that is a 400.
ApiError FromRefusal(engine::RefusalReason reason, std::string message, Duration retry_after);

}  // namespace inferd::daemon

#define INFERD_API_RETURN_IF_ERROR(expr)                                                 \
  do {                                                                                   \
    if (auto api_result_ = (expr); !api_result_) {                                       \
      return tl::unexpected<::inferd::daemon::ApiError>(std::move(api_result_).error()); \
    }                                                                                    \
  } while (false)
