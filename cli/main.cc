// inferctl: looks at model files and machines, talks to a running inferd, and measures it.
#include <curl/curl.h>

#include <cstdio>
#include <cstdlib>

#include "CLI/CLI.hpp"
#include "cli/commands.h"

namespace inferd::cli {

void Context::Fail(std::string_view what) {
  std::fprintf(stderr, "inferctl: %.*s\n", static_cast<int>(what.size()), what.data());
  exit_code = kExitBad;
}

namespace {

int Main(int argc, char** argv) {
  Context context;
  if (const char* key = std::getenv("INFERD_API_KEY")) context.api_key = key;
  CLI::App app("inferctl: tools for the inferd inference daemon");
  app.add_option("--url,--api", context.api_url, "Address of the API")->capture_default_str();
  app.add_option("--observe-url,--observe", context.observe_url, "Address of the metrics and status pages")->capture_default_str();
  app.footer("INFERD_API_KEY: key for the API. Exit code: 0 good, 1 the thing checked is not good, 2 usage.");
  app.require_subcommand(1);
  app.fallthrough();  // the common options may stand after the command, too
  AddBench(app, context);
  AddChat(app, context);
  AddConfig(app, context);
  AddDoctor(app, context);
  AddModel(app, context);
  AddPromql(app, context);
  AddStatus(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitGood : kExitUsage;
  }
  return context.exit_code;
}

}  // namespace
}  // namespace inferd::cli

int main(int argc, char** argv) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const int code = inferd::cli::Main(argc, argv);
  curl_global_cleanup();
  return code;
}
