// The bodies of the four endpoints that take one; the first byte chooses which. Whatever the bytes are: a value in range, or a 400 whose
// JSON is sound.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "daemon/api/params.h"

using inferd::daemon::ApiError;
using inferd::daemon::GenerationBody;

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckError(const ApiError& error) {
  Require(error.status == 400 && !error.message.empty());
  const auto body = nlohmann::json::parse(inferd::daemon::ErrorBody(error));
  Require(body["error"]["message"].is_string());
}

void CheckGeneration(const GenerationBody& body) {
  const auto& s = body.sampling;
  Require(s.temperature >= 0 && s.temperature <= 2);
  Require(s.top_p > 0 && s.top_p <= 1);
  Require(s.top_k >= 0);
  Require(s.min_p >= 0 && s.min_p < 1);
  Require(std::abs(s.presence_penalty) <= 2 && std::abs(s.frequency_penalty) <= 2);
  Require(s.repetition_penalty > 0 && s.repetition_penalty <= 2);
  Require(s.logprobs >= -1 && s.logprobs <= inferd::daemon::kMaxLogprobs);
  Require(body.n >= 1 && body.n <= inferd::daemon::kMaxChoices);
  Require(!body.max_tokens || *body.max_tokens >= 1);
  Require(body.stop.size() <= inferd::daemon::kMaxStops);
  for (const std::string& stop : body.stop) Require(!stop.empty());
  for (const auto& [id, bias] : body.logit_bias) Require(id >= 0 && std::abs(bias) <= 100);
  Require(!body.messages.empty() || !body.texts.empty() || !body.token_prompts.empty());
  // The parts that need a model take whatever came this far.
  for (const auto& ids : body.token_prompts) (void)inferd::daemon::BindTokens("prompt", ids, 1000);
  (void)inferd::daemon::BindLogitBias(body, 1000);
  const auto tokens = inferd::daemon::BindMaxTokens(body, 10, 100);
  Require(!tokens || (*tokens >= 1 && *tokens <= 100));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto check = [](const auto& result) {
    if (!result) CheckError(result.error());
  };
  switch (data[0] % 4) {
    case 0:
    case 1: {
      const auto body = data[0] % 4 == 0 ? inferd::daemon::ParseChatBody(text) : inferd::daemon::ParseCompletionBody(text);
      check(body);
      if (body) CheckGeneration(*body);
      break;
    }
    case 2: check(inferd::daemon::ParseTokenizeBody(text)); break;
    default: check(inferd::daemon::ParseDetokenizeBody(text)); break;
  }
  return 0;
}
