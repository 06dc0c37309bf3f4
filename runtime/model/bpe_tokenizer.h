// Byte-level BPE (tokenizer.ggml.model "gpt2"): text is cut into words (pretokenizer.h), a word into bytes, and neighbours are merged in
// the order of the file's merge list until no pair of neighbours is in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/gguf/gguf.h"
#include "runtime/model/pretokenizer.h"
#include "runtime/model/vocabulary.h"

namespace inferd::model {

class BpeTokenizer final : public VocabularyTokenizer {
 public:
  static Result<std::unique_ptr<Tokenizer>> FromGguf(const gguf::GgufFile& file);

 private:
  struct Merge {
    std::uint32_t rank;  // lower goes first
    TokenId merged;
  };
  struct Scratch;

  BpeTokenizer(Vocabulary vocabulary, PreTokenizer pre_tokenizer, bool whole_words_first);

  Result<> IndexTokens(const gguf::GgufFile& file);
  Result<> ReadMerges(const gguf::GgufFile& file);

  void EncodePlain(std::string_view text, bool begins, std::vector<TokenId>& out) const override;
  void EncodeWord(std::string_view word, Scratch& scratch, std::vector<TokenId>& out) const;

  static std::uint64_t PairKey(TokenId left, TokenId right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32U | static_cast<std::uint32_t>(right);
  }

  const PreTokenizer pre_tokenizer_;
  const bool whole_words_first_;                          // a word that is a token is taken as it is, whatever the merges would make of it
  std::unordered_map<std::string_view, TokenId> normal_;  // tokens that text can become, by their bytes
  std::vector<TokenId> byte_tokens_;                      // by byte
  std::unordered_map<std::uint64_t, Merge> merges_;       // by PairKey of the two parts
};

}  // namespace inferd::model
