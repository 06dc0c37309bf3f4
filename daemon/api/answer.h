// Turns what the engine gives into OpenAI's answers: whole JSON objects and server-sent events, for chat and for completions. One object
// per request; not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/api/error.h"
#include "runtime/engine/records.h"
#include "runtime/engine/request.h"
#include "runtime/model/chat_template.h"
#include "runtime/model/tokenizer.h"

namespace inferd::daemon {

struct AnswerOptions {
  bool chat = true;
  bool stream = false;
  bool include_usage = false;
  bool reasons = false;  // split reasoning from the answer
  bool opens_think = false;
  bool logprobs = false;
  bool keep_text = false;  // for KeptText
  int choices = 1;
  std::string id;  // of the request
  std::string model;
  std::int64_t created = 0;  // seconds since 1970
};

class Answer {
 public:
  // `tokenizer` must outlive the answer.
  Answer(AnswerOptions options, const model::Tokenizer& tokenizer);

  // Takes one event. Streaming: what to send for it, possibly nothing yet. Otherwise always empty.
  std::string Add(engine::OutputEvent&& event);

  // The end of a stream, after every choice has finished: the usage, if it was asked for, and [DONE].
  std::string StreamEnd(const engine::RequestRecord& record) const;
  // The end of a stream that broke after it had begun.
  std::string StreamError(const ApiError& error) const;
  // What was generated, each choice on a line of its own; empty unless it was to be kept.
  std::string KeptText() const;
  // The whole answer.
  std::string Body(const engine::RequestRecord& record) const;

 private:
  struct Choice {
    explicit Choice(bool reasons, bool opens_think) : splitter(reasons, opens_think) {}
    model::ReasoningSplitter splitter;
    bool begun = false;
    std::string content;
    std::string reasoning;
    std::optional<engine::FinishReason> finished;
    std::vector<engine::GeneratedToken> tokens;  // kept for logprobs only
    std::size_t text_bytes = 0;                  // text offset of the next token, in bytes of the generated text
  };

  std::string Chunk(int index, std::string_view delta, std::string_view logprobs, std::string_view finish) const;
  std::string Event(std::string_view choices, std::string_view usage) const;
  std::string Logprobs(const std::vector<engine::GeneratedToken>& tokens, std::size_t text_offset) const;
  std::string ChatLogprobs(const std::vector<engine::GeneratedToken>& tokens) const;
  std::string CompletionLogprobs(const std::vector<engine::GeneratedToken>& tokens, std::size_t text_offset) const;
  std::string Usage(const engine::RequestRecord& record) const;
  std::string Head(std::string_view object) const;

  AnswerOptions options_;
  const model::Tokenizer& tokenizer_;
  std::vector<Choice> choices_;
  std::uint64_t reasoning_tokens_ = 0;
};

// Milliseconds in each stage, as a Server-Timing header: "queue;dur=0.1, prefill;dur=12.3, decode;dur=340".
std::string ServerTiming(const engine::RequestRecord& record);

}  // namespace inferd::daemon
