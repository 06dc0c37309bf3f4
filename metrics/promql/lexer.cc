#include "metrics/promql/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "metrics/promql/format.h"
#include "runtime/base/utf8.h"

namespace inferd::metrics::promql {
namespace {

constexpr bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
constexpr bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

struct Symbol {
  std::string_view text;
  TokenKind kind;
};
// Longer ones first.
constexpr std::array<Symbol, 25> kSymbols = {{
    {"=~", TokenKind::kMatchRegex},
    {"!~", TokenKind::kMatchNotRegex},
    {"==", TokenKind::kEqual},
    {"!=", TokenKind::kNotEqual},
    {">=", TokenKind::kGreaterOrEqual},
    {"<=", TokenKind::kLessOrEqual},
    {">", TokenKind::kGreater},
    {"<", TokenKind::kLess},
    {"=", TokenKind::kAssign},
    {"(", TokenKind::kLeftParen},
    {")", TokenKind::kRightParen},
    {"{", TokenKind::kLeftBrace},
    {"}", TokenKind::kRightBrace},
    {"[", TokenKind::kLeftBracket},
    {"]", TokenKind::kRightBracket},
    {",", TokenKind::kComma},
    {"@", TokenKind::kAt},
    {"+", TokenKind::kAdd},
    {"-", TokenKind::kSubtract},
    {"*", TokenKind::kMultiply},
    {"/", TokenKind::kDivide},
    {"%", TokenKind::kModulo},
    {"^", TokenKind::kPower},
    {":", TokenKind::kColon},
    {"", TokenKind::kEnd},
}};

class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}

  Result<std::vector<Token>> Run() {
    while (SkipSpace(), position_ < query_.size()) INFERD_RETURN_IF_ERROR(Next());
    if (brace_open_) return tl::unexpected(Fail(query_.size(), "unexpected end of input inside braces"));
    if (bracket_open_) return tl::unexpected(Fail(query_.size(), "unexpected end of input inside brackets"));
    if (parens_ > 0) return tl::unexpected(Fail(query_.size(), "unclosed left parenthesis"));
    tokens_.push_back({.kind = TokenKind::kEnd, .text = {}, .range = {query_.size(), query_.size()}});
    return std::move(tokens_);
  }

 private:
  Status Fail(std::size_t position, std::string_view what) const { return ParseError(query_, position, what); }

  void SkipSpace() {
    while (position_ < query_.size() && (IsSpace(query_[position_]) || query_[position_] == '#')) {
      if (query_[position_] == '#') {
        position_ = std::min(query_.find('\n', position_), query_.size());
      } else {
        ++position_;
      }
    }
  }

  char Peek(std::size_t ahead = 0) const { return position_ + ahead < query_.size() ? query_[position_ + ahead] : '\0'; }

  Token& Push(TokenKind kind, std::size_t length) {
    tokens_.push_back({.kind = kind, .text = std::string(query_.substr(position_, length)), .range = {position_, position_ + length}});
    position_ += length;
    return tokens_.back();
  }

  Result<> Next() {
    const char c = Peek();
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return Number();
    if (IsLetter(c) || (c == ':' && !brace_open_ && !bracket_open_)) {
      Identifier();
      return {};
    }
    if (c == '"' || c == '\'' || c == '`') {
      auto quoted = ReadQuoted(query_.substr(position_));
      if (!quoted) return tl::unexpected(Fail(position_, quoted.error().message));
      if (!IsValidUtf8(query_.substr(position_, quoted->length))) return tl::unexpected(Fail(position_, "invalid UTF-8 rune"));
      Push(TokenKind::kString, quoted->length).text = std::move(quoted->value);
      return {};
    }
    return Operator();
  }

  void Identifier() {
    std::size_t length = 1;
    while (IsLetter(Peek(length)) || IsDigit(Peek(length)) || (Peek(length) == ':' && !brace_open_ && !bracket_open_)) ++length;
    Push(TokenKind::kIdentifier, length);
  }

  // A number, or a duration: digits and a unit, as often as they follow each other.
  Result<> Number() {
    std::size_t length = 0;
    const auto digits = [&](auto accepts) {
      while (accepts(Peek(length)) || (Peek(length) == '_' && accepts(Peek(length + 1)))) ++length;
    };
    if (Peek() == '0' && (Peek(1) == 'x' || Peek(1) == 'X')) {
      length = 2;
      digits(IsHexDigit);
    } else {
      digits(IsDigit);
      if (std::string_view("smhdwy").find(Peek(length)) != std::string_view::npos && Peek(length) != '\0') return DurationToken();
      if (Peek(length) == '.') {
        ++length;
        digits(IsDigit);
      }
      const std::size_t sign = Peek(length + 1) == '+' || Peek(length + 1) == '-' ? 1 : 0;
      if ((Peek(length) == 'e' || Peek(length) == 'E') && IsDigit(Peek(length + 1 + sign))) {
        length += 1 + sign;
        digits(IsDigit);
      }
    }
    const auto value = ParseNumber(query_.substr(position_, length));
    if (!value || IsLetter(Peek(length)) || IsDigit(Peek(length)) || Peek(length) == '.') {
      return tl::unexpected(BadNumber(length));
    }
    Push(TokenKind::kNumber, length).number = *value;
    return {};
  }

  Result<> DurationToken() {
    std::size_t length = 0;
    while (IsDigit(Peek(length)) || IsLetter(Peek(length))) ++length;
    const auto value = ParseDuration(query_.substr(position_, length));
    if (!value) return tl::unexpected(BadNumber(length));
    Token& token = Push(TokenKind::kDuration, length);
    token.duration = *value;
    token.number = static_cast<double>(*value) / 1000;
    return {};
  }

  Status BadNumber(std::size_t length) const {
    while (IsDigit(Peek(length)) || IsLetter(Peek(length)) || Peek(length) == '.') ++length;
    return Fail(position_, "bad number or duration syntax: " + Quoted(query_.substr(position_, length)));
  }

  Result<> Operator() {
    const auto* const symbol =
        std::ranges::find_if(kSymbols, [&](const Symbol& s) { return query_.substr(position_).starts_with(s.text); });
    if (symbol->kind == TokenKind::kEnd) {
      const auto [value, length] = DecodeUtf8(query_, position_);
      if (value == kInvalidCodePoint) return tl::unexpected(Fail(position_, "invalid UTF-8"));
      return tl::unexpected(Fail(position_, "unexpected character: '" + std::string(query_.substr(position_, length)) + "'"));
    }
    switch (symbol->kind) {
      case TokenKind::kLeftBrace:
        if (brace_open_) return tl::unexpected(Fail(position_, "unexpected left brace '{'"));
        brace_open_ = true;
        break;
      case TokenKind::kRightBrace:
        if (!brace_open_) return tl::unexpected(Fail(position_, "unexpected right brace '}'"));
        brace_open_ = false;
        break;
      case TokenKind::kLeftBracket:
        if (bracket_open_) return tl::unexpected(Fail(position_, "unexpected left bracket '['"));
        bracket_open_ = true;
        break;
      case TokenKind::kRightBracket:
        if (!bracket_open_) return tl::unexpected(Fail(position_, "unexpected right bracket ']'"));
        bracket_open_ = false;
        break;
      case TokenKind::kLeftParen: ++parens_; break;
      case TokenKind::kRightParen:
        if (parens_ == 0) return tl::unexpected(Fail(position_, "unexpected right parenthesis ')'"));
        --parens_;
        break;
      default: break;
    }
    Push(symbol->kind, symbol->text.size());
    return {};
  }

  std::string_view query_;
  std::size_t position_ = 0;
  std::vector<Token> tokens_;
  bool brace_open_ = false;
  bool bracket_open_ = false;
  int parens_ = 0;
};

// Appends what an escape stands for; text[0] is the character behind the backslash. Gives the bytes used, or nothing.
std::optional<std::size_t> ReadEscape(std::string_view text, char quote, std::string& out) {
  constexpr std::string_view kNames = "abfnrtv\\";
  constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\";
  if (text.empty()) return std::nullopt;
  if (text[0] == quote) {
    out.push_back(quote);
    return 1;
  }
  if (const auto known = kNames.find(text[0]); known != std::string_view::npos) {
    out.push_back(kValues[known]);
    return 1;
  }
  std::size_t digits = 0;
  int base = 16;
  std::size_t start = 1;
  switch (text[0]) {
    case 'x': digits = 2; break;
    case 'u': digits = 4; break;
    case 'U': digits = 8; break;
    default:
      if (text[0] < '0' || text[0] > '7') return std::nullopt;
      digits = 3;
      base = 8;
      start = 0;
  }
  if (text.size() < start + digits) return std::nullopt;
  std::uint32_t value = 0;
  const char* const first = text.data() + start;
  const auto [end, error] = std::from_chars(first, first + digits, value, base);
  if (error != std::errc() || end != first + digits) return std::nullopt;
  if (digits <= 3) {
    if (value > 255) return std::nullopt;
    out.push_back(static_cast<char>(value));
  } else {
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return std::nullopt;
    AppendUtf8(out, value);
  }
  return start + digits;
}

}  // namespace

Status ParseError(std::string_view query, std::size_t position, std::string_view what) {
  position = std::min(position, query.size());
  const std::string_view before = query.substr(0, position);
  const auto line = std::ranges::count(before, '\n') + 1;
  const auto line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return {Code::kInvalidArgument,
          std::to_string(line) + ":" + std::to_string(position - line_start + 1) + ": parse error: " + std::string(what)};
}

Result<std::vector<Token>> Tokenize(std::string_view query) { return Lexer(query).Run(); }

Result<QuotedString> ReadQuoted(std::string_view text) {
  const char quote = text[0];
  if (quote == '`') {
    const auto end = text.find('`', 1);
    if (end == std::string_view::npos) return Error(Code::kInvalidArgument, "unterminated raw string");
    return QuotedString{std::string(text.substr(1, end - 1)), end + 1};
  }
  QuotedString result;
  std::size_t i = 1;
  while (i < text.size() && text[i] != quote && text[i] != '\n') {
    if (text[i] != '\\') {
      result.value.push_back(text[i++]);
      continue;
    }
    const auto used = ReadEscape(text.substr(i + 1), quote, result.value);
    if (!used) {
      if (i + 1 >= text.size()) return Error(Code::kInvalidArgument, "escape sequence not terminated");
      return Error(Code::kInvalidArgument, "unknown escape sequence \\" + std::string(text.substr(i + 1, 1)));
    }
    i += 1 + *used;
  }
  if (i >= text.size() || text[i] == '\n') return Error(Code::kInvalidArgument, "unterminated quoted string");
  result.length = i + 1;
  return result;
}

}  // namespace inferd::metrics::promql
