#include "daemon/api/params.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "daemon/api/json.h"

namespace inferd::daemon {
namespace {

using Json = nlohmann::json;

constexpr double kInt64Max = 9223372036854775807.0;

struct NumberParam {
  std::string_view name;
  double min;
  bool min_excluded;
  double max;
  bool max_excluded;
  bool integer;
  std::string_view allowed;
};

// The numbers of the generation endpoints and their ranges.
constexpr std::array kNumbers{
    NumberParam{"temperature", 0, false, 2, false, false, "0 to 2"},
    NumberParam{"top_p", 0, true, 1, false, false, "greater than 0, up to 1"},
    NumberParam{"top_k", 0, false, std::numeric_limits<int>::max(), false, true, "an integer from 0 (off) up"},
    NumberParam{"min_p", 0, false, 1, true, false, "0 to less than 1"},
    NumberParam{"presence_penalty", -2, false, 2, false, false, "-2 to 2"},
    NumberParam{"frequency_penalty", -2, false, 2, false, false, "-2 to 2"},
    NumberParam{"repetition_penalty", 0, true, 2, false, false, "greater than 0, up to 2"},
    NumberParam{"n", 1, false, kMaxChoices, false, true, "an integer from 1 to 8"},
    NumberParam{"max_tokens", 1, false, std::numeric_limits<int>::max(), false, true, "an integer from 1 to the context of the model"},
    NumberParam{"max_completion_tokens", 1, false, std::numeric_limits<int>::max(), false, true,
                "an integer from 1 to the context of the model"},
    NumberParam{"top_logprobs", 0, false, kMaxLogprobs, false, true, "an integer from 0 to 20"},
    NumberParam{"logprobs", 0, false, kMaxLogprobs, false, true, "an integer from 0 to 20"},
    NumberParam{"seed", -kInt64Max, false, kInt64Max, false, true, "an integer of at most 64 bits"},
    NumberParam{"logit_bias", -100, false, 100, false, false, "-100 to 100"},
};

const NumberParam& FindNumber(std::string_view name) {
  return *std::find_if(kNumbers.begin(), kNumbers.end(), [&](const NumberParam& p) { return p.name == name; });
}

std::string Show(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) {
    std::size_t cut = 57;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
    text = text.substr(0, cut) + "...";
  }
  return text;
}

tl::unexpected<ApiError> Wrong(const std::string& param, const Json& value, std::string_view allowed) {
  return BadParam(param, param + " is " + Show(value) + "; allowed: " + std::string(allowed));
}

ApiResult<double> ToNumber(const std::string& param, const Json& value, const NumberParam& range) {
  if (!value.is_number()) return Wrong(param, value, range.allowed);
  const double number = value.get<double>();
  const bool low = range.min_excluded ? number <= range.min : number < range.min;
  const bool high = range.max_excluded ? number >= range.max : number > range.max;
  if (!std::isfinite(number) || low || high || (range.integer && number != std::floor(number))) return Wrong(param, value, range.allowed);
  return number;
}

ApiResult<bool> ToBool(const std::string& param, const Json& value) {
  if (!value.is_boolean()) return Wrong(param, value, "true or false");
  return value.get<bool>();
}

ApiResult<std::string> ToText(const std::string& param, const Json& value) {
  if (!value.is_string()) return Wrong(param, value, "a string");
  return value.get<std::string>();
}

// A parameter that is known but not supported, and the values of it that change nothing.
struct Unsupported {
  std::string_view name;
  bool (*harmless)(const Json& value, const GenerationBody& body);
};
bool Never(const Json&, const GenerationBody&) { return false; }
bool IsFalse(const Json& v, const GenerationBody&) { return v == false; }
bool IsEmptyArray(const Json& v, const GenerationBody&) { return v.is_array() && v.empty(); }
bool IsEmptyObject(const Json& v, const GenerationBody&) { return v.is_object() && v.empty(); }
bool IsNone(const Json& v, const GenerationBody&) { return v == "none"; }
bool IsZero(const Json& v, const GenerationBody&) { return v.is_number() && v == 0; }

constexpr std::array kUnsupported{
    Unsupported{"audio", Never},
    Unsupported{"best_of", [](const Json& v, const GenerationBody& b) { return v.is_number_integer() && v == b.n; }},
    Unsupported{"chat_template", Never},
    Unsupported{"chat_template_kwargs", IsEmptyObject},
    Unsupported{"continue_final_message", IsFalse},
    Unsupported{"add_generation_prompt", [](const Json& v, const GenerationBody&) { return v == true; }},
    Unsupported{"echo", IsFalse},
    Unsupported{"function_call", IsNone},
    Unsupported{"functions", IsEmptyArray},
    Unsupported{"grammar", Never},
    Unsupported{"guided_json", Never},
    Unsupported{"length_penalty", [](const Json& v, const GenerationBody&) { return v.is_number() && v == 1; }},
    Unsupported{"metadata", IsEmptyObject},
    Unsupported{"min_tokens", IsZero},
    Unsupported{"modalities", [](const Json& v, const GenerationBody&) { return v == Json::array({"text"}); }},
    Unsupported{"parallel_tool_calls", [](const Json& v, const GenerationBody&) { return v.is_boolean(); }},
    Unsupported{"prediction", Never},
    Unsupported{"reasoning_effort", Never},
    Unsupported{"response_format",
                [](const Json& v, const GenerationBody&) {
                  return v == Json{{"type", "text"}};
                }},
    Unsupported{"service_tier", [](const Json& v, const GenerationBody&) { return v == "auto" || v == "default"; }},
    Unsupported{"skip_special_tokens", [](const Json& v, const GenerationBody&) { return v == true; }},
    Unsupported{"stop_token_ids", IsEmptyArray},
    Unsupported{"store", IsFalse},
    Unsupported{"suffix", [](const Json& v, const GenerationBody&) { return v == ""; }},
    Unsupported{"tool_choice", [](const Json& v, const GenerationBody&) { return v == "none" || v == "auto"; }},
    Unsupported{"tools", IsEmptyArray},
    Unsupported{"use_beam_search", IsFalse},
    Unsupported{"verbosity", Never},
    Unsupported{"web_search_options", Never},
};

ApiResult<> ParseStop(const Json& value, GenerationBody& out) {
  const auto one = [&out](const std::string& param, const Json& item) -> ApiResult<> {
    if (!item.is_string() || item.get_ref<const std::string&>().empty() || item.get_ref<const std::string&>().size() > kMaxStopBytes) {
      return Wrong(param, item, "a string of 1 to 1024 bytes");
    }
    out.stop.push_back(item.get<std::string>());
    return {};
  };
  if (!value.is_array()) return one("stop", value);
  if (value.size() > kMaxStops) {
    return BadParam("stop", "stop has " + std::to_string(value.size()) + " strings; allowed: up to " + std::to_string(kMaxStops));
  }
  for (std::size_t i = 0; i < value.size(); ++i) INFERD_API_RETURN_IF_ERROR(one("stop[" + std::to_string(i) + "]", value[i]));
  return {};
}

ApiResult<> ParseLogitBias(const Json& value, GenerationBody& out) {
  if (!value.is_object()) return Wrong("logit_bias", value, "an object of token ids and numbers from -100 to 100");
  for (const auto& [key, bias] : value.items()) {
    const bool digits = !key.empty() && key.size() <= 10 && key.find_first_not_of("0123456789") == std::string::npos;
    if (!digits) return BadParam("logit_bias", "logit_bias has the key " + Show(key) + "; allowed: token ids");
    auto number = ToNumber("logit_bias." + key, bias, FindNumber("logit_bias"));
    if (!number) return tl::unexpected<ApiError>(std::move(number).error());
    out.logit_bias.emplace_back(std::stoll(key), static_cast<float>(*number));
  }
  return {};
}

ApiResult<> ParseStreamOptions(const Json& value, GenerationBody& out) {
  if (!value.is_object()) return Wrong("stream_options", value, "an object such as {\"include_usage\": true}");
  for (const auto& [key, option] : value.items()) {
    const std::string param = "stream_options." + key;
    if (key == "include_usage") {
      auto flag = ToBool(param, option);
      if (!flag) return tl::unexpected<ApiError>(std::move(flag).error());
      out.include_usage = *flag;
    } else if (key != "include_obfuscation" || option != false) {
      return BadParam(param, param + " is not supported; allowed: include_usage", "unsupported_parameter");
    }
  }
  return {};
}

ApiResult<> ParsePriority(const Json& value, GenerationBody& out) {
  for (std::size_t i = 0; i < engine::kPriorities; ++i) {
    const auto priority = static_cast<engine::Priority>(i);
    if (value == std::string(engine::PriorityName(priority))) {
      out.priority = priority;
      return {};
    }
  }
  return Wrong("priority", value, "\"interactive\", \"normal\" or \"batch\"");
}

// A message's content: text, or an array of text parts, which are joined as they are.
ApiResult<std::string> ParseContent(const std::string& param, const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return Wrong(param, value, "a string or an array of parts {\"type\": \"text\", \"text\": ...}");
  std::string text;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string part_param = param + "[" + std::to_string(i) + "]";
    const Json& part = value[i];
    if (!part.is_object() || !part.contains("type")) return Wrong(part_param, part, "a part {\"type\": \"text\", \"text\": ...}");
    if (part["type"] != "text")
      return BadParam(part_param + ".type", part_param + ".type is " + Show(part["type"]) + "; this model reads text only");
    if (!part.contains("text") || !part["text"].is_string()) return BadParam(part_param + ".text", part_param + ".text must be a string");
    for (const auto& [key, unused] : part.items()) {
      if (key != "type" && key != "text")
        return BadParam(part_param + "." + key, part_param + "." + key + " is not supported", "unsupported_parameter");
    }
    text += part["text"].get_ref<const std::string&>();
  }
  return text;
}

ApiResult<> ParseMessages(const Json& value, GenerationBody& out) {
  if (!value.is_array() || value.empty())
    return Wrong("messages", value, "an array of at least one message {\"role\": ..., \"content\": ...}");
  if (value.size() > kMaxMessages)
    return BadParam("messages", "messages has " + std::to_string(value.size()) + " entries; allowed: up to 4096");
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string param = "messages[" + std::to_string(i) + "]";
    const Json& message = value[i];
    if (!message.is_object()) return Wrong(param, message, "an object {\"role\": ..., \"content\": ...}");
    for (const auto& [key, field] : message.items()) {
      // Thoughts of earlier turns are given back by many clients; every template drops them, so they may come.
      const bool known = key == "role" || key == "content" || (key == "reasoning_content" && field.is_string());
      const bool nothing = field.is_null() || (field.is_array() && field.empty());
      if (!known && !nothing) return BadParam(param + "." + key, param + "." + key + " is not supported", "unsupported_parameter");
    }
    if (!message.contains("role") || !message["role"].is_string())
      return BadParam(param + ".role", param + ".role must be a string: system, user or assistant");
    if (!message.contains("content")) return BadParam(param + ".content", param + ".content is missing");
    auto content = ParseContent(param + ".content", message["content"]);
    if (!content) return tl::unexpected<ApiError>(std::move(content).error());
    out.messages.push_back({message["role"].get<std::string>(), std::move(*content)});
  }
  return {};
}

ApiResult<std::vector<std::int64_t>> ParseTokens(const std::string& param, const Json& value) {
  std::vector<std::int64_t> ids;
  ids.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!value[i].is_number_integer() || (value[i].is_number_unsigned() && value[i].get<std::uint64_t>() > 0x7FFFFFFFU)) {
      return Wrong(param + "[" + std::to_string(i) + "]", value[i], "a token id");
    }
    ids.push_back(value[i].get<std::int64_t>());
  }
  return ids;
}

ApiResult<> ParsePrompt(const Json& value, GenerationBody& out) {
  constexpr std::string_view kAllowed = "a string, an array of strings, an array of token ids, or an array of arrays of token ids";
  if (value.is_string()) {
    out.texts.push_back(value.get<std::string>());
    return {};
  }
  if (!value.is_array() || value.empty()) return Wrong("prompt", value, kAllowed);
  if (value[0].is_number()) {
    auto ids = ParseTokens("prompt", value);
    if (!ids) return tl::unexpected<ApiError>(std::move(ids).error());
    out.token_prompts.push_back(std::move(*ids));
    return {};
  }
  if (value.size() > kMaxPrompts)
    return BadParam("prompt", "prompt has " + std::to_string(value.size()) + " entries; allowed: up to " + std::to_string(kMaxPrompts));
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string param = "prompt[" + std::to_string(i) + "]";
    if (value[i].is_string() && value[0].is_string()) {
      out.texts.push_back(value[i].get<std::string>());
    } else if (value[i].is_array() && value[0].is_array() && !value[i].empty()) {
      auto ids = ParseTokens(param, value[i]);
      if (!ids) return tl::unexpected<ApiError>(std::move(ids).error());
      out.token_prompts.push_back(std::move(*ids));
    } else {
      return Wrong(param, value[i], value[0].is_string() ? "a string, as the first one is" : "an array of at least one token id");
    }
  }
  return {};
}

template <typename T>
ApiResult<> Assign(T& to, ApiResult<T> from) {
  if (!from) return tl::unexpected<ApiError>(std::move(from).error());
  to = std::move(*from);
  return {};
}

// Sets one of the number parameters.
template <typename Store>
ApiResult<> Number(const std::string& name, const Json& value, Store store) {
  auto number = ToNumber(name, value, FindNumber(name));
  if (!number) return tl::unexpected<ApiError>(std::move(number).error());
  store(*number);
  return {};
}

ApiResult<> ParseSeed(const Json& value, GenerationBody& out) {
  if (!value.is_number_integer()) return Wrong("seed", value, FindNumber("seed").allowed);
  out.seed = value.is_number_unsigned() ? value.get<std::uint64_t>() : static_cast<std::uint64_t>(value.get<std::int64_t>());
  return {};
}

// How a parameter is read. `null` anywhere means "not given".
struct Reader {
  std::string_view name;
  bool chat;         // known to chat/completions
  bool completions;  // known to completions
  ApiResult<> (*read)(const Json& value, GenerationBody& out);
};

const std::array kReaders{
    Reader{"model", true, true, [](const Json& v, GenerationBody& o) { return Assign(o.model, ToText("model", v)); }},
    Reader{"messages", true, false, ParseMessages},
    Reader{"prompt", false, true, ParsePrompt},
    Reader{"stream", true, true, [](const Json& v, GenerationBody& o) { return Assign(o.stream, ToBool("stream", v)); }},
    Reader{"stream_options", true, true, ParseStreamOptions},
    Reader{"n", true, true, [](const Json& v, GenerationBody& o) { return Number("n", v, [&o](double x) { o.n = static_cast<int>(x); }); }},
    Reader{"max_tokens", true, true,
           [](const Json& v, GenerationBody& o) {
             return Number("max_tokens", v, [&o](double x) { o.max_tokens = static_cast<std::int64_t>(x); });
           }},
    Reader{"max_completion_tokens", true, false,
           [](const Json& v, GenerationBody& o) {
             return Number("max_completion_tokens", v, [&o](double x) {
               o.max_tokens = static_cast<std::int64_t>(x);
               o.max_tokens_param = "max_completion_tokens";
             });
           }},
    Reader{"temperature", true, true,
           [](const Json& v, GenerationBody& o) {
             return Number("temperature", v, [&o](double x) { o.sampling.temperature = static_cast<float>(x); });
           }},
    Reader{"top_p", true, true,
           [](const Json& v, GenerationBody& o) {
             // The smallest positive doubles are 0 as a float.
             return Number("top_p", v,
                           [&o](double x) { o.sampling.top_p = std::max(static_cast<float>(x), std::numeric_limits<float>::min()); });
           }},
    Reader{"top_k", true, true,
           [](const Json& v, GenerationBody& o) { return Number("top_k", v, [&o](double x) { o.sampling.top_k = static_cast<int>(x); }); }},
    Reader{"min_p", true, true,
           [](const Json& v, GenerationBody& o) {
             // The doubles just under 1 are 1 as a float.
             return Number("min_p", v, [&o](double x) { o.sampling.min_p = std::min(static_cast<float>(x), std::nextafter(1.0F, 0.0F)); });
           }},
    Reader{"presence_penalty", true, true,
           [](const Json& v, GenerationBody& o) {
             return Number("presence_penalty", v, [&o](double x) { o.sampling.presence_penalty = static_cast<float>(x); });
           }},
    Reader{"frequency_penalty", true, true,
           [](const Json& v, GenerationBody& o) {
             return Number("frequency_penalty", v, [&o](double x) { o.sampling.frequency_penalty = static_cast<float>(x); });
           }},
    Reader{"repetition_penalty", true, true,
           [](const Json& v, GenerationBody& o) {
             return Number("repetition_penalty", v, [&o](double x) {
               o.sampling.repetition_penalty = std::max(static_cast<float>(x), std::numeric_limits<float>::min());
             });
           }},
    Reader{"seed", true, true, ParseSeed},
    Reader{"stop", true, true, ParseStop},
    Reader{"logit_bias", true, true, ParseLogitBias},
    Reader{"logprobs", true, false,
           [](const Json& v, GenerationBody& o) -> ApiResult<> {
             auto flag = ToBool("logprobs", v);
             if (!flag) return tl::unexpected<ApiError>(std::move(flag).error());
             if (*flag) o.sampling.logprobs = std::max(o.sampling.logprobs, 0);
             return {};
           }},
    Reader{"top_logprobs", true, false,
           [](const Json& v, GenerationBody& o) {
             return Number("top_logprobs", v, [&o](double x) { o.sampling.logprobs = static_cast<int>(x); });
           }},
    Reader{"logprobs", false, true,
           [](const Json& v, GenerationBody& o) {
             return Number("logprobs", v, [&o](double x) { o.sampling.logprobs = static_cast<int>(x); });
           }},
    Reader{"ignore_eos", true, true, [](const Json& v, GenerationBody& o) { return Assign(o.ignore_eos, ToBool("ignore_eos", v)); }},
    Reader{"priority", true, true, ParsePriority},
    Reader{"user", true, true, [](const Json& v, GenerationBody& o) { return Assign(o.user, ToText("user", v)); }},
};

ApiResult<GenerationBody> ParseBody(std::string_view body, bool chat) {
  auto document = ParseJsonObject(body);
  if (!document) return tl::unexpected<ApiError>(std::move(document).error());
  GenerationBody out;
  std::vector<std::pair<const Unsupported*, const Json*>> judged_last;
  for (const auto& [key, value] : document->items()) {
    const auto reader = std::find_if(kReaders.begin(), kReaders.end(), [&, name = std::string_view(key)](const Reader& r) {
      return r.name == name && (chat ? r.chat : r.completions);
    });
    if (reader != kReaders.end()) {
      if (!value.is_null()) INFERD_API_RETURN_IF_ERROR(reader->read(value, out));
      continue;
    }
    const auto unsupported = std::find_if(kUnsupported.begin(), kUnsupported.end(),
                                          [name = std::string_view(key)](const Unsupported& u) { return u.name == name; });
    if (unsupported == kUnsupported.end()) return BadParam(key, "unknown parameter: " + key, "unknown_parameter");
    if (!value.is_null()) judged_last.emplace_back(&*unsupported, &value);
  }
  for (const auto& [unsupported, value] : judged_last) {
    const std::string name(unsupported->name);
    if (!unsupported->harmless(*value, out)) return BadParam(name, name + " is not supported", "unsupported_parameter");
  }
  const auto given = [&document](const char* name) { return document->contains(name) && !(*document)[name].is_null(); };
  const auto missing = [](const char* name) { return BadParam(name, std::string(name) + " is required", "missing_required_parameter"); };
  if (!given("model")) return missing("model");
  if (chat && !given("messages")) return missing("messages");
  if (!chat && !given("prompt")) return missing("prompt");
  if (chat && given("max_tokens") && given("max_completion_tokens")) {
    return BadParam("max_tokens", "max_tokens and max_completion_tokens are the same; give one of the two");
  }
  if (chat && given("top_logprobs") && !(given("logprobs") && (*document)["logprobs"] == true)) {
    return BadParam("top_logprobs", "top_logprobs needs logprobs to be true");
  }
  if (given("stream_options") && !out.stream) return BadParam("stream_options", "stream_options needs stream to be true");
  return out;
}

ApiResult<Json> ParseSmallBody(std::string_view body, std::span<const std::string_view> known) {
  auto document = ParseJsonObject(body);
  if (!document) return document;
  for (const auto& [key, value] : document->items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) return BadParam(key, "unknown parameter: " + key, "unknown_parameter");
  }
  return document;
}

ApiResult<> ReadFlag(const Json& document, const char* name, bool& flag) {
  if (!document.contains(name) || document[name].is_null()) return {};
  return Assign(flag, ToBool(name, document[name]));
}

ApiResult<> ReadModel(const Json& document, std::string& name) {
  if (!document.contains("model") || document["model"].is_null()) return {};
  return Assign(name, ToText("model", document["model"]));
}

}  // namespace

std::string_view AllowedNumber(std::string_view param) {
  const auto found = std::find_if(kNumbers.begin(), kNumbers.end(), [&](const NumberParam& p) { return p.name == param; });
  return found == kNumbers.end() ? std::string_view() : found->allowed;
}

ApiResult<GenerationBody> ParseChatBody(std::string_view body) { return ParseBody(body, true); }
ApiResult<GenerationBody> ParseCompletionBody(std::string_view body) { return ParseBody(body, false); }

ApiResult<TokenizeBody> ParseTokenizeBody(std::string_view body) {
  constexpr std::array<std::string_view, 5> kKnown{"model", "content", "text", "add_special", "parse_special"};
  auto document = ParseSmallBody(body, kKnown);
  if (!document) return tl::unexpected<ApiError>(std::move(document).error());
  TokenizeBody out;
  INFERD_API_RETURN_IF_ERROR(ReadModel(*document, out.model));
  const bool content = document->contains("content");
  if (content == document->contains("text")) return BadParam("content", "give the text in one of content and text");
  const std::string name = content ? "content" : "text";
  INFERD_API_RETURN_IF_ERROR(Assign(out.text, ToText(name, (*document)[name])));
  INFERD_API_RETURN_IF_ERROR(ReadFlag(*document, "add_special", out.add_special));
  INFERD_API_RETURN_IF_ERROR(ReadFlag(*document, "parse_special", out.parse_special));
  return out;
}

ApiResult<DetokenizeBody> ParseDetokenizeBody(std::string_view body) {
  constexpr std::array<std::string_view, 3> kKnown{"model", "tokens", "show_special"};
  auto document = ParseSmallBody(body, kKnown);
  if (!document) return tl::unexpected<ApiError>(std::move(document).error());
  DetokenizeBody out;
  INFERD_API_RETURN_IF_ERROR(ReadModel(*document, out.model));
  if (!document->contains("tokens") || !(*document)["tokens"].is_array()) return BadParam("tokens", "tokens must be an array of token ids");
  INFERD_API_RETURN_IF_ERROR(Assign(out.tokens, ParseTokens("tokens", (*document)["tokens"])));
  INFERD_API_RETURN_IF_ERROR(ReadFlag(*document, "show_special", out.show_special));
  return out;
}

ApiResult<std::vector<std::pair<model::TokenId, float>>> BindLogitBias(const GenerationBody& body, std::size_t vocab_size) {
  std::vector<std::pair<model::TokenId, float>> bound;
  for (const auto& [id, bias] : body.logit_bias) {
    if (static_cast<std::uint64_t>(id) >= vocab_size) {
      return BadParam("logit_bias",
                      "logit_bias names the token " + std::to_string(id) + "; allowed: 0 to " + std::to_string(vocab_size - 1));
    }
    bound.emplace_back(static_cast<model::TokenId>(id), bias);
  }
  return bound;
}

ApiResult<std::vector<model::TokenId>> BindTokens(std::string_view param, const std::vector<std::int64_t>& ids, std::size_t vocab_size) {
  std::vector<model::TokenId> bound;
  bound.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || static_cast<std::uint64_t>(ids[i]) >= vocab_size) {
      const std::string where = std::string(param) + "[" + std::to_string(i) + "]";
      return BadParam(where, where + " is " + std::to_string(ids[i]) + "; allowed: 0 to " + std::to_string(vocab_size - 1));
    }
    bound.push_back(static_cast<model::TokenId>(ids[i]));
  }
  return bound;
}

ApiResult<int> BindMaxTokens(const GenerationBody& body, std::size_t longest_prompt, int context) {
  const auto limit = static_cast<std::size_t>(context);
  if (longest_prompt >= limit) {
    return BadParam(body.messages.empty() ? "prompt" : "messages",
                    "the prompt has " + std::to_string(longest_prompt) + " tokens, and the context of the model is " +
                        std::to_string(context) + ": at least one place must be left for the answer",
                    "context_length_exceeded");
  }
  if (!body.max_tokens) return context - static_cast<int>(longest_prompt);
  if (*body.max_tokens > context) {
    return BadParam(body.max_tokens_param,
                    body.max_tokens_param + " is " + std::to_string(*body.max_tokens) + "; allowed: 1 to " + std::to_string(context));
  }
  return static_cast<int>(*body.max_tokens);
}

}  // namespace inferd::daemon
