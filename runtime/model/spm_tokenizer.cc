#include "runtime/model/spm_tokenizer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <queue>
#include <utility>

#include "runtime/base/utf8.h"

namespace inferd::model {
namespace {

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";
constexpr std::string_view kSpaceSpelling = "\xE2\x96\x81";  // U+2581

std::string WithSpaces(std::string_view spelled) {
  std::string text;
  for (std::size_t i = 0; i < spelled.size();) {
    if (spelled.substr(i).starts_with(kSpaceSpelling)) {
      text.push_back(' ');
      i += kSpaceSpelling.size();
    } else {
      text.push_back(spelled[i++]);
    }
  }
  return text;
}

// "<0x0A>" is 10.
std::optional<std::uint8_t> ByteOf(std::string_view name) {
  if (name.size() != 6 || !name.starts_with("<0x") || name.back() != '>') return std::nullopt;
  std::uint8_t byte = 0;
  const auto [end, error] = std::from_chars(name.data() + 3, name.data() + 5, byte, 16);
  if (error != std::errc() || end != name.data() + 5) return std::nullopt;
  return byte;
}

}  // namespace

// ---- Construction --------------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<Tokenizer>> SpmTokenizer::FromGguf(const gguf::GgufFile& file) {
  INFERD_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::FromGguf(file, {.add_bos = true, .bos = 1, .eos = 2}));

  std::array<TokenId, 256> byte_tokens{};
  byte_tokens.fill(-1);
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    std::string& bytes = vocabulary.bytes[i];
    if (vocabulary.types[i] == TokenType::kByte) {
      const std::optional<std::uint8_t> byte = ByteOf(bytes);
      if (!byte) {
        return Corrupt(file, kTokensKey, "token " + std::to_string(i) + " is of type byte, expected a name like <0x0A>");
      }
      if (byte_tokens[*byte] < 0) byte_tokens[*byte] = static_cast<TokenId>(i);
      bytes.assign(1, static_cast<char>(*byte));
    } else if (!vocabulary.IsNameOnly(static_cast<TokenId>(i))) {
      bytes = WithSpaces(bytes);
    }
  }
  if (const auto missing = std::ranges::find(byte_tokens, -1); missing != byte_tokens.end()) {
    return Corrupt(file, kTokensKey,
                   "no token stands for byte " + std::to_string(missing - byte_tokens.begin()) + ", expected one for each byte");
  }

  if (!file.Has(kScoresKey)) return Corrupt(file, kScoresKey, "is missing, expected a score for each token");
  INFERD_ASSIGN_OR_RETURN(const std::vector<float> scores, file.GetFloats(kScoresKey));
  if (scores.size() != vocabulary.size()) {
    return Corrupt(
        file, kScoresKey,
        "found " + std::to_string(scores.size()) + " scores, expected one for each of " + std::to_string(vocabulary.size()) + " tokens");
  }
  constexpr std::string_view kPrefixKey = "tokenizer.ggml.add_space_prefix";
  bool add_space_prefix = true;
  if (file.Has(kPrefixKey)) {
    INFERD_ASSIGN_OR_RETURN(add_space_prefix, file.GetBool(kPrefixKey));
  }

  std::unique_ptr<SpmTokenizer> tokenizer(new SpmTokenizer(std::move(vocabulary), byte_tokens, add_space_prefix));
  const Vocabulary& tokens = tokenizer->vocabulary_;
  tokenizer->pieces_.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (std::isnan(scores[i])) return Corrupt(file, kScoresKey, "token " + std::to_string(i) + " has no score, expected a number");
    if (tokens.types[i] != TokenType::kNormal || tokens.bytes[i].empty()) continue;
    tokenizer->pieces_.try_emplace(tokens.bytes[i], Piece{static_cast<TokenId>(i), scores[i]});
    tokenizer->longest_piece_ = std::max(tokenizer->longest_piece_, tokens.bytes[i].size());
  }
  return tokenizer;
}

SpmTokenizer::SpmTokenizer(Vocabulary vocabulary, std::array<TokenId, 256> byte_tokens, bool add_space_prefix)
    : VocabularyTokenizer(std::move(vocabulary)), byte_tokens_(byte_tokens), add_space_prefix_(add_space_prefix) {}

// ---- Encoding ------------------------------------------------------------------------------------------------------------------

namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFFU;

// A stretch of the text, in a doubly linked list; size 0 once it has been merged into the one before.
struct Symbol {
  std::size_t begin, size;
  std::uint32_t previous, next;
  TokenId token;  // -1: no token
};

struct Candidate {
  float score;
  std::uint32_t left, right;
  std::size_t size;  // of both: tells whether either has merged since
  TokenId merged;
  // Of equal score, the leftmost goes first.
  bool operator<(const Candidate& other) const { return score != other.score ? score < other.score : left > other.left; }
};

}  // namespace

void SpmTokenizer::EncodePlain(std::string_view text, bool begins, std::vector<TokenId>& out) const {
  std::string prefixed;
  if (begins && add_space_prefix_) {
    prefixed.reserve(text.size() + 1);
    prefixed.push_back(' ');
    prefixed += text;
    text = prefixed;
  }

  std::vector<Symbol> symbols;
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t length = DecodeUtf8(text, position).length;
    const auto index = static_cast<std::uint32_t>(symbols.size());
    const auto piece = pieces_.find(text.substr(position, length));
    symbols.push_back({position, length, index - 1, index + 1, piece == pieces_.end() ? -1 : piece->second.token});
    position += length;
  }
  symbols.front().previous = kNone;
  symbols.back().next = kNone;

  std::priority_queue<Candidate> candidates;
  const auto consider = [&](std::uint32_t left) {
    if (left == kNone || symbols[left].next == kNone) return;
    const std::uint32_t right = symbols[left].next;
    const std::size_t size = symbols[left].size + symbols[right].size;
    if (size > longest_piece_) return;
    const auto piece = pieces_.find(text.substr(symbols[left].begin, size));
    if (piece == pieces_.end()) return;
    candidates.push({piece->second.score, left, right, size, piece->second.token});
  };
  for (std::uint32_t i = 0; i + 1 < symbols.size(); ++i) consider(i);
  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    Symbol& left = symbols[best.left];
    Symbol& right = symbols[best.right];
    if (left.size == 0 || right.size == 0 || left.size + right.size != best.size) continue;
    left.size = best.size;
    left.token = best.merged;
    left.next = right.next;
    right.size = 0;
    if (left.next != kNone) symbols[left.next].previous = best.left;
    consider(left.previous);
    consider(best.left);
  }

  for (std::uint32_t i = 0; i != kNone; i = symbols[i].next) {
    const Symbol& symbol = symbols[i];
    if (symbol.token >= 0) {
      out.push_back(symbol.token);
      continue;
    }
    for (const char byte : text.substr(symbol.begin, symbol.size)) {
      out.push_back(byte_tokens_[static_cast<std::uint8_t>(byte)]);
    }
  }
}

std::string SpmTokenizer::Decode(std::span<const TokenId> tokens, bool show_special) const {
  std::string out;
  bool begins = true;
  for (const TokenId token : tokens) {
    if (!IsValid(token)) continue;
    std::string_view bytes = TokenBytes(token, show_special);
    const bool is_name = vocabulary_.IsNameOnly(token);
    if (begins && add_space_prefix_ && !is_name && vocabulary_.types[static_cast<std::size_t>(token)] != TokenType::kUserDefined &&
        bytes.starts_with(' ')) {
      bytes.remove_prefix(1);
    }
    begins = is_name;
    out += bytes;
  }
  return out;
}

}  // namespace inferd::model
