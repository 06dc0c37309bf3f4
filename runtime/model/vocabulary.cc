#include "runtime/model/vocabulary.h"

#include <algorithm>
#include <array>
#include <utility>

namespace inferd::model {
namespace {

// Names under which the model families end a turn or a text (their tokenizer_config.json).
constexpr std::array<std::string_view, 7> kEndNames{
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<｜end▁of▁sentence｜>", "</s>"};

// A token id under `key`; nothing when the file has no such key.
Result<std::optional<TokenId>> ReadTokenId(const gguf::GgufFile& file, std::string_view key, std::size_t vocab_size) {
  if (!file.Has(key)) return std::optional<TokenId>();
  INFERD_ASSIGN_OR_RETURN(const std::uint64_t id, file.GetUint(key));
  if (id >= vocab_size) {
    return Corrupt(file, key, "found token " + std::to_string(id) + ", expected less than " + std::to_string(vocab_size));
  }
  return std::optional<TokenId>(static_cast<TokenId>(id));
}

Result<bool> ReadBool(const gguf::GgufFile& file, std::string_view key, bool otherwise) {
  if (!file.Has(key)) return otherwise;
  return file.GetBool(key);
}

Result<std::vector<TokenType>> ReadTypes(const gguf::GgufFile& file, std::size_t vocab_size) {
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  if (!file.Has(kKey)) return std::vector<TokenType>(vocab_size, TokenType::kNormal);
  INFERD_ASSIGN_OR_RETURN(const std::vector<std::int64_t> numbers, file.GetInts(kKey));
  if (numbers.size() != vocab_size) {
    return Corrupt(
        file, kKey,
        "found " + std::to_string(numbers.size()) + " entries, expected one for each of " + std::to_string(vocab_size) + " tokens");
  }
  std::vector<TokenType> types;
  types.reserve(vocab_size);
  for (const std::int64_t number : numbers) {
    if (number < 0 || number > static_cast<std::int64_t>(TokenType::kByte)) {
      return Corrupt(file, kKey, "token " + std::to_string(types.size()) + " is of type " + std::to_string(number) + ", expected 0 to 6");
    }
    types.push_back(static_cast<TokenType>(number));
  }
  return types;
}

}  // namespace

tl::unexpected<Status> Corrupt(const gguf::GgufFile& file, std::string_view key, const std::string& what) {
  return Error(Code::kCorrupt, file.name() + ": key '" + std::string(key) + "': " + what);
}

Result<Vocabulary> Vocabulary::FromGguf(const gguf::GgufFile& file, const Defaults& defaults) {
  constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
  if (!file.Has(kTokens)) return Corrupt(file, kTokens, "is missing, expected the vocabulary");
  INFERD_ASSIGN_OR_RETURN(const auto tokens, file.GetStrings(kTokens));
  if (tokens.empty()) return Corrupt(file, kTokens, "is empty, expected the vocabulary");

  Vocabulary vocabulary;
  vocabulary.bytes.assign(tokens.begin(), tokens.end());
  INFERD_ASSIGN_OR_RETURN(vocabulary.types, ReadTypes(file, tokens.size()));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const bool searched = vocabulary.types[i] == TokenType::kControl || vocabulary.types[i] == TokenType::kUserDefined;
    if (searched && tokens[i].size() > SpecialMatcher::kMaxBytes) {
      return Corrupt(file, kTokens,
                     "special token " + std::to_string(i) + " has " + std::to_string(tokens[i].size()) + " bytes, expected at most " +
                         std::to_string(SpecialMatcher::kMaxBytes));
    }
  }

  const auto or_default = [&](std::optional<std::uint64_t> id) -> std::optional<TokenId> {
    if (!id || *id >= tokens.size() || vocabulary.types[*id] != TokenType::kControl) return std::nullopt;
    return static_cast<TokenId>(*id);
  };
  INFERD_ASSIGN_OR_RETURN(vocabulary.bos, ReadTokenId(file, "tokenizer.ggml.bos_token_id", tokens.size()));
  if (!vocabulary.bos) vocabulary.bos = or_default(defaults.bos);
  INFERD_ASSIGN_OR_RETURN(vocabulary.eos, ReadTokenId(file, "tokenizer.ggml.eos_token_id", tokens.size()));
  if (!vocabulary.eos) vocabulary.eos = or_default(defaults.eos);
  INFERD_ASSIGN_OR_RETURN(vocabulary.add_bos, ReadBool(file, "tokenizer.ggml.add_bos_token", defaults.add_bos));
  INFERD_ASSIGN_OR_RETURN(vocabulary.add_eos, ReadBool(file, "tokenizer.ggml.add_eos_token", false));

  vocabulary.ends_generation.assign(tokens.size(), false);
  if (vocabulary.eos) vocabulary.ends_generation[static_cast<std::size_t>(*vocabulary.eos)] = true;
  for (const std::string_view key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    INFERD_ASSIGN_OR_RETURN(const auto id, ReadTokenId(file, key, tokens.size()));
    if (id) vocabulary.ends_generation[static_cast<std::size_t>(*id)] = true;
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (vocabulary.types[i] == TokenType::kControl && std::ranges::find(kEndNames, tokens[i]) != kEndNames.end()) {
      vocabulary.ends_generation[i] = true;
    }
  }
  return vocabulary;
}

VocabularyTokenizer::VocabularyTokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {
  by_bytes_.reserve(vocabulary_.size());
  for (std::size_t i = 0; i < vocabulary_.size(); ++i) {
    const std::string& bytes = vocabulary_.bytes[i];
    const auto token = static_cast<TokenId>(i);
    if (bytes.empty()) continue;
    // Of tokens that look the same, the one whose text it is wins over one that only falls back to it.
    const auto [entry, is_new] = by_bytes_.try_emplace(bytes, token);
    if (!is_new && vocabulary_.types[static_cast<std::size_t>(entry->second)] == TokenType::kByte) entry->second = token;
    if (vocabulary_.types[i] == TokenType::kUserDefined) user_defined_.Add(bytes, token);
    if (vocabulary_.types[i] == TokenType::kUserDefined || vocabulary_.types[i] == TokenType::kControl) {
      user_defined_and_control_.Add(bytes, token);
    }
  }
}

std::vector<TokenId> VocabularyTokenizer::Encode(std::string_view text, EncodeOptions options) const {
  std::vector<TokenId> out;
  if (options.add_special && vocabulary_.add_bos && vocabulary_.bos) out.push_back(*vocabulary_.bos);
  const SpecialMatcher& special = options.parse_special ? user_defined_and_control_ : user_defined_;
  bool begins = true;
  for (std::size_t position = 0; position < text.size();) {
    const SpecialMatcher::Match match = special.Find(text, position);
    const std::size_t plain_end = std::min(match.begin, text.size());
    if (plain_end > position) {
      EncodePlain(text.substr(position, plain_end - position), begins, out);
      begins = false;
    }
    if (match.token < 0) break;
    out.push_back(match.token);
    begins = vocabulary_.IsNameOnly(match.token);
    position = match.end;
  }
  if (options.add_special && vocabulary_.add_eos && vocabulary_.eos) out.push_back(*vocabulary_.eos);
  return out;
}

std::string_view VocabularyTokenizer::TokenBytes(TokenId token, bool show_special) const {
  if (!IsValid(token) || (vocabulary_.IsNameOnly(token) && !show_special)) return {};
  return vocabulary_.bytes[static_cast<std::size_t>(token)];
}

std::optional<TokenId> VocabularyTokenizer::Find(std::string_view text) const {
  const auto found = by_bytes_.find(text);
  if (found == by_bytes_.end()) return std::nullopt;
  return found->second;
}

}  // namespace inferd::model
