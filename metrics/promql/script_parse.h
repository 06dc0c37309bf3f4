// The commands of a PromQL test script; for script_test.cc. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "metrics/promql/series_notation.h"
#include "metrics/series/matcher.h"
#include "metrics/series/querier.h"
#include "runtime/base/status.h"

namespace inferd::metrics::promql {

struct LoadCommand {
  Millis interval = 0;
  bool with_custom_buckets = false;  // classic buckets are loaded as native histograms, too
  std::vector<NotedSeries> series = {};
};

struct ClearCommand {};

// What a message must be: exactly that text, a match of that expression, or anything at all.
struct ExpectedMessage {
  std::optional<std::string> text;
  std::shared_ptr<const Regex> regex;

  bool Matches(std::string_view message) const;
};

struct EvalCommand {
  std::string expr;
  bool range = false;
  Millis start = 0;
  Millis end = 0;
  Millis step = 1;

  std::vector<ExpectedMessage> fail;
  std::vector<ExpectedMessage> warn;
  std::vector<ExpectedMessage> info;
  bool no_warn = false;
  bool no_info = false;
  bool ordered = false;
  std::optional<std::string> text;  // a string is expected
  std::optional<double> scalar;     // a scalar is expected
  std::vector<NotedSeries> series;  // else these series
  struct RangeVector {
    Millis start = 0;
    Millis step = 1;
  };
  std::optional<RangeVector> range_vector;  // an instant query that gives samples at these times
};

struct Command {
  std::size_t line = 0;
  std::variant<LoadCommand, ClearCommand, EvalCommand> as;
};

struct ScriptFault {
  std::size_t line = 0;
  std::string message;
};

// A command that is malformed becomes a fault, and reading goes on behind the next empty line.
struct ParsedScript {
  std::vector<Command> commands;
  std::vector<ScriptFault> faults;
};
ParsedScript ParseScript(std::string_view script);

}  // namespace inferd::metrics::promql
