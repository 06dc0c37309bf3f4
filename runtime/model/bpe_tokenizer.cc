#include "runtime/model/bpe_tokenizer.h"

#include <array>
#include <optional>
#include <queue>
#include <string>
#include <utility>

#include "runtime/base/utf8.h"

namespace inferd::model {
namespace {

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";
constexpr std::string_view kPreKey = "tokenizer.ggml.pre";

// Vocabularies of this kind are spelled with one printable character for each byte (GPT-2, bytes_to_unicode): the printable bytes of
// Latin-1 stand for themselves, the others for U+0100 and on, in order.
constexpr bool StandsForItself(std::uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}
constexpr std::size_t kSpellingEnd = 0x144;  // one past the highest character of the spelling
constexpr auto kByteOfCharacter = [] {
  std::array<std::int16_t, kSpellingEnd> table{};
  table.fill(-1);
  std::uint32_t next = 0x100;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    table[StandsForItself(byte) ? byte : next++] = static_cast<std::int16_t>(byte);
  }
  return table;
}();

// The bytes that `spelled` stands for; nothing when it has a character outside of the spelling.
std::optional<std::string> BytesOf(std::string_view spelled) {
  std::string bytes;
  bytes.reserve(spelled.size());
  for (std::size_t i = 0; i < spelled.size();) {
    const CodePoint point = DecodeUtf8(spelled, i);
    if (point.value >= kSpellingEnd || kByteOfCharacter[point.value] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kByteOfCharacter[point.value]));
    i += point.length;
  }
  return bytes;
}

}  // namespace

// ---- Construction --------------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<Tokenizer>> BpeTokenizer::FromGguf(const gguf::GgufFile& file) {
  if (!file.Has(kPreKey)) {
    return Error(Code::kUnsupported, file.name() + ": key '" + std::string(kPreKey) +
                                         "' is missing, so the way to cut words is unknown: expected one of " + SupportedPreTokenizers());
  }
  INFERD_ASSIGN_OR_RETURN(const std::string_view pre, file.GetString(kPreKey));
  const std::optional<PreTokenizer> pre_tokenizer = FindPreTokenizer(pre);
  if (!pre_tokenizer) {
    return Error(Code::kUnsupported, file.name() + ": key '" + std::string(kPreKey) + "': pre-tokenizer '" + std::string(pre) +
                                         "' is not supported: expected one of " + SupportedPreTokenizers());
  }
  const bool is_llama3 = *pre_tokenizer == PreTokenizer::kLlama3;
  INFERD_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::FromGguf(file, {.add_bos = is_llama3, .bos = {}, .eos = {}}));
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    if (vocabulary.types[i] != TokenType::kNormal) continue;
    // A token outside of the spelling was added by hand: it stands for its text, and the merges do not know it.
    if (auto bytes = BytesOf(vocabulary.bytes[i])) {
      vocabulary.bytes[i] = *std::move(bytes);
    } else {
      vocabulary.types[i] = TokenType::kUnused;
    }
  }
  std::unique_ptr<BpeTokenizer> tokenizer(new BpeTokenizer(std::move(vocabulary), *pre_tokenizer, is_llama3));
  INFERD_RETURN_IF_ERROR(tokenizer->IndexTokens(file));
  INFERD_RETURN_IF_ERROR(tokenizer->ReadMerges(file));
  return tokenizer;
}

BpeTokenizer::BpeTokenizer(Vocabulary vocabulary, PreTokenizer pre_tokenizer, bool whole_words_first)
    : VocabularyTokenizer(std::move(vocabulary)), pre_tokenizer_(pre_tokenizer), whole_words_first_(whole_words_first) {}

Result<> BpeTokenizer::IndexTokens(const gguf::GgufFile& file) {
  normal_.reserve(vocabulary_.size());
  for (std::size_t i = 0; i < vocabulary_.size(); ++i) {
    if (vocabulary_.types[i] != TokenType::kNormal || vocabulary_.bytes[i].empty()) continue;
    const auto [entry, is_new] = normal_.try_emplace(vocabulary_.bytes[i], static_cast<TokenId>(i));
    if (!is_new) {
      return Corrupt(file, kTokensKey,
                     "token " + std::to_string(i) + " is the same as token " + std::to_string(entry->second) + ", expected each once");
    }
  }
  byte_tokens_.reserve(256);
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = normal_.find(std::string(1, static_cast<char>(byte)));
    if (found == normal_.end()) {
      return Corrupt(file, kTokensKey, "no token stands for byte " + std::to_string(byte) + ", expected one for each byte");
    }
    byte_tokens_.push_back(found->second);
  }
  return {};
}

Result<> BpeTokenizer::ReadMerges(const gguf::GgufFile& file) {
  if (!file.Has(kMergesKey)) return Corrupt(file, kMergesKey, "is missing, expected the list of merges");
  INFERD_ASSIGN_OR_RETURN(const auto lines, file.GetStrings(kMergesKey));
  merges_.reserve(lines.size());
  for (std::size_t rank = 0; rank < lines.size(); ++rank) {
    const auto bad = [&](const std::string& what) {
      return Corrupt(file, kMergesKey, "merge " + std::to_string(rank) + " '" + ReplaceInvalidUtf8(lines[rank]) + "': " + what);
    };
    // A space is spelled with another character, so the first one is the separator.
    const std::size_t space = lines[rank].find(' ');
    if (space == std::string_view::npos) return bad("expected two tokens with a space between");
    const auto left_bytes = BytesOf(lines[rank].substr(0, space));
    const auto right_bytes = BytesOf(lines[rank].substr(space + 1));
    if (!left_bytes || !right_bytes) return bad("expected two tokens in the byte-level spelling");
    const auto left = normal_.find(*left_bytes);
    const auto right = normal_.find(*right_bytes);
    const auto merged = normal_.find(*left_bytes + *right_bytes);
    if (left == normal_.end() || right == normal_.end() || merged == normal_.end()) {
      return bad("expected both parts and the whole in the vocabulary");
    }
    merges_.try_emplace(PairKey(left->second, right->second), Merge{static_cast<std::uint32_t>(rank), merged->second});
  }
  return {};
}

// ---- Encoding ------------------------------------------------------------------------------------------------------------------

// A word while it is merged: a doubly linked list of tokens in arrays, and the pairs of neighbours that may merge, best first.
// Reused from word to word.
struct BpeTokenizer::Scratch {
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;
  struct Symbol {
    TokenId token;  // -1: merged into the one before
    std::uint32_t previous, next;
  };
  struct Candidate {
    std::uint32_t rank;
    std::uint32_t left;  // position of the left symbol
    TokenId left_token, right_token, merged;
    // Of equal rank, the leftmost goes first.
    bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
  };
  std::vector<std::string_view> words;
  std::vector<Symbol> symbols;
  std::priority_queue<Candidate> candidates;
};

void BpeTokenizer::EncodePlain(std::string_view text, bool /*begins*/, std::vector<TokenId>& out) const {
  Scratch scratch;
  SplitWords(pre_tokenizer_, text, scratch.words);
  for (const std::string_view word : scratch.words) EncodeWord(word, scratch, out);
}

void BpeTokenizer::EncodeWord(std::string_view word, Scratch& scratch, std::vector<TokenId>& out) const {
  if (whole_words_first_) {
    if (const auto whole = normal_.find(word); whole != normal_.end()) {
      out.push_back(whole->second);
      return;
    }
  }
  auto& symbols = scratch.symbols;
  symbols.clear();
  const auto count = static_cast<std::uint32_t>(word.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    symbols.push_back(
        {byte_tokens_[static_cast<std::uint8_t>(word[i])], i == 0 ? Scratch::kNone : i - 1, i + 1 == count ? Scratch::kNone : i + 1});
  }
  const auto consider = [&](std::uint32_t left) {
    if (left == Scratch::kNone || symbols[left].next == Scratch::kNone) return;
    const TokenId left_token = symbols[left].token;
    const TokenId right_token = symbols[symbols[left].next].token;
    const auto merge = merges_.find(PairKey(left_token, right_token));
    if (merge == merges_.end()) return;
    scratch.candidates.push({merge->second.rank, left, left_token, right_token, merge->second.merged});
  };
  for (std::uint32_t i = 0; i + 1 < count; ++i) consider(i);
  while (!scratch.candidates.empty()) {
    const Scratch::Candidate best = scratch.candidates.top();
    scratch.candidates.pop();
    Scratch::Symbol& left = symbols[best.left];
    // One of the two may have merged with its other neighbour since.
    if (left.token != best.left_token || left.next == Scratch::kNone) continue;
    Scratch::Symbol& right = symbols[left.next];
    if (right.token != best.right_token) continue;
    left.token = best.merged;
    right.token = -1;
    left.next = right.next;
    if (right.next != Scratch::kNone) symbols[right.next].previous = best.left;
    consider(left.previous);
    consider(best.left);
  }
  for (std::uint32_t i = 0; i != Scratch::kNone && i < count; i = symbols[i].next) out.push_back(symbols[i].token);
}

}  // namespace inferd::model
