// Text to token ids and back, built from the metadata of a GGUF file (tokenizer.ggml.*): byte-level BPE ("gpt2") with the
// pre-tokenizers llama-bpe, qwen2, deepseek-llm, deepseek-r1-qwen and gpt-2, and SentencePiece BPE ("llama").
// Immutable after construction; every method may be called from any thread at once.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/status.h"
#include "runtime/gguf/gguf.h"
#include "runtime/model/token.h"

namespace inferd::model {

struct EncodeOptions {
  // Prepend the beginning-of-sequence token if the file asks for it (tokenizer.ggml.add_bos_token), append the end likewise.
  bool add_special = true;
  // Turn the text of control tokens ("<|im_end|>") into those tokens. Only for text from a trusted template, never for text that a
  // user wrote; user-defined tokens are always matched, as the reference implementations do.
  bool parse_special = false;
};

class Tokenizer {
 public:
  // Copies what it needs: the file may be closed afterwards. kUnsupported (with the list of what is supported) for another
  // tokenizer model or pre-tokenizer, kCorrupt for inconsistent tables.
  static Result<std::unique_ptr<Tokenizer>> FromGguf(const gguf::GgufFile& file);

  virtual ~Tokenizer() = default;

  // Any bytes are accepted, invalid UTF-8 too; Decode(Encode(x)) gives x back byte for byte (parse_special = false). The text is not
  // normalised.
  // Time and memory are O(n log n) in the text's length.
  virtual std::vector<TokenId> Encode(std::string_view text, EncodeOptions options = {}) const = 0;

  // The bytes of the tokens one after the other. Control tokens give nothing unless `show_special`.
  // An id outside the vocabulary gives nothing. The tokens are a text from its start: SentencePiece vocabularies put a space before
  // the first word, which is taken away again here, and not by TokenBytes.
  virtual std::string Decode(std::span<const TokenId> tokens, bool show_special = false) const;

  // The bytes that one token stands for: may be a part of a code point. Control tokens give their name only if `show_special`.
  virtual std::string_view TokenBytes(TokenId token, bool show_special = false) const = 0;

  virtual std::size_t vocab_size() const = 0;
  bool IsValid(TokenId token) const { return token >= 0 && static_cast<std::size_t>(token) < vocab_size(); }
  virtual bool IsControl(TokenId token) const = 0;
  // Whether generation ends at this token: the file's eos, eot and eom ids, and the families' well-known end tokens.
  virtual bool IsEndOfGeneration(TokenId token) const = 0;
  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  // The token whose text is exactly `text` (control tokens included).
  virtual std::optional<TokenId> Find(std::string_view text) const = 0;
};

}  // namespace inferd::model
