// Reads a PromQL expression and checks its types. Pure. Hostile input is refused: too long, too deep, or malformed, with line and column.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "metrics/promql/ast.h"
#include "runtime/base/status.h"

namespace inferd::metrics::promql {

inline constexpr std::size_t kMaxQueryBytes = 64 << 10;
inline constexpr int kMaxDepth = 200;  // levels of the tree: bounds the stack of everybody who walks it

// A checked expression. Its regular expressions share the memory that one alone may take. Fails with kInvalidArgument, or kUnsupported for
// what Prometheus has only behind a flag for experimental parts: "line:column: parse error: what".
Result<std::shared_ptr<const Node>> Parse(std::string_view query);

// Whether a selector can name this metric without quotes: a plain name that is no word of the language.
bool CanStandAlone(std::string_view metric_name);

// A series as it is written in tests: name{a="b"}, {a="b"}, {"name", a="b"}.
Result<Labels> ParseSeriesName(std::string_view text);

}  // namespace inferd::metrics::promql
