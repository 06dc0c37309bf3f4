#include "daemon/api/answer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include "logging/json.h"

namespace inferd::daemon {
namespace {

using engine::FinishReason;
using engine::GeneratedToken;
using engine::RequestRecord;

std::string_view FinishText(FinishReason reason) { return reason == FinishReason::kLength ? "\"length\"" : "\"stop\""; }

void AppendNumber(std::string& out, double value) {
  // JSON has no infinity; a probability of 0 is as unlikely as a float can say.
  if (!std::isfinite(value)) value = -9999.0;
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), static_cast<float>(value));
  out.append(buffer.data(), error == std::errc() ? end : buffer.data());
}

struct Timing {
  double queue = 0, prefill = 0, decode = 0;  // milliseconds
};

Timing TimingOf(const RequestRecord& record) {
  const auto ms = [](MonotonicTime from, MonotonicTime to) {
    return from == MonotonicTime{} || to == MonotonicTime{} || to < from ? 0.0 : ToSeconds(to - from) * 1e3;
  };
  return {ms(record.admitted, record.scheduled), ms(record.scheduled, record.first_token), ms(record.first_token, record.last_token)};
}

std::string Milliseconds(double ms) {
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), ms, std::chars_format::fixed, 1);
  return {buffer.data(), error == std::errc() ? end : buffer.data()};
}

}  // namespace

std::string ServerTiming(const RequestRecord& record) {
  const Timing timing = TimingOf(record);
  return "queue;dur=" + Milliseconds(timing.queue) + ", prefill;dur=" + Milliseconds(timing.prefill) +
         ", decode;dur=" + Milliseconds(timing.decode);
}

Answer::Answer(AnswerOptions options, const model::Tokenizer& tokenizer) : options_(std::move(options)), tokenizer_(tokenizer) {
  choices_.reserve(static_cast<std::size_t>(options_.choices));
  for (int i = 0; i < options_.choices; ++i) choices_.emplace_back(options_.chat && options_.reasons, options_.opens_think);
}

std::string Answer::Add(engine::OutputEvent&& event) {
  if (event.choice < 0 || event.choice >= options_.choices) return {};
  Choice& choice = choices_[static_cast<std::size_t>(event.choice)];

  std::string content;
  std::string reasoning;
  if (options_.chat) {
    auto delta = choice.splitter.Push(event.text);
    if (event.finished) {
      auto rest = choice.splitter.Finish();
      delta.reasoning += rest.reasoning;
      delta.content += rest.content;
    }
    content = std::move(delta.content);
    reasoning = std::move(delta.reasoning);
    if (options_.reasons && !reasoning.empty()) {
      // Tokens come merged: those of an event with both are shared out by the length of the text.
      const double share = static_cast<double>(reasoning.size()) / static_cast<double>(reasoning.size() + content.size());
      reasoning_tokens_ += static_cast<std::uint64_t>(std::llround(static_cast<double>(event.tokens.size()) * share));
    }
  } else {
    content = std::move(event.text);
  }
  choice.finished = event.finished;

  if (!options_.stream || options_.keep_text) {
    choice.content += content;
    choice.reasoning += reasoning;
  }
  if (!options_.stream) {
    if (options_.logprobs) std::move(event.tokens.begin(), event.tokens.end(), std::back_inserter(choice.tokens));
    return {};
  }

  std::string out;
  if (options_.chat && !choice.begun) out += Chunk(event.choice, R"({"role":"assistant","content":""})", {}, {});
  choice.begun = true;
  std::string logprobs;
  if (options_.logprobs && !event.tokens.empty()) logprobs = Logprobs(event.tokens, choice.text_bytes);
  if (!options_.chat) {
    std::string finish;
    if (event.finished) finish = FinishText(*event.finished);
    if (content.empty() && logprobs.empty() && finish.empty()) return out;
    choice.text_bytes += content.size();
    std::string text;
    logging::AppendJsonString(content, text);
    return out + Chunk(event.choice, text, logprobs, finish);
  }
  const auto delta = [&](std::string_view field, std::string_view text) {
    std::string json = "{\"" + std::string(field) + "\":";
    logging::AppendJsonString(text, json);
    json += "}";
    out += Chunk(event.choice, json, logprobs, {});
    logprobs.clear();
  };
  if (!reasoning.empty()) delta("reasoning_content", reasoning);
  if (!content.empty() || !logprobs.empty()) delta("content", content);
  if (event.finished) out += Chunk(event.choice, "{}", {}, FinishText(*event.finished));
  return out;
}

std::string Answer::Head(std::string_view object) const {
  std::string text = options_.chat ? R"({"id":"chatcmpl-)" : R"({"id":"cmpl-)";
  text += options_.id;  // checked to be plain
  text += R"(","object":")";
  text += object;
  text += R"(","created":)" + std::to_string(options_.created) + R"(,"model":)";
  logging::AppendJsonString(options_.model, text);
  return text;
}

std::string Answer::Event(std::string_view choices, std::string_view usage) const {
  std::string text = "data: " + Head(options_.chat ? "chat.completion.chunk" : "text_completion") + R"(,"choices":[)";
  text += choices;
  text += ']';
  if (!usage.empty()) {
    text += R"(,"usage":)";
    text += usage;
  }
  return text + "}\n\n";
}

std::string Answer::Chunk(int index, std::string_view delta, std::string_view logprobs, std::string_view finish) const {
  std::string choice = R"({"index":)" + std::to_string(index) + (options_.chat ? R"(,"delta":)" : R"(,"text":)");
  choice += delta;
  choice += R"(,"logprobs":)";
  choice += logprobs.empty() ? "null" : logprobs;
  choice += R"(,"finish_reason":)";
  choice += finish.empty() ? "null" : finish;
  choice += '}';
  return Event(choice, options_.include_usage ? "null" : "");
}

std::string Answer::KeptText() const {
  std::string text;
  if (!options_.keep_text) return text;
  for (const Choice& choice : choices_) text += choice.reasoning + choice.content + "\n";
  return text;
}

std::string Answer::StreamEnd(const RequestRecord& record) const {
  std::string text;
  if (options_.include_usage) {
    const Timing timing = TimingOf(record);
    text = Event("", Usage(record) + R"(,"timing":{"queue_ms":)" + Milliseconds(timing.queue) + R"(,"prefill_ms":)" +
                         Milliseconds(timing.prefill) + R"(,"decode_ms":)" + Milliseconds(timing.decode) + "}");
  }
  return text + "data: [DONE]\n\n";
}

std::string Answer::StreamError(const ApiError& error) const { return "data: " + ErrorBody(error) + "\n\n"; }

std::string Answer::Usage(const RequestRecord& record) const {
  std::string usage = R"({"prompt_tokens":)" + std::to_string(record.prompt_tokens) + R"(,"completion_tokens":)" +
                      std::to_string(record.generated_tokens) + R"(,"total_tokens":)" +
                      std::to_string(std::uint64_t{record.prompt_tokens} + record.generated_tokens) +
                      R"(,"prompt_tokens_details":{"cached_tokens":)" + std::to_string(record.cached_prompt_tokens) +
                      R"(},"completion_tokens_details":{"reasoning_tokens":)" +
                      std::to_string(std::min<std::uint64_t>(reasoning_tokens_, record.generated_tokens)) + "}}";
  return usage;
}

std::string Answer::Body(const RequestRecord& record) const {
  std::string text = Head(options_.chat ? "chat.completion" : "text_completion") + R"(,"choices":[)";
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    const Choice& choice = choices_[i];
    if (i > 0) text += ',';
    text += R"({"index":)" + std::to_string(i);
    if (options_.chat) {
      text += R"(,"message":{"role":"assistant","content":)";
      logging::AppendJsonString(choice.content, text);
      if (!choice.reasoning.empty()) {
        text += R"(,"reasoning_content":)";
        logging::AppendJsonString(choice.reasoning, text);
      }
      text += '}';
    } else {
      text += R"(,"text":)";
      logging::AppendJsonString(choice.content, text);
    }
    text += R"(,"logprobs":)";
    text += options_.logprobs ? Logprobs(choice.tokens, 0) : "null";
    text += R"(,"finish_reason":)";
    text += FinishText(choice.finished.value_or(FinishReason::kEndOfText));
    text += '}';
  }
  return text + R"(],"usage":)" + Usage(record) + "}";
}

std::string Answer::Logprobs(const std::vector<GeneratedToken>& tokens, std::size_t text_offset) const {
  return options_.chat ? ChatLogprobs(tokens) : CompletionLogprobs(tokens, text_offset);
}

std::string Answer::ChatLogprobs(const std::vector<GeneratedToken>& tokens) const {
  std::string text = R"({"content":[)";
  const auto token_fields = [&](engine::TokenId id, float logprob) {
    const std::string_view bytes = tokenizer_.TokenBytes(id, true);
    text += R"({"token":)";
    logging::AppendJsonString(bytes, text);
    text += R"(,"logprob":)";
    AppendNumber(text, logprob);
    text += R"(,"bytes":[)";
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (i > 0) text += ',';
      text += std::to_string(static_cast<unsigned char>(bytes[i]));
    }
    text += ']';
  };
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) text += ',';
    token_fields(tokens[i].id, tokens[i].logprob);
    text += R"(,"top_logprobs":[)";
    for (std::size_t j = 0; j < tokens[i].top.size(); ++j) {
      if (j > 0) text += ',';
      token_fields(tokens[i].top[j].id, tokens[i].top[j].logprob);
      text += '}';
    }
    text += "]}";
  }
  return text + "]}";
}

std::string Answer::CompletionLogprobs(const std::vector<GeneratedToken>& tokens, std::size_t text_offset) const {
  std::string names;
  std::string values;
  std::string tops;
  std::string offsets;
  for (const GeneratedToken& token : tokens) {
    const std::string_view separator = names.empty() ? "" : ",";
    const std::string_view bytes = tokenizer_.TokenBytes(token.id, true);
    names += separator;
    logging::AppendJsonString(bytes, names);
    values += separator;
    AppendNumber(values, token.logprob);
    tops += separator;
    tops += '{';
    for (std::size_t j = 0; j < token.top.size(); ++j) {
      if (j > 0) tops += ',';
      logging::AppendJsonString(tokenizer_.TokenBytes(token.top[j].id, true), tops);
      tops += ':';
      AppendNumber(tops, token.top[j].logprob);
    }
    tops += '}';
    offsets += separator;
    offsets += std::to_string(text_offset);
    text_offset += bytes.size();
  }
  return R"({"tokens":[)" + names + R"(],"token_logprobs":[)" + values + R"(],"top_logprobs":[)" + tops + R"(],"text_offset":[)" + offsets +
         "]}";
}

}  // namespace inferd::daemon
