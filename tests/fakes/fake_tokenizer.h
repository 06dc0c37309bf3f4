// One token per byte, and two control tokens: 256 begins a sequence (never added by itself), 257 ends one. "<|mark|>" is control token 258.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model/tokenizer.h"

namespace inferd::model {

class FakeTokenizer final : public Tokenizer {
 public:
  static constexpr TokenId kBos = 256, kEos = 257, kMark = 258;
  static constexpr std::string_view kMarkText = "<|mark|>";

  FakeTokenizer() {
    for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<char>(i);
  }

  std::vector<TokenId> Encode(std::string_view text, EncodeOptions options) const override {
    std::vector<TokenId> tokens;
    for (std::size_t i = 0; i < text.size();) {
      if (options.parse_special && text.substr(i).starts_with(kMarkText)) {
        tokens.push_back(kMark);
        i += kMarkText.size();
      } else {
        tokens.push_back(static_cast<unsigned char>(text[i++]));
      }
    }
    return tokens;
  }
  std::string_view TokenBytes(TokenId token, bool show_special) const override {
    if (token >= 0 && token < 256) return {&bytes_[static_cast<std::size_t>(token)], 1};
    return token == kMark && show_special ? kMarkText : std::string_view();
  }
  std::size_t vocab_size() const override { return 259; }
  bool IsControl(TokenId token) const override { return token >= 256; }
  bool IsEndOfGeneration(TokenId token) const override { return token == kEos; }
  std::optional<TokenId> bos() const override { return kBos; }
  std::optional<TokenId> eos() const override { return kEos; }
  std::optional<TokenId> Find(std::string_view text) const override {
    if (text == kMarkText) return kMark;
    if (text.size() == 1) return static_cast<unsigned char>(text[0]);
    return std::nullopt;
  }

 private:
  std::array<char, 256> bytes_{};
};

}  // namespace inferd::model
