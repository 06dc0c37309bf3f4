// The rules of PromQL that go beyond its grammar: which types meet, and which modifiers make sense. For the parser. Pure.
#pragma once

#include <string>

#include "metrics/promql/ast.h"
#include "runtime/base/status.h"

namespace inferd::metrics::promql {

// What is wrong with a node whose children are sound, and where; sets the node's type and depth, and whether it is the same at every step.
struct Fault {
  std::size_t position = 0;
  std::string what;
};
tl::expected<void, Fault> CheckNode(Node& node);

}  // namespace inferd::metrics::promql
