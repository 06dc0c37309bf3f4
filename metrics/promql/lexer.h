// Cuts the text of a PromQL expression into tokens. Pure; any bytes either become tokens or are refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/promql/ast.h"
#include "runtime/base/status.h"

namespace inferd::metrics::promql {

enum class TokenKind : std::uint8_t {
  kEnd,
  kIdentifier,  // keywords, too: what is one depends on where it stands
  kNumber,
  kDuration,
  kString,  // `text` is the value, without quotes and escapes
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kColon,
  kAt,
  kAssign,         // =
  kMatchRegex,     // =~
  kMatchNotRegex,  // !~
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kPower,
  kEqual,
  kNotEqual,
  kGreater,
  kLess,
  kGreaterOrEqual,
  kLessOrEqual,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  double number = 0;    // of a number; of a duration: seconds
  Millis duration = 0;  // of a duration
  TextRange range;
};

// "line:column: parse error: what", both counted from 1, columns in bytes, as Prometheus says it.
Status ParseError(std::string_view query, std::size_t position, std::string_view what);

// All tokens, the last one kEnd. Fails with a ParseError.
Result<std::vector<Token>> Tokenize(std::string_view query);

// The value of a string in quotes (", ' or `) at the start of `text`, and the bytes that it takes. Escapes as in Go, none in backquotes.
struct QuotedString {
  std::string value;
  std::size_t length = 0;
};
Result<QuotedString> ReadQuoted(std::string_view text);

}  // namespace inferd::metrics::promql
