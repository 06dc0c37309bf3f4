// inferd: reads the command line and the configuration, and hands over to App.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <system_error>
#include <utility>

#include "config/config.h"
#include "daemon/app.h"
#include "daemon/command_line.h"
#include "daemon/crash.h"
#include "daemon/log.h"
#include "daemon/notifier_options.h"
#include "daemon/observability/plane.h"
#include "daemon/reload.h"
#include "daemon/rules.h"
#include "daemon/service_manager.h"
#include "daemon/version.h"

namespace inferd::daemon {
namespace {

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
  CommandLine line;
  CLI::App cli;
  AddCommandLine(cli, line);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return cli.exit(e) == 0 ? kExitOk : kExitUsage;
  }
  if (line.version) {
    std::cout << "inferd " << Version() << " (" << Revision() << ", " << Compiler() << ")\n";
    return kExitOk;
  }
  if (line.markdown) {
    std::cout << config::Markdown();
    return kExitOk;
  }

  auto service = ServiceManager::FromEnvironment();
  if (!service) {
    std::cerr << service.error().message << "\n";
    return kExitUsage;
  }
  AppOptions options{.sources = std::move(line.sources), .ports_file = std::move(line.ports_file), .service = std::move(*service)};
  options.sources.environment = config::ProcessEnvironment();
  for (const ServiceManager::Socket& socket : options.service.sockets()) options.sources.sockets.push_back(socket.address);
  const auto loaded = config::Load(options.sources);
  if (!loaded) {
    for (const config::Fault& fault : loaded.error()) std::cerr << fault.ToString() << "\n";
    return kExitUsage;
  }
  // Whoever checks a file by hand has not the credentials of the service.
  if (const auto keys = LoadKeys(loaded->config); !keys && !(line.check && keys.error().code == Code::kUnavailable)) {
    std::cerr << keys.error().message << "\n";
    return kExitUsage;
  }
  if (const auto notifiers = NotifierOptionsOf(loaded->config.alerts);
      !notifiers && !(line.check && notifiers.error().code == Code::kUnavailable)) {
    std::cerr << notifiers.error().message << "\n";
    return kExitUsage;
  }
  if (const auto rules = LoadRules(loaded->config.alerts); !rules) {
    std::cerr << rules.error().message << "\n";
    return kExitUsage;
  }
  if (line.check) return kExitOk;

  InstallCrashHandler(StateFolder());
  OpenLog(loaded->config.logs);
  SetCrashLog(&ProcessLog());
  int code = kExitFailure;
  {
    App app(loaded->config, std::move(options), loaded->config.observability.enabled ? MakeObservabilityPlane : ObservabilityFactory());
    code = app.Run();
  }
  // Nobody takes the last lines: that must not keep the process from ending.
  if (!CloseLog()) ::_exit(code);
  return code;
}

}  // namespace
}  // namespace inferd::daemon

int main(int argc, char** argv) {
  try {
    return inferd::daemon::Main(argc, argv);
  } catch (const std::exception& e) {
    const auto* system = dynamic_cast<const std::system_error*>(&e);
    const bool threads = system != nullptr && system->code() == std::errc::resource_unavailable_try_again;
    std::fprintf(stderr, "inferd: %s%s\n", e.what(),
                 threads ? ": no more threads: raise TasksMax= of the unit, or the user's limit of processes" : "");
    return inferd::daemon::kExitFailure;
  }
}
