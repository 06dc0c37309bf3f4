// inferctl promql: runs test scripts of the query language.
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/text.h"
#include "metrics/promql/script_test.h"

namespace inferd::cli {
namespace {

void RunScripts(const std::vector<std::string>& files, Context& context) {
  metrics::promql::ScriptReport total;
  for (const std::string& path : files) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    if (file) text << file.rdbuf();
    if (!file) {
      context.Fail("cannot read " + path);
      ++total.failed;
      continue;
    }
    const auto report = metrics::promql::RunScript(text.str());
    for (const auto& failure : report.failures) {
      std::printf("%s:%zu: %s\n", path.c_str(), failure.line, Printable(failure.message).c_str());
    }
    total.passed += report.passed;
    total.failed += report.failed;
    total.skipped += report.skipped;
  }
  std::printf("%d passed, %d failed, %d skipped\n", total.passed, total.failed, total.skipped);
  if (total.failed > 0) context.exit_code = kExitBad;
}

}  // namespace

void AddPromql(CLI::App& app, Context& context) {
  CLI::App* promql = app.add_subcommand("promql", "The query language");
  promql->require_subcommand(1);
  const auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* test = promql->add_subcommand(
      "test", "Run test scripts in Prometheus's public format; cases with native histograms or experimental functions are skipped");
  test->add_option("FILE", *files, "Scripts: load, clear, eval instant, eval range, expect")->required();
  test->callback([files, &context] { RunScripts(*files, context); });
}

}  // namespace inferd::cli
