// The bodies of the generation endpoints, turned into native values. Two steps: what can be judged from the body alone, then what
// needs the model (vocabulary, context). Every fault is a 400 that names the parameter, the value and what is allowed. Nothing is
// ignored: a parameter that is not known is refused, one that is known but not supported is refused unless its value means "not used".
// Pure functions.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/api/error.h"
#include "runtime/engine/request.h"
#include "runtime/model/chat_template.h"
#include "runtime/model/token.h"

namespace inferd::daemon {

inline constexpr int kMaxChoices = 8;   // n
inline constexpr int kMaxPrompts = 64;  // prompts of one request
inline constexpr int kMaxStops = 4;
inline constexpr std::size_t kMaxStopBytes = 1024;
inline constexpr int kMaxLogprobs = 20;
inline constexpr std::size_t kMaxMessages = 4096;

struct GenerationBody {
  std::string model;
  bool stream = false;
  bool include_usage = false;
  int n = 1;
  std::optional<std::int64_t> max_tokens;
  std::string max_tokens_param = "max_tokens";  // as the caller spelled it
  engine::SamplingParams sampling;              // logit_bias and seed apart
  std::optional<std::uint64_t> seed;
  std::vector<std::pair<std::int64_t, float>> logit_bias;  // ids not yet compared with a vocabulary
  std::vector<std::string> stop;
  bool ignore_eos = false;
  std::optional<engine::Priority> priority;
  std::string user;

  std::vector<model::ChatMessage> messages;              // chat
  std::vector<std::string> texts;                        // completions: either texts
  std::vector<std::vector<std::int64_t>> token_prompts;  // or token ids, not yet compared with a vocabulary
};

ApiResult<GenerationBody> ParseChatBody(std::string_view body);
ApiResult<GenerationBody> ParseCompletionBody(std::string_view body);

struct TokenizeBody {
  std::string model;  // may be empty: the only one
  std::string text;
  bool add_special = true;
  bool parse_special = false;
};
ApiResult<TokenizeBody> ParseTokenizeBody(std::string_view body);

struct DetokenizeBody {
  std::string model;
  std::vector<std::int64_t> tokens;
  bool show_special = true;
};
ApiResult<DetokenizeBody> ParseDetokenizeBody(std::string_view body);

// The parts that need the model.
ApiResult<std::vector<std::pair<model::TokenId, float>>> BindLogitBias(const GenerationBody& body, std::size_t vocab_size);
ApiResult<std::vector<model::TokenId>> BindTokens(std::string_view param, const std::vector<std::int64_t>& ids, std::size_t vocab_size);
// Tokens per choice: what was asked for, or the rest of the context. `longest_prompt` tokens are in the longest prompt.
ApiResult<int> BindMaxTokens(const GenerationBody& body, std::size_t longest_prompt, int context);

}  // namespace inferd::daemon
