// inferd: reads the command line and the configuration, and hands over to App.
#include <signal.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

#include "config/config.h"
#include "daemon/api/keys.h"
#include "daemon/app.h"
#include "daemon/log.h"
#include "daemon/observability/plane.h"
#include "daemon/version.h"

namespace inferd::daemon {
namespace {

constexpr const char* kDefaultConfig = "/etc/inferd/inferd.yaml";

// Signals are taken by the main thread when it asks for them; every later thread inherits the mask.
void BlockSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

// Each connection is an open file, and a process starts with a soft limit of 1024: less than api.max_connections.
void RaiseFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int Main(int argc, char** argv) {
  BlockSignals();
  RaiseFileLimit();
  CLI::App cli{"inferd serves language models over OpenAI's protocol and shows what it does", "inferd"};
  AppOptions options;
  options.sources.file = kDefaultConfig;
  bool check = false;
  bool version = false;
  bool markdown = false;
  cli.add_option("--config", options.sources.file, "configuration file")->capture_default_str();
  cli.add_flag("--check", check, "check the configuration and exit: 0 when it is good, 2 when it is not");
  cli.add_option("--set", options.sources.sets, "override one key: section.key=value; may be given several times")->allow_extra_args(false);
  cli.add_option("--ports-file", options.ports_file, "write the ports really listened on to this file, as JSON");
  cli.add_flag("--version", version, "print version, revision and compiler, and exit");
  cli.add_flag("--help-config-markdown", markdown, "print the page docs/CONFIGURATION.md, and exit");
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return cli.exit(e) == 0 ? kExitOk : kExitUsage;
  }
  if (version) {
    std::cout << "inferd " << Version() << " (" << Revision() << ", " << Compiler() << ")\n";
    return kExitOk;
  }
  if (markdown) {
    std::cout << config::Markdown();
    return kExitOk;
  }

  options.sources.environment = config::ProcessEnvironment();
  const auto loaded = config::Load(options.sources);
  if (!loaded) {
    for (const config::Fault& fault : loaded.error()) std::cerr << fault.ToString() << "\n";
    return kExitUsage;
  }
  if (loaded->config.auth.keys_file) {
    if (const auto keys = KeyStore::Load(*loaded->config.auth.keys_file); !keys) {
      std::cerr << keys.error().message << "\n";
      return kExitUsage;
    }
  }
  if (check) return kExitOk;

  SetLogLevel(loaded->config.logs.level);
  App app(loaded->config, std::move(options), loaded->config.observability.enabled ? MakeObservabilityPlane : ObservabilityFactory());
  return app.Run();
}

}  // namespace
}  // namespace inferd::daemon

int main(int argc, char** argv) {
  try {
    return inferd::daemon::Main(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "inferd: %s\n", e.what());
    return inferd::daemon::kExitFailure;
  }
}
