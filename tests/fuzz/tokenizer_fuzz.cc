// Any bytes come back from any family; the first byte of the input chooses family and options.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "runtime/model/tokenizer.h"
#include "tests/fakes/tiny_vocabulary.h"

using inferd::gguf::GgufFile;
using inferd::model::Tokenizer;
using inferd::testing::GgufBuilder;

namespace {

std::unique_ptr<Tokenizer> Make(const GgufBuilder& builder) {
  const std::vector<std::byte> bytes = builder.Build();
  auto tokenizer = Tokenizer::FromGguf(GgufFile::Parse(bytes, "fuzz").value());
  return std::move(tokenizer).value();
}

const std::array<std::unique_ptr<Tokenizer>, 5>& Families() {
  using inferd::testing::ByteLevelFile;
  using inferd::testing::ByteLevelVocabulary;
  static const std::array<std::unique_ptr<Tokenizer>, 5> families{
      Make(ByteLevelFile("llama-bpe", ByteLevelVocabulary())), Make(ByteLevelFile("qwen2", ByteLevelVocabulary())),
      Make(ByteLevelFile("deepseek-llm", ByteLevelVocabulary())), Make(ByteLevelFile("gpt-2", ByteLevelVocabulary())),
      Make(inferd::testing::SentencePieceFile(inferd::testing::SentencePieceVocabulary()))};
  return families;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto& families = Families();
  const Tokenizer& tokenizer = *families[data[0] % families.size()];
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto tokens = tokenizer.Encode(text, {.add_special = false, .parse_special = (data[0] & 0x80U) != 0});
  for (const auto token : tokens) {
    if (!tokenizer.IsValid(token)) std::abort();
  }
  if (tokenizer.Decode(tokens, /*show_special=*/true) != text) std::abort();
  return 0;
}
