// Runs scripts in the public test language of PromQL
// (https://github.com/prometheus/prometheus/blob/main/promql/promqltest/README.md): load, clear, eval instant, eval range, expect. Cases
// that need native histograms or experimental parts of the language are skipped and counted. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace inferd::metrics::promql {

struct ScriptReport {
  struct Failure {
    std::size_t line = 0;  // from 1
    std::string message;
  };
  int passed = 0;
  int failed = 0;
  int skipped = 0;
  std::vector<Failure> failures;  // in the order of their lines, one for each failed case or malformed command
};

ScriptReport RunScript(std::string_view script);

}  // namespace inferd::metrics::promql
