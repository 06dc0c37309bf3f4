#include "runtime/model/chat_template.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/base/utf8.h"

namespace inferd::model {
namespace {

constexpr std::string_view kThink = "<think>";
constexpr std::string_view kEndThink = "</think>";

constexpr std::string_view kImStart = "<|im_start|>";
constexpr std::string_view kImEnd = "<|im_end|>";
constexpr std::string_view kStartHeader = "<|start_header_id|>";
constexpr std::string_view kEndHeader = "<|end_header_id|>";
constexpr std::string_view kEndOfTurn = "<|eot_id|>";
constexpr std::string_view kLlamaBos = "<|begin_of_text|>";
constexpr std::string_view kDeepSeekBos = "<｜begin▁of▁sentence｜>";
constexpr std::string_view kDeepSeekEos = "<｜end▁of▁sentence｜>";
constexpr std::string_view kDeepSeekUser = "<｜User｜>";
constexpr std::string_view kDeepSeekAssistant = "<｜Assistant｜>";

// What no message may smuggle in.
constexpr std::array<std::string_view, 14> kMarkers{kImStart,          kImEnd,       kStartHeader,    kEndHeader,    kEndOfTurn,
                                                    kLlamaBos,         kDeepSeekBos, kDeepSeekEos,    kDeepSeekUser, kDeepSeekAssistant,
                                                    "<|end_of_text|>", "<|eom_id|>", "<|endoftext|>", "<|EOT|>"};

// ---- Text helpers, as Python's str has them ------------------------------------------------------------------------------------

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string_view StripNewlinesLeft(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
  return text;
}
std::string_view StripNewlinesRight(std::string_view text) { return text.substr(0, text.find_last_not_of('\n') + 1); }

// Of str.strip(), and so of Jinja's trim: White_Space and the separators U+001C to U+001F.
bool IsPythonSpace(std::uint32_t c) {
  return (c >= 0x9 && c <= 0xD) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::string_view Trim(std::string_view text) {
  std::size_t begin = text.size();
  std::size_t end = 0;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = DecodeUtf8(text, i);
    if (!IsPythonSpace(point.value)) {
      begin = std::min(begin, i);
      end = i + point.length;
    }
    i += point.length;
  }
  return begin < end ? text.substr(begin, end - begin) : std::string_view();
}

std::string_view AfterLast(std::string_view text, std::string_view mark) {
  const std::size_t at = text.rfind(mark);
  return at == std::string_view::npos ? text : text.substr(at + mark.size());
}
std::string_view BeforeFirst(std::string_view text, std::string_view mark) { return text.substr(0, text.find(mark)); }

// ---- Reading the Jinja source --------------------------------------------------------------------------------------------------

// A text that the template may write: a string literal of an expression or statement, or what stands outside of tags.
struct Literal {
  std::size_t at;  // byte position in the source
  std::string text;
};

// Reads the literal after its opening quote at source[position - 1]; leaves `position` after the closing one.
std::string ReadQuoted(std::string_view source, std::size_t& position) {
  const char quote = source[position - 1];
  std::string text;
  while (position < source.size() && source[position] != quote) {
    char c = source[position++];
    if (c == '\\' && position < source.size()) {
      c = source[position++];
      if (c == 'n') c = '\n';
      if (c == 't') c = '\t';
      if (c == 'r') c = '\r';
    }
    text.push_back(c);
  }
  ++position;
  return text;
}

std::vector<Literal> Literals(std::string_view source) {
  std::vector<Literal> literals;
  std::size_t position = 0;
  while (position < source.size()) {
    const std::size_t tag = std::min(source.find('{', position), source.size());
    const char kind = tag + 1 < source.size() ? source[tag + 1] : '\0';
    if (kind != '{' && kind != '%' && kind != '#') {
      literals.push_back({position, std::string(source.substr(position, tag + 1 - position))});
      position = tag + 1;
      continue;
    }
    if (tag > position) literals.push_back({position, std::string(source.substr(position, tag - position))});
    position = tag + 2;
    if (kind == '#') {
      const std::size_t end = source.find("#}", position);
      if (end == std::string_view::npos) break;
      position = end + 2;
      continue;
    }
    const char close = kind == '{' ? '}' : '%';
    while (position < source.size() && !(source[position] == close && position + 1 < source.size() && source[position + 1] == '}')) {
      const char c = source[position++];
      if (c == '\'' || c == '"') {
        const std::size_t at = position;
        std::string text = ReadQuoted(source, position);
        literals.push_back({at, std::move(text)});
      }
    }
    position += 2;
  }
  return literals;
}

// What follows `opening` in the generation prompt: the first literal with it after the source first asks for add_generation_prompt in
// its last place.
std::string GenerationSuffix(std::string_view source, std::span<const Literal> literals, std::string_view opening) {
  const std::size_t asked = source.rfind("add_generation_prompt");
  if (asked == std::string_view::npos) return "";
  for (const Literal& literal : literals) {
    if (literal.at > asked && literal.text.starts_with(opening)) return literal.text.substr(opening.size());
  }
  return "";
}

// The system prompt in a literal "<|im_start|>system\n...<|im_end|>".
std::string DefaultSystem(std::span<const Literal> literals) {
  const std::string opening = std::string(kImStart) + "system\n";
  for (const Literal& literal : literals) {
    const std::size_t end = literal.text.find(kImEnd);
    if (literal.text.starts_with(opening) && end != std::string::npos) {
      return literal.text.substr(opening.size(), end - opening.size());
    }
  }
  return "";
}

// Llama 3.1 begins its system block with the date that its knowledge ends, and today's. The latter is the one in the source: a prompt
// that changes over night could not be cached.
std::string LlamaDates(std::string_view source, std::span<const Literal> literals) {
  std::string dates;
  for (const Literal& literal : literals) {
    if (dates.empty() && literal.text.starts_with("Cutting Knowledge Date:")) dates = literal.text;
  }
  constexpr std::string_view kSet = "set date_string = ";
  for (std::size_t set = source.find(kSet); !dates.empty() && set != std::string_view::npos; set = source.find(kSet, set + 1)) {
    std::size_t position = set + kSet.size();
    if (position >= source.size() || (source[position] != '"' && source[position] != '\'')) continue;
    ++position;
    return dates + "Today Date: " + ReadQuoted(source, position) + "\n\n";
  }
  return dates;
}

}  // namespace

// ---- Recognition ---------------------------------------------------------------------------------------------------------------

std::string_view ChatFamilyName(ChatFamily family) {
  switch (family) {
    case ChatFamily::kChatMl: return "chatml";
    case ChatFamily::kLlama3: return "llama3";
    case ChatFamily::kDeepSeek: return "deepseek";
    case ChatFamily::kDeepSeekR1: return "deepseek-r1";
  }
  return "unknown";
}

Result<ChatTemplate> ChatTemplate::FromJinja(std::string_view source) {
  ChatTemplate chat;
  const std::vector<Literal> literals = Literals(source);
  const bool handles_reasoning = Contains(source, kEndThink);
  if (Contains(source, kDeepSeekUser) && Contains(source, kDeepSeekAssistant)) {
    chat.family_ = ChatFamily::kDeepSeekR1;
    chat.bos_ = kDeepSeekBos;
    chat.eos_ = kDeepSeekEos;
    chat.history_ = handles_reasoning ? History::kDrop : History::kKeep;
    chat.joins_systems_ = Contains(source, "is_first_sp");
    chat.generation_suffix_ = GenerationSuffix(source, literals, kDeepSeekAssistant);
  } else if (Contains(source, kImStart)) {
    chat.family_ = ChatFamily::kChatMl;
    if (handles_reasoning) chat.history_ = Contains(source, "last_query_index") ? History::kDropOlder : History::kDrop;
    chat.default_system_ = DefaultSystem(literals);
    chat.generation_suffix_ = GenerationSuffix(source, literals, std::string(kImStart) + "assistant\n");
  } else if (Contains(source, kStartHeader)) {
    chat.family_ = ChatFamily::kLlama3;
    chat.bos_ = kLlamaBos;
    chat.history_ = handles_reasoning ? History::kDrop : History::kKeep;
    chat.default_system_ = LlamaDates(source, literals);
    chat.generation_suffix_ =
        GenerationSuffix(source, literals, std::string(kStartHeader) + "assistant" + std::string(kEndHeader) + "\n\n");
  } else if (Contains(source, "User: ") && Contains(source, "Assistant:") && Contains(source, "eos_token")) {
    chat.family_ = ChatFamily::kDeepSeek;
    chat.bos_ = kDeepSeekBos;
    chat.eos_ = kDeepSeekEos;
  } else {
    return Error(Code::kUnsupported,
                 "the chat template is of no known family (ChatML, Llama 3, DeepSeek, DeepSeek-R1): use completions, with a prompt in the "
                 "form that the model expects");
  }
  chat.opens_think_ = Contains(chat.generation_suffix_, kThink) && !Contains(chat.generation_suffix_, kEndThink);
  chat.reasons_ = handles_reasoning || chat.opens_think_;
  return chat;
}

Result<ChatTemplate> ChatTemplate::FromGguf(const gguf::GgufFile& file) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  INFERD_ASSIGN_OR_RETURN(const std::string_view source, file.GetString(kKey));
  auto chat = FromJinja(source);
  if (!chat) return Error(chat.error().code, file.name() + ": key '" + std::string(kKey) + "': " + chat.error().message);
  // Templates write bos_token and eos_token: these are the texts of the file's own.
  const auto text_of = [&file](std::string_view id_key) -> std::optional<std::string_view> {
    const auto id = file.GetUint(id_key);
    const auto tokens = file.GetStrings("tokenizer.ggml.tokens");
    if (!id || !tokens || *id >= tokens->size()) return std::nullopt;
    return (*tokens)[*id];
  };
  if (const auto bos = text_of("tokenizer.ggml.bos_token_id"); bos && !chat->bos_.empty()) chat->bos_ = *bos;
  if (const auto eos = text_of("tokenizer.ggml.eos_token_id"); eos && chat->family_ == ChatFamily::kDeepSeek) chat->eos_ = *eos;
  return chat;
}

// ---- Rendering -----------------------------------------------------------------------------------------------------------------

// Control tokens are pieces of their own, and all text between two of them is one piece, so that its words are cut as they are when the
// whole prompt is encoded at once.
class ChatTemplate::Prompt {
 public:
  void Control(std::string_view text) { Append(text, /*special=*/true); }
  void Text(std::string_view text) { Append(text, /*special=*/false); }

  // What somebody wrote, and what was found in the template besides markers. A marker in it is cut behind its first byte.
  void Message(std::string_view text) {
    while (!text.empty()) {
      const std::size_t cut = FirstMarker(text);
      if (cut == std::string_view::npos) return Text(text);
      Text(text.substr(0, cut + 1));
      pieces_.push_back({"", false});
      text.remove_prefix(cut + 1);
    }
  }

  std::vector<PromptPiece> Take() {
    std::erase_if(pieces_, [](const PromptPiece& piece) { return piece.text.empty(); });
    return std::move(pieces_);
  }

 private:
  static std::size_t FirstMarker(std::string_view text) {
    for (std::size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
      const std::string_view rest = text.substr(at);
      if (std::ranges::any_of(kMarkers, [rest](std::string_view marker) { return rest.starts_with(marker); })) return at;
    }
    return std::string_view::npos;
  }

  void Append(std::string_view text, bool special) {
    if (text.empty()) return;
    if (pieces_.empty() || pieces_.back().special != special) pieces_.push_back({"", special});
    pieces_.back().text += text;
  }

  std::vector<PromptPiece> pieces_;
};

Result<std::vector<PromptPiece>> ChatTemplate::Render(std::span<const ChatMessage> messages, bool add_generation_prompt) const {
  if (messages.empty()) return Error(Code::kInvalidArgument, "messages is empty: expected at least one");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string& role = messages[i].role;
    if (role != "system" && role != "user" && role != "assistant") {
      return Error(Code::kInvalidArgument, "messages[" + std::to_string(i) + "]: role '" + role +
                                               "' is not one of this model's: expected system, user or assistant");
    }
  }
  Prompt prompt;
  switch (family_) {
    case ChatFamily::kChatMl: RenderChatMl(messages, prompt); break;
    case ChatFamily::kLlama3: RenderLlama3(messages, prompt); break;
    case ChatFamily::kDeepSeek: RenderDeepSeek(messages, prompt); break;
    case ChatFamily::kDeepSeekR1: RenderDeepSeekR1(messages, prompt); break;
  }
  if (add_generation_prompt) {
    switch (family_) {
      case ChatFamily::kChatMl:
        prompt.Control(kImStart);
        prompt.Text("assistant\n");
        break;
      case ChatFamily::kLlama3:
        prompt.Control(kStartHeader);
        prompt.Text("assistant");
        prompt.Control(kEndHeader);
        prompt.Text("\n\n");
        break;
      case ChatFamily::kDeepSeek: prompt.Text("Assistant:"); break;
      case ChatFamily::kDeepSeekR1: prompt.Control(kDeepSeekAssistant); break;
    }
    // <think> may be a control token.
    if (opens_think_) {
      prompt.Control(generation_suffix_);
    } else {
      prompt.Message(generation_suffix_);
    }
  }
  return prompt.Take();
}

void ChatTemplate::RenderChatMl(std::span<const ChatMessage> messages, Prompt& prompt) const {
  const auto open = [&prompt](std::string_view role) {
    prompt.Control(kImStart);
    prompt.Text(role);
    prompt.Text("\n");
  };
  const auto close = [&prompt] {
    prompt.Control(kImEnd);
    prompt.Text("\n");
  };
  if (!default_system_.empty() && messages[0].role != "system") {
    open("system");
    prompt.Message(default_system_);
    close();
  }
  std::size_t last_question = messages.size() - 1;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == "user") last_question = i;
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    std::string_view content = message.content;
    open(message.role);
    if (message.role == "assistant" && history_ != History::kKeep) {
      std::string_view reasoning;
      if (Contains(content, kEndThink)) {
        reasoning = StripNewlinesLeft(AfterLast(StripNewlinesRight(BeforeFirst(content, kEndThink)), kThink));
        content = StripNewlinesLeft(AfterLast(content, kEndThink));
      }
      const bool is_last = i + 1 == messages.size();
      if (history_ == History::kDropOlder && i > last_question && (is_last || !reasoning.empty())) {
        prompt.Control(kThink);
        prompt.Text("\n");
        prompt.Message(StripNewlinesRight(reasoning));
        prompt.Text("\n");
        prompt.Control(kEndThink);
        prompt.Text("\n\n");
        content = StripNewlinesLeft(content);
      }
    }
    prompt.Message(content);
    close();
  }
}

void ChatTemplate::RenderLlama3(std::span<const ChatMessage> messages, Prompt& prompt) const {
  const auto open = [&prompt](std::string_view role) {
    prompt.Control(kStartHeader);
    prompt.Text(role);
    prompt.Control(kEndHeader);
    prompt.Text("\n\n");
  };
  prompt.Control(bos_);
  if (!default_system_.empty()) {
    open("system");
    prompt.Message(default_system_);
    if (messages[0].role == "system") {
      prompt.Message(Trim(messages[0].content));
      messages = messages.subspan(1);
    }
    prompt.Control(kEndOfTurn);
  }
  for (const ChatMessage& message : messages) {
    std::string_view content = message.content;
    if (message.role == "assistant" && history_ != History::kKeep) content = AfterLast(content, kEndThink);
    open(message.role);
    prompt.Message(Trim(content));
    prompt.Control(kEndOfTurn);
  }
}

void ChatTemplate::RenderDeepSeek(std::span<const ChatMessage> messages, Prompt& prompt) const {
  prompt.Control(bos_);
  for (const ChatMessage& message : messages) {
    if (message.role == "user") prompt.Text("User: ");
    if (message.role == "assistant") prompt.Text("Assistant: ");
    prompt.Message(message.content);
    if (message.role == "assistant") {
      prompt.Control(eos_);
    } else {
      prompt.Text("\n\n");
    }
  }
}

void ChatTemplate::RenderDeepSeekR1(std::span<const ChatMessage> messages, Prompt& prompt) const {
  prompt.Control(bos_);
  std::string system;
  for (const ChatMessage& message : messages) {
    if (message.role != "system") continue;
    if (joins_systems_ && !system.empty()) {
      system += "\n\n" + message.content;
    } else {
      system = message.content;
    }
  }
  prompt.Message(system);
  for (const ChatMessage& message : messages) {
    if (message.role == "user") {
      prompt.Control(kDeepSeekUser);
      prompt.Message(message.content);
    } else if (message.role == "assistant") {
      prompt.Control(kDeepSeekAssistant);
      prompt.Message(history_ == History::kKeep ? std::string_view(message.content) : AfterLast(message.content, kEndThink));
      prompt.Control(kDeepSeekEos);
    }
  }
}

// ---- Reasoning -----------------------------------------------------------------------------------------------------------------

ReasoningSplitter::ReasoningSplitter(bool enabled, bool starts_inside)
    : starts_inside_(starts_inside), state_(enabled ? State::kStart : State::kOutside) {}

ReasoningSplitter::Delta ReasoningSplitter::Push(std::string_view text) {
  held_ += text;
  Delta delta;
  Advance(delta, /*at_end=*/false);
  return delta;
}

ReasoningSplitter::Delta ReasoningSplitter::Finish() {
  Delta delta;
  Advance(delta, /*at_end=*/true);
  return delta;
}

void ReasoningSplitter::DropNewlines() {
  if (!trim_) return;
  held_.erase(0, std::min(held_.find_first_not_of("\r\n"), held_.size()));
  if (!held_.empty()) trim_ = false;
}

// Takes from held_ what is certain. At the end, everything is.
void ReasoningSplitter::Advance(Delta& delta, bool at_end) {
  if (state_ == State::kStart) {
    // White space, then perhaps <think>; a model may write it though the prompt did already.
    const std::size_t first = std::min(held_.find_first_not_of(" \t\r\n"), held_.size());
    const std::string_view rest = std::string_view(held_).substr(first);
    if (rest.starts_with(kThink)) {
      held_.erase(0, first + kThink.size());
      state_ = State::kInside;
      trim_ = true;
    } else if (!at_end && kThink.starts_with(rest)) {
      return;
    } else {
      state_ = starts_inside_ ? State::kInside : State::kOutside;
      trim_ = starts_inside_;
    }
  }
  if (state_ == State::kInside) {
    DropNewlines();
    const std::size_t end = held_.find(kEndThink);
    if (end != std::string::npos) {
      delta.reasoning.append(held_, 0, end);
      held_.erase(0, end + kEndThink.size());
      state_ = State::kOutside;
      trim_ = true;
    } else {
      // Hold back the longest ending that is a beginning of </think>.
      std::size_t hold = at_end ? 0 : std::min(held_.size(), kEndThink.size() - 1);
      while (hold > 0 && !kEndThink.starts_with(std::string_view(held_).substr(held_.size() - hold))) --hold;
      delta.reasoning.append(held_, 0, held_.size() - hold);
      held_.erase(0, held_.size() - hold);
      return;
    }
  }
  DropNewlines();
  delta.content += held_;
  held_.clear();
}

}  // namespace inferd::model
