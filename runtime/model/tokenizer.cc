#include "runtime/model/tokenizer.h"

#include <utility>

#include "runtime/model/bpe_tokenizer.h"
#include "runtime/model/spm_tokenizer.h"

namespace inferd::model {

Result<std::unique_ptr<Tokenizer>> Tokenizer::FromGguf(const gguf::GgufFile& file) {
  constexpr std::string_view kModel = "tokenizer.ggml.model";
  if (!file.Has(kModel)) {
    return Error(Code::kCorrupt, file.name() + ": key '" + std::string(kModel) + "' is missing: the file has no tokenizer");
  }
  INFERD_ASSIGN_OR_RETURN(const std::string_view model, file.GetString(kModel));
  if (model == "gpt2") return BpeTokenizer::FromGguf(file);
  if (model == "llama") return SpmTokenizer::FromGguf(file);
  return Error(Code::kUnsupported, file.name() + ": key '" + std::string(kModel) + "': tokenizer '" + std::string(model) +
                                       "' is not supported: expected gpt2 (byte-level BPE) or llama (SentencePiece BPE)");
}

std::string Tokenizer::Decode(std::span<const TokenId> tokens, bool show_special) const {
  std::string out;
  for (const TokenId token : tokens) out += TokenBytes(token, show_special);
  return out;
}

}  // namespace inferd::model
