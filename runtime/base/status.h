// The one error vocabulary of the project. A Status says what went wrong in a closed set of codes (they are also metric
// labels and map to HTTP statuses) and in one sentence for people. Functions that can fail return Result<T>; exceptions do
// not cross folders. Plain values, safe to copy between threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace inferd {

enum class Code : std::uint8_t {
  kInvalidArgument,    // the caller's input is malformed or out of range
  kNotFound,           // a named thing does not exist
  kUnsupported,        // well-formed, but not something this build or this model can do
  kCorrupt,            // a file breaks its own format
  kIo,                 // the operating system refused
  kResourceExhausted,  // a bound was reached: queue, memory, KV cache
  kDeadlineExceeded,
  kCancelled,
  kUnavailable,  // not now: loading, draining
  kInternal,     // a bug
};

// Stable lower-case name, e.g. "invalid_argument": used in logs and as a label value.
constexpr std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return "invalid_argument";
    case Code::kNotFound: return "not_found";
    case Code::kUnsupported: return "unsupported";
    case Code::kCorrupt: return "corrupt";
    case Code::kIo: return "io";
    case Code::kResourceExhausted: return "resource_exhausted";
    case Code::kDeadlineExceeded: return "deadline_exceeded";
    case Code::kCancelled: return "cancelled";
    case Code::kUnavailable: return "unavailable";
    case Code::kInternal: return "internal";
  }
  return "internal";
}

struct Status {
  Code code = Code::kInternal;
  std::string message;

  bool operator==(const Status&) const = default;
};

template <typename T = void>
using Result = tl::expected<T, Status>;

inline tl::unexpected<Status> Error(Code code, std::string message) { return tl::unexpected<Status>(Status{code, std::move(message)}); }

}  // namespace inferd

// Leaves the enclosing function with the error of `expr`, if it has one.
#define INFERD_RETURN_IF_ERROR(expr)                                              \
  do {                                                                            \
    if (auto inferd_result_ = (expr); !inferd_result_) {                          \
      return tl::unexpected<::inferd::Status>(std::move(inferd_result_).error()); \
    }                                                                             \
  } while (false)

// NOLINTBEGIN(bugprone-macro-parentheses): `lhs` is a declaration.
// INFERD_ASSIGN_OR_RETURN(auto x, F()): x gets the value, or the enclosing function returns the error.
#define INFERD_CONCAT_INNER(a, b) a##b
#define INFERD_CONCAT(a, b) INFERD_CONCAT_INNER(a, b)
#define INFERD_ASSIGN_OR_RETURN(lhs, expr) INFERD_ASSIGN_OR_RETURN_IMPL(INFERD_CONCAT(inferd_result_, __LINE__), lhs, expr)
#define INFERD_ASSIGN_OR_RETURN_IMPL(result, lhs, expr)                            \
  auto result = (expr);                                                            \
  if (!result) return tl::unexpected<::inferd::Status>(std::move(result).error()); \
  lhs = std::move(*result)
// NOLINTEND(bugprone-macro-parentheses)
