// JSON of request bodies, read with limits: whole and valid UTF-8, no NUL, nesting of at most kMaxDepth, at most kMaxValues values. Of a
// duplicate key the last one counts. Errors are 400s that name the parameter being read where there is one.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "daemon/api/error.h"

namespace inferd::daemon {

inline constexpr std::size_t kMaxDepth = 64;
inline constexpr std::size_t kMaxValues = 1'000'000;

// A JSON object; anything else at the top is an error.
ApiResult<nlohmann::json> ParseJsonObject(std::string_view body);

// What a parameter may be, for messages: "0 to 2". Empty when `param` is not one of the numbers.
std::string_view AllowedNumber(std::string_view param);

}  // namespace inferd::daemon
