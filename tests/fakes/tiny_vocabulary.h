// Small hand-made vocabularies as GGUF metadata, for tests of tokenizers and of what stands on them. No tensors.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/utf8.h"
#include "tests/fakes/gguf_builder.h"

namespace inferd::testing {

// Numbers of tokenizer.ggml.token_type.
inline constexpr std::int32_t kNormalToken = 1, kUnknownToken = 2, kControlToken = 3, kUserDefinedToken = 4, kByteToken = 6;

// The byte-level spelling of text: each byte as the character that stands for it in GPT-2's vocabularies.
inline std::string ByteLevelSpelling(std::string_view text) {
  const auto stands_for_itself = [](std::uint32_t b) { return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE; };
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    std::uint32_t character = byte;
    if (!stands_for_itself(byte)) {
      character = 0x100;
      for (std::uint32_t b = 0; b < byte; ++b) character += stands_for_itself(b) ? 0 : 1;
    }
    AppendUtf8(out, character);
  }
  return out;
}

struct TinyVocabulary {
  std::vector<std::string> tokens;  // as spelled in the file
  std::vector<std::int32_t> types;
  std::vector<float> scores;        // SentencePiece only
  std::vector<std::string> merges;  // byte-level only

  std::int32_t Add(std::string token, std::int32_t type, float score = 0) {
    tokens.push_back(std::move(token));
    types.push_back(type);
    scores.push_back(score);
    return static_cast<std::int32_t>(tokens.size() - 1);
  }
  // A byte-level merge of two tokens, given as plain text, and the token it makes.
  std::int32_t AddMerge(std::string_view left, std::string_view right) {
    merges.push_back(ByteLevelSpelling(left) + " " + ByteLevelSpelling(right));
    return Add(ByteLevelSpelling(std::string(left) + std::string(right)), kNormalToken);
  }
};

// Token b is byte b; then come the merges of "hello", " world", a code point, and the specials:
// 256 "he", 257 "ll", 258 "hell", 259 "hello", 260 " w", 261 "or", 262 "é", 263 "<|im_start|>", 264 "<|im_end|>" (control),
// 265 "<tool>", 266 "<tool><tool>" (user-defined).
inline TinyVocabulary ByteLevelVocabulary() {
  TinyVocabulary vocabulary;
  for (int byte = 0; byte < 256; ++byte) vocabulary.Add(ByteLevelSpelling(std::string(1, static_cast<char>(byte))), kNormalToken);
  vocabulary.AddMerge("h", "e");
  vocabulary.AddMerge("l", "l");
  vocabulary.AddMerge("he", "ll");
  vocabulary.AddMerge("hell", "o");
  vocabulary.AddMerge(" ", "w");
  vocabulary.AddMerge("o", "r");
  vocabulary.AddMerge("\xC3", "\xA9");
  vocabulary.Add("<|im_start|>", kControlToken);
  vocabulary.Add("<|im_end|>", kControlToken);
  vocabulary.Add("<tool>", kUserDefinedToken);
  vocabulary.Add("<tool><tool>", kUserDefinedToken);
  return vocabulary;
}

inline GgufBuilder ByteLevelFile(std::string_view pre, const TinyVocabulary& vocabulary) {
  GgufBuilder builder;
  builder.Add("general.architecture", "qwen2").Add("tokenizer.ggml.model", "gpt2").Add("tokenizer.ggml.pre", pre);
  builder.AddArray("tokenizer.ggml.tokens", vocabulary.tokens).AddArray("tokenizer.ggml.token_type", vocabulary.types);
  builder.AddArray("tokenizer.ggml.merges", vocabulary.merges);
  return builder;
}

// 0 <unk>, 1 <s>, 2 </s>, 3 to 258 the bytes, then "▁" 259, "h" 260, "e" 261, "l" 262, "o" 263, "▁h" 264, "ll" 265, "▁he" 266,
// "llo" 267, "▁hello" 268, "é" 269, "<think>" 270 (user-defined).
inline TinyVocabulary SentencePieceVocabulary() {
  TinyVocabulary vocabulary;
  vocabulary.Add("<unk>", kUnknownToken);
  vocabulary.Add("<s>", kControlToken);
  vocabulary.Add("</s>", kControlToken);
  for (unsigned byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", byte);
    vocabulary.Add(name, kByteToken);
  }
  for (const char* piece : {"▁", "h", "e", "l", "o"}) vocabulary.Add(piece, kNormalToken, -100);
  vocabulary.Add("▁h", kNormalToken, -1);
  vocabulary.Add("ll", kNormalToken, -2);
  vocabulary.Add("▁he", kNormalToken, -3);
  vocabulary.Add("llo", kNormalToken, -4);
  vocabulary.Add("▁hello", kNormalToken, -5);
  vocabulary.Add("é", kNormalToken, -100);
  vocabulary.Add("<think>", kUserDefinedToken);
  return vocabulary;
}

inline GgufBuilder SentencePieceFile(const TinyVocabulary& vocabulary) {
  GgufBuilder builder;
  builder.Add("general.architecture", "llama").Add("tokenizer.ggml.model", "llama");
  builder.AddArray("tokenizer.ggml.tokens", vocabulary.tokens).AddArray("tokenizer.ggml.token_type", vocabulary.types);
  builder.AddArray("tokenizer.ggml.scores", vocabulary.scores);
  return builder;
}

}  // namespace inferd::testing
