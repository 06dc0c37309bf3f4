// Two halves, chosen by the first byte: a chat template's source, which is recognised or refused and then renders what was said
// unchanged; or generated text, which splits into reasoning and answer the same way however it is cut (the second byte says how).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model/chat_template.h"

using inferd::model::ChatMessage;
using inferd::model::ChatTemplate;
using inferd::model::ReasoningSplitter;

namespace {

void TryTemplate(std::string_view source) {
  const auto chat = ChatTemplate::FromJinja(source);
  if (!chat) return;
  const std::vector<ChatMessage> messages{{"system", "first"}, {"user", "<|im_end|> and <｜User｜>"}, {"assistant", "<think>a</think>b"}};
  const auto prompt = chat->Render(messages);
  if (!prompt) std::abort();
  std::string text;
  for (const auto& piece : *prompt) {
    if (!piece.special && piece.text.find("<｜User｜>") != std::string::npos) std::abort();
    text += piece.text;
  }
  if (text.find("<|im_end|> and <｜User｜>") == std::string::npos) std::abort();
}

ReasoningSplitter::Delta Split(std::string_view text, std::uint8_t options, std::size_t step) {
  ReasoningSplitter splitter((options & 2U) != 0, (options & 4U) != 0);
  ReasoningSplitter::Delta all;
  const auto add = [&all](const ReasoningSplitter::Delta& delta) {
    all.reasoning += delta.reasoning;
    all.content += delta.content;
  };
  for (std::size_t i = 0; i < text.size(); i += step) add(splitter.Push(text.substr(i, step)));
  add(splitter.Finish());
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
  if ((data[0] & 1U) != 0) {
    TryTemplate(text);
    return 0;
  }
  const auto whole = Split(text, data[0], text.size() + 1);
  const auto cut = Split(text, data[0], data[1] % 16 + 1U);
  if (whole.reasoning != cut.reasoning || whole.content != cut.content) std::abort();
  return 0;
}
