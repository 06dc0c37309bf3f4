#include "runtime/model/pretokenizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

#include "runtime/base/utf8.h"

namespace inferd::model {
namespace {

constexpr std::size_t kNoMatch = 0;  // no alternative of the expressions matches nothing

// ---- Code points ---------------------------------------------------------------------------------------------------------------

enum class Class : std::uint8_t {
  kLetter,  // \p{L}
  kNumber,  // \p{N}
  kSpace,   // \s: the property White_Space
  kSymbol,  // everything else
};

bool IsWhiteSpace(std::uint32_t c) {
  return (c >= 0x9 && c <= 0xD) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

Class Classify(std::uint32_t c) {
  if (c < 0x80) {
    if ((c | 0x20U) >= 'a' && (c | 0x20U) <= 'z') return Class::kLetter;
    if (c >= '0' && c <= '9') return Class::kNumber;
    return IsWhiteSpace(c) ? Class::kSpace : Class::kSymbol;
  }
  if (c == kInvalidCodePoint) return Class::kSymbol;
  if (IsWhiteSpace(c)) return Class::kSpace;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return Class::kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return Class::kNumber;
    default: return Class::kSymbol;
  }
}

bool IsNewline(std::uint32_t c) { return c == '\r' || c == '\n'; }

// One code point of a text and what follows it.
struct Point {
  std::uint32_t value;
  Class kind;
  std::size_t end;  // byte position after it
};

Point PointAt(std::string_view text, std::size_t position) {
  const CodePoint point = DecodeUtf8(text, position);
  return {point.value, Classify(point.value), position + point.length};
}

// End of the run of code points that satisfy `holds`, from `position` on; at most `limit` of them.
template <typename Predicate>
std::size_t RunEnd(std::string_view text, std::size_t position, Predicate holds, std::size_t limit = std::string_view::npos) {
  for (std::size_t n = 0; n < limit && position < text.size(); ++n) {
    const Point point = PointAt(text, position);
    if (!holds(point)) break;
    position = point.end;
  }
  return position;
}
std::size_t ClassRunEnd(std::string_view text, std::size_t position, Class kind, std::size_t limit = std::string_view::npos) {
  return RunEnd(
      text, position, [kind](const Point& p) { return p.kind == kind; }, limit);
}

// ---- Alternatives that the expressions share -----------------------------------------------------------------------------------
// Each returns the end of its match at `position`, or kNoMatch.

// 's|'t|'re|'ve|'m|'ll|'d. Without regard to case, U+017F (the long s) is an s as well: it folds to one.
std::size_t MatchContraction(std::string_view text, std::size_t position, bool any_case) {
  if (text[position] != '\'') return kNoMatch;
  const auto letter_at = [&](std::size_t i) -> char {
    if (i >= text.size()) return '\0';
    const char c = text[i];
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  };
  const char first = letter_at(position + 1);
  const char second = letter_at(position + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return position + 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return position + 3;
  constexpr std::string_view kLongS = "\xC5\xBF";
  if (any_case && text.substr(position + 1).starts_with(kLongS)) return position + 1 + kLongS.size();
  return kNoMatch;
}

// \s+(?!\S)|\s+: a run of spaces up to the end of the text, otherwise without its last one, which belongs to what follows; a lone
// space stands by itself.
std::size_t MatchSpaces(std::string_view text, std::size_t position) {
  std::size_t last = position;
  std::size_t end = position;
  while (end < text.size()) {
    const Point point = PointAt(text, end);
    if (point.kind != Class::kSpace) break;
    last = end;
    end = point.end;
  }
  if (end == text.size() || last == position) return end;
  return last;
}

// ---- llama-bpe, qwen2 ----------------------------------------------------------------------------------------------------------

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,D}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
// with D = `digits`.
std::size_t MatchLlamaWord(std::string_view text, std::size_t position, std::size_t digits) {
  if (const std::size_t end = MatchContraction(text, position, /*any_case=*/true)) return end;
  const Point first = PointAt(text, position);
  if (first.kind == Class::kLetter) return ClassRunEnd(text, first.end, Class::kLetter);
  if (first.kind == Class::kNumber) return ClassRunEnd(text, first.end, Class::kNumber, digits - 1);
  if (!IsNewline(first.value)) {
    if (const std::size_t end = ClassRunEnd(text, first.end, Class::kLetter); end > first.end) return end;
  }
  const std::size_t symbols = first.value == ' ' ? first.end : position;
  if (const std::size_t end = ClassRunEnd(text, symbols, Class::kSymbol); end > symbols) {
    return RunEnd(text, end, [](const Point& p) { return IsNewline(p.value); });
  }
  // \s*[\r\n]+ reaches to the last line break of the run of spaces.
  std::size_t after_newline = kNoMatch;
  for (std::size_t i = position; i < text.size();) {
    const Point point = PointAt(text, i);
    if (point.kind != Class::kSpace) break;
    i = point.end;
    if (IsNewline(point.value)) after_newline = i;
  }
  if (after_newline != kNoMatch) return after_newline;
  return MatchSpaces(text, position);
}

// ---- gpt-2 ---------------------------------------------------------------------------------------------------------------------

// '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t MatchGpt2Word(std::string_view text, std::size_t position) {
  if (const std::size_t end = MatchContraction(text, position, /*any_case=*/false)) return end;
  const std::size_t start = text[position] == ' ' ? position + 1 : position;
  if (start < text.size()) {
    const Point point = PointAt(text, start);
    if (point.kind != Class::kSpace) return ClassRunEnd(text, point.end, point.kind);
  }
  return MatchSpaces(text, position);
}

// ---- deepseek-llm --------------------------------------------------------------------------------------------------------------
// Not one expression but several, one after the other: each cuts every piece that the one before left, and what it matches becomes a
// piece of its own.

struct Range {
  std::uint32_t first, last;
};

bool Contains(std::span<const Range> ranges, std::uint32_t c) {
  const auto after = std::ranges::upper_bound(ranges, c, {}, &Range::first);
  return after != ranges.begin() && c <= std::prev(after)->last;
}

// Letters of the scripts that have upper and lower case, in order.
constexpr Range kDeepSeekLetters[] = {
    {0x41, 0x5A},       {0x61, 0x7A},       {0xB5, 0xB5},       {0xC0, 0xD6},       {0xD8, 0xF6},       {0xF8, 0x1BA},
    {0x1BC, 0x1BF},     {0x1C4, 0x293},     {0x295, 0x2AF},     {0x370, 0x373},     {0x376, 0x376},     {0x377, 0x377},
    {0x37B, 0x37D},     {0x37F, 0x37F},     {0x386, 0x386},     {0x388, 0x38A},     {0x38C, 0x38C},     {0x38E, 0x3A1},
    {0x3A3, 0x3F5},     {0x3F7, 0x481},     {0x48A, 0x52F},     {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},
    {0x13F8, 0x13FD},   {0x1C90, 0x1CBA},   {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},   {0x1D79, 0x1D9A},
    {0x1E00, 0x1F15},   {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},   {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},   {0x1F59, 0x1F59},
    {0x1F5B, 0x1F5B},   {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},   {0x1FB6, 0x1FBC},   {0x1FBE, 0x1FBE},
    {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},   {0x1FD6, 0x1FDB},   {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},
    {0x1FF6, 0x1FFC},   {0x2102, 0x2102},   {0x2107, 0x2107},   {0x210A, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211D},
    {0x2124, 0x2124},   {0x2126, 0x2126},   {0x2128, 0x2128},   {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},
    {0x213C, 0x213F},   {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2183},   {0x2184, 0x2184},   {0x2C00, 0x2C7B},
    {0x2C7E, 0x2CE4},   {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF2},   {0x2CF3, 0x2CF3},   {0xA640, 0xA66D},   {0xA680, 0xA69B},
    {0xA722, 0xA76F},   {0xA771, 0xA787},   {0xA78B, 0xA78E},   {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},
    {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},   {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB}, {0x10C80, 0x10CB2},
    {0x10CC0, 0x10CF2}, {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
};
// !-/ :-~ and their full-width forms, quotation marks, ideographic space, comma and full stop, in order. The second range holds the
// ASCII letters too: a word with other letters in it is cut at them.
constexpr Range kDeepSeekPunctuation[] = {{0x21, 0x2F},     {0x3A, 0x7E},     {0x2018, 0x201F},
                                          {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}};
constexpr Range kDeepSeekIdeographs[] = {{0x800, 0x9FA5}, {0xAC00, 0xD7FF}};

// Matchers of one step each: the end of the match at `position` of `piece`, or kNoMatch.

// [\r\n]
std::size_t MatchNewline(std::string_view piece, std::size_t position) {
  return IsNewline(static_cast<std::uint8_t>(piece[position])) ? position + 1 : kNoMatch;
}

// \s?[ranges]+
std::size_t MatchSpaceAndRanges(std::string_view piece, std::size_t position, std::span<const Range> ranges) {
  const auto in_ranges = [ranges](const Point& p) { return Contains(ranges, p.value); };
  const Point first = PointAt(piece, position);
  if (first.kind == Class::kSpace) {
    if (const std::size_t end = RunEnd(piece, first.end, in_ranges); end > first.end) return end;
  }
  const std::size_t end = RunEnd(piece, position, in_ranges);
  return end > position ? end : kNoMatch;
}
std::size_t MatchLetters(std::string_view piece, std::size_t position) { return MatchSpaceAndRanges(piece, position, kDeepSeekLetters); }
std::size_t MatchPunctuation(std::string_view piece, std::size_t position) {
  return MatchSpaceAndRanges(piece, position, kDeepSeekPunctuation);
}

// [ranges]+
std::size_t MatchIdeographs(std::string_view piece, std::size_t position) {
  const std::size_t end = RunEnd(piece, position, [](const Point& p) { return Contains(kDeepSeekIdeographs, p.value); });
  return end > position ? end : kNoMatch;
}

// \p{N}
std::size_t MatchDigit(std::string_view piece, std::size_t position) {
  const Point point = PointAt(piece, position);
  return point.kind == Class::kNumber ? point.end : kNoMatch;
}

using Pieces = std::vector<std::string_view>;

void AppendPiece(Pieces& pieces, std::string_view text, std::size_t begin, std::size_t end) {
  if (end > begin) pieces.push_back(text.substr(begin, end - begin));
}

template <typename Matcher>
Pieces Cut(const Pieces& pieces, Matcher match) {
  Pieces out;
  out.reserve(pieces.size());
  for (const std::string_view piece : pieces) {
    std::size_t begin = 0;
    for (std::size_t position = 0; position < piece.size();) {
      const std::size_t end = match(piece, position);
      if (end == kNoMatch) {
        position += DecodeUtf8(piece, position).length;
        continue;
      }
      AppendPiece(out, piece, begin, position);
      AppendPiece(out, piece, position, end);
      begin = position = end;
    }
    AppendPiece(out, piece, begin, piece.size());
  }
  return out;
}

// \s+$
Pieces CutTrailingSpaces(const Pieces& pieces) {
  Pieces out;
  out.reserve(pieces.size());
  for (const std::string_view piece : pieces) {
    std::size_t trailing = 0;
    for (std::size_t position = 0; position < piece.size();) {
      const Point point = PointAt(piece, position);
      position = point.end;
      if (point.kind != Class::kSpace) trailing = position;
    }
    AppendPiece(out, piece, 0, trailing);
    AppendPiece(out, piece, trailing, piece.size());
  }
  return out;
}

void SplitDeepSeekWords(std::string_view text, std::vector<std::string_view>& words) {
  Pieces pieces{text};
  pieces = Cut(pieces, MatchNewline);
  pieces = Cut(pieces, MatchLetters);
  pieces = Cut(pieces, MatchPunctuation);
  pieces = CutTrailingSpaces(pieces);
  pieces = Cut(pieces, MatchIdeographs);
  pieces = Cut(pieces, MatchDigit);
  words.insert(words.end(), pieces.begin(), pieces.end());
}

// ---- Names ---------------------------------------------------------------------------------------------------------------------

struct PreTokenizerEntry {
  std::string_view name;
  PreTokenizer pre_tokenizer;
};
// As the converters write them. "default" is not here on purpose: the reference cuts differently under that name than under any of these.
constexpr std::array<PreTokenizerEntry, 7> kPreTokenizers{{{"llama-bpe", PreTokenizer::kLlama3},
                                                           {"llama3", PreTokenizer::kLlama3},
                                                           {"llama-v3", PreTokenizer::kLlama3},
                                                           {"qwen2", PreTokenizer::kQwen2},
                                                           {"deepseek-r1-qwen", PreTokenizer::kQwen2},
                                                           {"deepseek-llm", PreTokenizer::kDeepSeekLlm},
                                                           {"gpt-2", PreTokenizer::kGpt2}}};

}  // namespace

std::optional<PreTokenizer> FindPreTokenizer(std::string_view name) {
  const auto* found = std::ranges::find(kPreTokenizers, name, &PreTokenizerEntry::name);
  if (found == kPreTokenizers.end()) return std::nullopt;
  return found->pre_tokenizer;
}

std::string SupportedPreTokenizers() {
  std::string names;
  for (const PreTokenizerEntry& name : kPreTokenizers) {
    if (!names.empty()) names += ", ";
    names += name.name;
  }
  return names;
}

void SplitWords(PreTokenizer pre_tokenizer, std::string_view text, std::vector<std::string_view>& words) {
  if (pre_tokenizer == PreTokenizer::kDeepSeekLlm) return SplitDeepSeekWords(text, words);
  for (std::size_t position = 0; position < text.size();) {
    std::size_t end = kNoMatch;
    switch (pre_tokenizer) {
      case PreTokenizer::kLlama3: end = MatchLlamaWord(text, position, 3); break;
      case PreTokenizer::kQwen2: end = MatchLlamaWord(text, position, 1); break;
      case PreTokenizer::kGpt2: end = MatchGpt2Word(text, position); break;
      case PreTokenizer::kDeepSeekLlm: break;  // above
    }
    words.push_back(text.substr(position, end - position));
    position = end;
  }
}

}  // namespace inferd::model
