// The composition root: makes everything from a configuration, runs it until it is told to stop, takes it apart in the right order.
// One per process; Run is called from the main thread, which must have blocked SIGTERM, SIGINT and SIGHUP before any thread was made.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"
#include "daemon/service_manager.h"
#include "daemon/views.h"

namespace inferd::daemon {

struct AppOptions {
  config::Sources sources;  // where a reload reads the configuration from
  std::string ports_file;   // empty: none
  ServiceManager service;
};

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;  // trying again will not help: the configuration, a model file or the usage is wrong

class App {
 public:
  // `observability` may be empty: then there is none.
  App(config::Config config, AppOptions options, const ObservabilityFactory& observability);
  App(const App&) = delete;
  App& operator=(const App&) = delete;
  ~App();

  // Serves until a signal ends it. The process's exit code.
  int Run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace inferd::daemon
