// SentencePiece BPE (tokenizer.ggml.model "llama"): a space is spelled U+2581, text is cut into code points, and the pair of neighbours
// whose concatenation has the highest score is merged until no such pair is a token. What is no token becomes byte tokens.
//
// The space prefix (tokenizer.ggml.add_space_prefix): a stretch of plain text that begins the text, or follows a control token, is
// encoded as if a space stood before it, because words are stored with the space before them. Decode takes one space away at the
// same places, so that it gives the text back. TokenBytes does not, since a token does not know where it stands: text that is streamed
// token by token continues what came before, and keeps the space. After a user-defined token there is neither.
// A U+2581 in the text itself is encoded byte by byte, so that it does not come back as a space.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/gguf/gguf.h"
#include "runtime/model/vocabulary.h"

namespace inferd::model {

class SpmTokenizer final : public VocabularyTokenizer {
 public:
  static Result<std::unique_ptr<Tokenizer>> FromGguf(const gguf::GgufFile& file);

  std::string Decode(std::span<const TokenId> tokens, bool show_special) const override;

 private:
  struct Piece {
    TokenId token;
    float score;
  };

  SpmTokenizer(Vocabulary vocabulary, std::array<TokenId, 256> byte_tokens, bool add_space_prefix);

  void EncodePlain(std::string_view text, bool begins, std::vector<TokenId>& out) const override;

  std::array<TokenId, 256> byte_tokens_;
  bool add_space_prefix_;
  std::unordered_map<std::string_view, Piece> pieces_;  // tokens that merges can make, by their bytes (with spaces)
  std::size_t longest_piece_ = 0;                       // in bytes
};

}  // namespace inferd::model
