// Turns a conversation into the prompt text of a model family. The family is recognised from the file's own Jinja template
// (tokenizer.chat_template); the template itself is not executed: each family's form is written here, and golden tests compare it with
// what Jinja makes of the published templates. What a family's templates differ in (a default system prompt, whether the prompt opens
// <think>) is read from the template's source. Pure functions over values; safe from any thread.
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

// A piece of the prompt. Markers of the template become control tokens; what people wrote never does, so nobody can forge a turn: some
// files have their markers as user-defined tokens, which are found in any text, so a marker in a message is cut in two pieces. (The plain
// words that DeepSeek LLM uses as markers cannot be told from a message that has them.)
struct PromptPiece {
  std::string text;
  bool special;  // encode with parse_special
};

class ChatTemplate {
 public:
  // kUnsupported for a template of no known family (the message says what to do: use completions), kNotFound for a file without one.
  static Result<ChatTemplate> FromGguf(const gguf::GgufFile& file);
  static Result<ChatTemplate> FromJinja(std::string_view source);

  // The prompt up to and including the marker that opens the assistant's turn. It is complete: pieces are encoded one by one, without
  // adding special tokens. kInvalidArgument names the message by index for a role that the family does not have, and refuses an empty
  // conversation.
  Result<std::vector<PromptPiece>> Render(std::span<const ChatMessage> messages, bool add_generation_prompt = true) const;

  ChatFamily family() const { return family_; }
  // Whether the model thinks before it answers: output up to </think> is reasoning.
  bool reasons() const { return reasons_; }
  // Whether the rendered prompt already ends inside <think> (the output then starts with reasoning, without the opening tag).
  bool opens_think() const { return opens_think_; }

 private:
  class Prompt;  // collects pieces

  // What becomes of the reasoning in earlier answers.
  enum class History {
    kKeep,       // nothing: the family does not reason
    kDrop,       // only what follows </think> stays
    kDropOlder,  // Qwen3: dropped before the last question, set in a <think> block after it
  };

  void RenderChatMl(std::span<const ChatMessage> messages, Prompt& prompt) const;
  void RenderLlama3(std::span<const ChatMessage> messages, Prompt& prompt) const;
  void RenderDeepSeek(std::span<const ChatMessage> messages, Prompt& prompt) const;
  void RenderDeepSeekR1(std::span<const ChatMessage> messages, Prompt& prompt) const;

  ChatFamily family_ = ChatFamily::kChatMl;
  bool reasons_ = false;
  bool opens_think_ = false;
  History history_ = History::kKeep;
  bool joins_systems_ = false;  // DeepSeek-R1: all system messages go first, not only the last one
  std::string bos_, eos_;       // texts of the control tokens, for the families that write them
  // ChatML: inserted when the conversation does not begin with a system message. Llama 3.1: stands before the system message, always.
  std::string default_system_;
  std::string generation_suffix_;  // follows the marker of the assistant's turn in the generation prompt: "<think>\n", or nothing
};

// Splits generated text into reasoning and answer while it streams: reasoning is what stands in one <think> block at the beginning.
// <think> and </think> may arrive in pieces; what could still become a tag is held back. However the text is cut into pieces, the parts
// are the same in all. The line breaks that follow a tag are dropped. One object per generated answer; not thread-safe.
class ReasoningSplitter {
 public:
  // starts_inside: the prompt already opened <think>. Not enabled: everything is content.
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
  void Advance(Delta& delta, bool at_end);
  void DropNewlines();

  bool starts_inside_;
  State state_;
  bool trim_ = false;  // swallow the newlines that follow a tag
  std::string held_;
};

}  // namespace inferd::model
