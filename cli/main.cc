// inferctl: looks at model files and machines, talks to a running inferd, and measures it.
#include <curl/curl.h>

#include <cstdlib>

#include "CLI/CLI.hpp"
#include "cli/commands.h"

namespace inferd::cli {

namespace {

int Main(int argc, char** argv) {
  Context context;
  if (const char* key = std::getenv("INFERD_API_KEY")) context.api_key = key;  // NOLINT(concurrency-mt-unsafe): one thread as yet
  CLI::App app;
  AddCommandLine(app, context);
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
