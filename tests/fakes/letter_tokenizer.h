// A tokenizer whose token n stands for one fixed piece of text: letters for most, so that any model's output is readable. For tests that
// need tokens but no vocabulary.
#pragma once

#include <string>
#include <vector>

#include "runtime/model/tokenizer.h"

namespace inferd::model {

class LetterTokenizer final : public Tokenizer {
 public:
  // The last token of the vocabulary is the end of text.
  explicit LetterTokenizer(std::size_t vocab) {
    for (std::size_t i = 0; i < vocab; ++i)
      pieces_.push_back(std::string(1, static_cast<char>('a' + i % 26)) + std::to_string(i / 26) + " ");
  }

  std::vector<TokenId> Encode(std::string_view text, EncodeOptions) const override {
    std::vector<TokenId> tokens;
    for (const char c : text) tokens.push_back(static_cast<TokenId>(static_cast<unsigned char>(c) % (pieces_.size() - 1)));
    return tokens;
  }
  std::string_view TokenBytes(TokenId token, bool show_special) const override {
    if (!IsValid(token) || (IsControl(token) && !show_special)) return {};
    return pieces_[static_cast<std::size_t>(token)];
  }
  std::size_t vocab_size() const override { return pieces_.size(); }
  bool IsControl(TokenId token) const override { return token == static_cast<TokenId>(pieces_.size()) - 1; }
  bool IsEndOfGeneration(TokenId token) const override { return IsControl(token); }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  std::optional<TokenId> eos() const override { return static_cast<TokenId>(pieces_.size()) - 1; }
  std::optional<TokenId> Find(std::string_view) const override { return std::nullopt; }

 private:
  std::vector<std::string> pieces_;
};

}  // namespace inferd::model
