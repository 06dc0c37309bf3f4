#include "metrics/promql/script_parse.h"

#include <algorithm>
#include <utility>

#include "metrics/promql/format.h"
#include "metrics/promql/lexer.h"

namespace inferd::metrics::promql {
namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Takes the next word off the front.
std::string_view TakeWord(std::string_view& text) {
  text = Trimmed(text);
  const auto end = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view word = text.substr(0, end);
  text = Trimmed(text.substr(end));
  return word;
}

tl::unexpected<Status> Malformed(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

Result<Millis> TakeDuration(std::string_view& text, std::string_view what) {
  const std::string_view word = TakeWord(text);
  const bool negative = word.starts_with('-');
  const auto duration = ParseDuration(negative ? word.substr(1) : word);
  if (!duration) return Malformed("malformed " + std::string(what) + ": " + std::string(word));
  return negative ? -*duration : *duration;
}

Result<> Keyword(std::string_view& text, std::string_view word) {
  if (TakeWord(text) == word) return {};
  return Malformed("expected \"" + std::string(word) + "\"");
}

// Without the quotes around it, if there are any.
std::string Unquoted(std::string_view text) {
  if (text.size() >= 2 && (text[0] == '"' || text[0] == '\'' || text[0] == '`')) {
    const auto quoted = ReadQuoted(text);
    if (quoted && quoted->length == text.size()) return quoted->value;
  }
  return std::string(text);
}

std::optional<double> BareNumber(std::string_view text) {
  const bool negative = text.starts_with('-');
  const auto value = ParseNumber(negative || text.starts_with('+') ? text.substr(1) : text);
  return value && negative ? std::optional(-*value) : value;
}

// What stands behind "expect fail", "expect warn" or "expect info".
Result<ExpectedMessage> ParseMessage(std::string_view text) {
  ExpectedMessage message;
  if (text.empty()) return message;
  if (text.starts_with("msg:")) {
    message.text = Unquoted(Trimmed(text.substr(4)));
    return message;
  }
  if (!text.starts_with("regex:")) return Malformed("expected \"msg:\" or \"regex:\"");
  const std::string pattern = Unquoted(Trimmed(text.substr(6)));
  auto regex = Regex::Compile(".*(?:" + pattern + ").*");
  if (!regex) return Malformed("malformed regular expression: " + regex.error().message);
  message.regex = std::make_shared<const Regex>(std::move(*regex));
  return message;
}

Result<> ParseExpect(std::string_view text, EvalCommand& eval) {
  TakeWord(text);
  const std::string_view kind = TakeWord(text);
  if (kind == "ordered") {
    if (eval.range) return Malformed("expect ordered is for instant queries");
    eval.ordered = true;
  } else if (kind == "no_warn") {
    eval.no_warn = true;
  } else if (kind == "no_info") {
    eval.no_info = true;
  } else if (kind == "string") {
    eval.text = Unquoted(text);
    return {};
  } else if (kind == "range") {
    INFERD_RETURN_IF_ERROR(Keyword(text, "vector"));
    INFERD_RETURN_IF_ERROR(Keyword(text, "from"));
    EvalCommand::RangeVector times;
    INFERD_ASSIGN_OR_RETURN(times.start, TakeDuration(text, "start"));
    INFERD_RETURN_IF_ERROR(Keyword(text, "to"));
    INFERD_RETURN_IF_ERROR(TakeDuration(text, "end"));
    INFERD_RETURN_IF_ERROR(Keyword(text, "step"));
    INFERD_ASSIGN_OR_RETURN(times.step, TakeDuration(text, "step"));
    eval.range_vector = times;
  } else if (kind == "fail" || kind == "warn" || kind == "info") {
    INFERD_ASSIGN_OR_RETURN(ExpectedMessage message, ParseMessage(text));
    (kind == "fail" ? eval.fail : kind == "warn" ? eval.warn : eval.info).push_back(std::move(message));
    return {};
  } else {
    return Malformed("unknown expectation: " + std::string(kind));
  }
  if (!text.empty()) return Malformed("nothing may stand behind expect " + std::string(kind));
  return {};
}

Result<> ParseExpectation(std::string_view line, EvalCommand& eval) {
  std::string_view rest = line;
  const std::string_view word = TakeWord(rest);
  if (word == "expect") return ParseExpect(line, eval);
  // The older way to say what a failure says.
  if (word == "expected_fail_message") {
    eval.fail = {{.text = std::string(rest), .regex = nullptr}};
    return {};
  }
  if (word == "expected_fail_regexp") {
    INFERD_ASSIGN_OR_RETURN(ExpectedMessage message, ParseMessage("regex:" + std::string(rest)));
    eval.fail = {std::move(message)};
    return {};
  }
  if (const auto number = BareNumber(line)) {
    eval.scalar = number;
    return {};
  }
  INFERD_ASSIGN_OR_RETURN(NotedSeries series, ParseNotedSeries(line));
  if (!eval.range && !eval.range_vector && series.values.size() != 1) return Malformed("an instant query has one value for a series");
  eval.series.push_back(std::move(series));
  return {};
}

Result<EvalCommand> ParseEvalLine(std::string_view line) {
  const std::string_view command = TakeWord(line);
  EvalCommand eval;
  if (command == "eval_fail") {
    eval.fail.emplace_back();
  } else if (command == "eval_warn") {
    eval.warn.emplace_back();
  } else if (command == "eval_info") {
    eval.info.emplace_back();
  } else if (command == "eval_ordered") {
    eval.ordered = true;
  } else if (command != "eval") {
    return Malformed("unknown command: " + std::string(command));
  }
  const std::string_view kind = TakeWord(line);
  if (kind == "instant") {
    std::string_view rest = line;
    if (TakeWord(rest) == "at") {
      line = rest;
      INFERD_ASSIGN_OR_RETURN(eval.start, TakeDuration(line, "time"));
    }
    eval.end = eval.start;
  } else if (kind == "range") {
    eval.range = true;
    INFERD_RETURN_IF_ERROR(Keyword(line, "from"));
    INFERD_ASSIGN_OR_RETURN(eval.start, TakeDuration(line, "start"));
    INFERD_RETURN_IF_ERROR(Keyword(line, "to"));
    INFERD_ASSIGN_OR_RETURN(eval.end, TakeDuration(line, "end"));
    INFERD_RETURN_IF_ERROR(Keyword(line, "step"));
    INFERD_ASSIGN_OR_RETURN(eval.step, TakeDuration(line, "step"));
    if (eval.end < eval.start || eval.step <= 0) return Malformed("a range needs a start before its end, and a step");
    if (eval.ordered) return Malformed("the result of a range query has no order");
  } else {
    return Malformed("eval must be followed by \"instant\" or \"range\"");
  }
  if (line.empty()) return Malformed("no query");
  eval.expr = std::string(line);
  return eval;
}

class Reader {
 public:
  explicit Reader(std::string_view script) {
    while (!script.empty()) {
      const auto end = std::min(script.find('\n'), script.size());
      lines_.push_back(Trimmed(script.substr(0, end)));
      script.remove_prefix(std::min(end + 1, script.size()));
    }
  }

  ParsedScript Run() {
    while (next_ < lines_.size()) {
      const std::size_t line = next_;
      if (lines_[line].empty() || lines_[line].starts_with('#')) {
        ++next_;
        continue;
      }
      Result<Command> command = One();
      if (command) {
        script_.commands.push_back(std::move(*command));
        continue;
      }
      script_.faults.push_back({std::min(next_, lines_.size() - 1) + 1, command.error().message});
      while (next_ < lines_.size() && !lines_[next_].empty()) ++next_;
    }
    return std::move(script_);
  }

 private:
  // The lines of a command's body, one after the other; false at the empty line or comment behind them.
  bool NextOfBody(std::string_view& line) {
    if (next_ >= lines_.size() || lines_[next_].empty() || lines_[next_].starts_with('#')) return false;
    line = lines_[next_];
    return true;
  }

  Result<Command> One() {
    const std::size_t number = next_ + 1;
    std::string_view line = lines_[next_];
    std::string_view rest = line;
    const std::string_view word = TakeWord(rest);
    if (word == "clear") {
      ++next_;
      return Command{number, ClearCommand{}};
    }
    if (word == "load" || word == "load_with_nhcb") {
      LoadCommand load{.with_custom_buckets = word != "load"};
      INFERD_ASSIGN_OR_RETURN(load.interval, TakeDuration(rest, "interval"));
      if (load.interval <= 0 || !rest.empty()) return Malformed("load needs one interval above 0");
      for (++next_; NextOfBody(line); ++next_) {
        INFERD_ASSIGN_OR_RETURN(NotedSeries series, ParseNotedSeries(line));
        load.series.push_back(std::move(series));
      }
      return Command{number, std::move(load)};
    }
    INFERD_ASSIGN_OR_RETURN(EvalCommand eval, ParseEvalLine(line));
    for (++next_; NextOfBody(line); ++next_) INFERD_RETURN_IF_ERROR(ParseExpectation(line, eval));
    return Command{number, std::move(eval)};
  }

  std::vector<std::string_view> lines_;
  std::size_t next_ = 0;
  ParsedScript script_;
};

}  // namespace

bool ExpectedMessage::Matches(std::string_view message) const {
  if (text) return message == *text;
  return regex == nullptr || regex->Matches(message);
}

ParsedScript ParseScript(std::string_view script) { return Reader(script).Run(); }

}  // namespace inferd::metrics::promql
