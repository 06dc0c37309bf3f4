// What several views compute from a request's record, once. Pure.
#pragma once

#include <algorithm>
#include <optional>

#include "runtime/engine/records.h"

namespace inferd::metrics {

constexpr bool Successful(engine::Outcome outcome) {
  return outcome == engine::Outcome::kOk || outcome == engine::Outcome::kLength || outcome == engine::Outcome::kStop;
}

// Mean gap between the tokens of one choice, in seconds: choices are generated side by side. Of answers that are complete and have more
// than one token; nothing for others.
inline std::optional<double> TimePerOutputToken(const engine::RequestRecord& record) {
  const std::uint32_t tokens = record.generated_tokens / std::max(record.choices, 1U);
  if (!Successful(record.outcome) || tokens < 2) return std::nullopt;
  return ToSeconds(record.last_token - record.first_token) / (tokens - 1);
}

}  // namespace inferd::metrics
