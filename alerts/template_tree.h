// The syntax tree of a template; for template.cc. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/status.h"

namespace inferd::alerts {

struct Pipeline;

// A part of a command: a literal, a variable, a field of the dot, a function's name, or a pipeline in parentheses; each with fields behind.
struct Operand {
  enum class Kind : std::uint8_t { kText, kNumber, kBool, kDot, kVariable, kFunction, kPipeline };
  Kind kind = Kind::kDot;
  std::string text;  // a text's value, a variable's or function's name
  double number = 0;
  std::shared_ptr<const Pipeline> pipeline;
  std::vector<std::string> fields;  // .Labels.instance
};

using Command = std::vector<Operand>;  // a function and its arguments, or a value

struct Pipeline {
  std::vector<std::string> variables;  // set from the value: $x :=, or $i, $x := in a range
  bool declares = false;               // := rather than =
  std::vector<Command> commands;       // the value of each is the last argument of the next
};

struct Element;
using Elements = std::vector<Element>;

struct Element {
  enum class Kind : std::uint8_t { kText, kOutput, kIf, kRange, kWith };
  Kind kind = Kind::kText;
  std::string text;
  Pipeline pipeline;
  Elements body;
  Elements otherwise;
};

// Fails with what is malformed.
Result<Elements> ParseTemplate(std::string_view text);

}  // namespace inferd::alerts
