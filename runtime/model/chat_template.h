// Turns a conversation into the prompt text of a model family. The family is recognised from the file's own Jinja template
// (tokenizer.chat_template); the template itself is not executed: each family's form is written here, and golden tests compare it with
// what Jinja makes of the published templates. Pure functions over values; safe from any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/gguf/gguf.h"

namespace inferd::model {

enum class ChatFamily { kChatMl, kLlama3, kDeepSeek, kDeepSeekR1 };
std::string_view ChatFamilyName(ChatFamily family);

struct ChatMessage {
  std::string role;  // system, user, assistant
  std::string content;
};

// A piece of the prompt. Markers of the template become control tokens; what people wrote never does, so nobody can forge a turn.
struct PromptPiece {
  std::string text;
  bool special;  // encode with parse_special
};

class ChatTemplate {
 public:
  // kUnsupported for a template of no known family (the message says what to do: use completions), kNotFound for a file without one.
  static Result<ChatTemplate> FromGguf(const gguf::GgufFile& file);
  static Result<ChatTemplate> FromJinja(std::string_view source);

  // The prompt up to and including the marker that opens the assistant's turn. kInvalidArgument names the message by index for a role
  // that the family does not have, or an order that it does not allow.
  Result<std::vector<PromptPiece>> Render(std::span<const ChatMessage> messages, bool add_generation_prompt = true) const;

  ChatFamily family() const { return family_; }
  // Whether the model thinks before it answers: output up to </think> is reasoning.
  bool reasons() const { return reasons_; }
  // Whether the rendered prompt already ends inside <think> (the output then starts with reasoning, without the opening tag).
  bool opens_think() const { return opens_think_; }

 private:
  ChatFamily family_ = ChatFamily::kChatMl;
  bool reasons_ = false;
  bool opens_think_ = false;
  std::string default_system_;  // some ChatML templates insert one when the conversation has none
  std::string generation_suffix_;
};

// Splits generated text into reasoning and answer while it streams. <think> and </think> may arrive in pieces; what could still
// become a tag is held back. One object per generated answer; not thread-safe.
class ReasoningSplitter {
 public:
  // starts_inside: the prompt already opened <think>.
  explicit ReasoningSplitter(bool enabled, bool starts_inside);

  struct Delta {
    std::string reasoning;
    std::string content;
  };
  Delta Push(std::string_view text);
  // What was held back, at the end of the answer.
  Delta Finish();

 private:
  enum class State { kStart, kInside, kOutside };
  bool enabled_;
  State state_;
  bool trim_ = false;  // swallow the newlines that follow a tag
  std::string held_;
};

}  // namespace inferd::model
