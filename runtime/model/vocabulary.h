// What every tokenizer of a GGUF file has in common: the tokens and their kinds, the tokens with a role, and the search for special
// tokens in text. The families (bpe_tokenizer.h, spm_tokenizer.h) say how tokens are spelled and how plain text becomes tokens.
// Immutable after construction.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/gguf/gguf.h"
#include "runtime/model/special_matcher.h"
#include "runtime/model/token.h"
#include "runtime/model/tokenizer.h"

namespace inferd::model {

// Numbers of tokenizer.ggml.token_type.
enum class TokenType : std::uint8_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,      // stands for what has no token
  kControl = 3,      // never made from what a user wrote
  kUserDefined = 4,  // always found in text, before the merges see it
  kUnused = 5,
  kByte = 6,  // "<0x0A>": one byte
};

struct Vocabulary {
  std::vector<std::string> bytes;  // by token: what it stands for; for control and unknown tokens, their name
  std::vector<TokenType> types;
  std::vector<bool> ends_generation;
  std::optional<TokenId> bos, eos;
  bool add_bos = false, add_eos = false;

  struct Defaults {
    bool add_bos = false;
    std::optional<std::uint64_t> bos, eos;  // used when the file names none and the token is a control token
  };
  // Reads tokenizer.ggml.*: `bytes` are still the texts as they stand in the file; the family turns its own spelling into bytes.
  // kCorrupt names the key.
  static Result<Vocabulary> FromGguf(const gguf::GgufFile& file, const Defaults& defaults);

  std::size_t size() const { return bytes.size(); }
  bool IsNameOnly(TokenId token) const {
    const TokenType type = types[static_cast<std::size_t>(token)];
    return type == TokenType::kControl || type == TokenType::kUnknown;
  }
};

// kCorrupt: "FILE: key 'KEY': WHAT".
tl::unexpected<Status> Corrupt(const gguf::GgufFile& file, std::string_view key, const std::string& what);

// Does everything but the encoding of plain text.
class VocabularyTokenizer : public Tokenizer {
 public:
  std::vector<TokenId> Encode(std::string_view text, EncodeOptions options) const final;
  std::string_view TokenBytes(TokenId token, bool show_special) const final;
  std::size_t vocab_size() const final { return vocabulary_.size(); }
  bool IsControl(TokenId token) const final { return IsValid(token) && vocabulary_.IsNameOnly(token); }
  bool IsEndOfGeneration(TokenId token) const final {
    return IsValid(token) && vocabulary_.ends_generation[static_cast<std::size_t>(token)];
  }
  std::optional<TokenId> bos() const final { return vocabulary_.bos; }
  std::optional<TokenId> eos() const final { return vocabulary_.eos; }
  std::optional<TokenId> Find(std::string_view text) const final;

 protected:
  // Takes a vocabulary whose `bytes` are final.
  explicit VocabularyTokenizer(Vocabulary vocabulary);

  // Appends the tokens of `text`, which holds no special token and is not empty. `begins`: nothing but control tokens precede it.
  virtual void EncodePlain(std::string_view text, bool begins, std::vector<TokenId>& out) const = 0;

  const Vocabulary vocabulary_;

 private:
  std::unordered_map<std::string_view, TokenId> by_bytes_;
  SpecialMatcher user_defined_;
  SpecialMatcher user_defined_and_control_;
};

}  // namespace inferd::model
