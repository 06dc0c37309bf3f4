// inferctl's command line as a whole: the common options, and every command.
#include <cstdio>

#include "cli/commands.h"

namespace inferd::cli {

void Context::Fail(std::string_view what) {
  std::fprintf(stderr, "inferctl: %.*s\n", static_cast<int>(what.size()), what.data());
  exit_code = kExitBad;
}

void AddCommandLine(CLI::App& app, Context& context) {
  app.name("inferctl");
  app.description("inferctl: tools for the inferd inference daemon");
  app.add_option("--url,--api", context.api_url, "Address of the API")->capture_default_str();
  app.add_option("--observe-url,--observe", context.observe_url, "Address of the metrics and status pages")->capture_default_str();
  app.footer("INFERD_API_KEY: key for the API. Exit code: 0 good, 1 the thing checked is not good, 2 usage.");
  app.require_subcommand(1);
  app.fallthrough();  // the common options may stand after the command, too
  AddAlerts(app, context);
  AddAudit(app, context);
  AddBench(app, context);
  AddChat(app, context);
  AddConfig(app, context);
  AddDoctor(app, context);
  AddModel(app, context);
  AddPromql(app, context);
  AddQuery(app, context);
  AddReload(app, context);
  AddRules(app, context);
  AddSilence(app, context);
  AddStatus(app, context);
  AddTrace(app, context);
}

}  // namespace inferd::cli
