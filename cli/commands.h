// The commands of inferctl, one file each. A command adds its subcommand and options to the app, and its callback does the work: tables
// and text on stdout, what is wrong on stderr, the exit code in the context. To add a command: a file, a line here, a line in
// command_line.cc.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "CLI/CLI.hpp"
#include "runtime/base/clock.h"

namespace inferd::cli {

inline constexpr int kExitGood = 0;
inline constexpr int kExitBad = 1;  // the thing checked is not good, or it could not be reached
inline constexpr int kExitUsage = 2;

// In which a daemon answers what costs it little.
inline constexpr Duration kAnswerTimeout = std::chrono::seconds(10);

// Filled from the common options before a command's callback runs. Outlives all commands.
struct Context {
  std::string api_url = "http://127.0.0.1:8080";
  std::string observe_url = "http://127.0.0.1:9464";
  std::string api_key;  // from INFERD_API_KEY; empty: none
  int exit_code = kExitGood;

  // Reports a failure: one line on stderr, exit code 1.
  void Fail(std::string_view what);
};

void AddAlerts(CLI::App& app, Context& context);  // test, notifiers
void AddAudit(CLI::App& app, Context& context);   // verify
void AddBench(CLI::App& app, Context& context);
void AddChat(CLI::App& app, Context& context);
void AddConfig(CLI::App& app, Context& context);  // check, print
void AddDoctor(CLI::App& app, Context& context);
void AddModel(CLI::App& app, Context& context);   // inspect, verify
void AddPromql(CLI::App& app, Context& context);  // test
void AddQuery(CLI::App& app, Context& context);
void AddReload(CLI::App& app, Context& context);
void AddRules(CLI::App& app, Context& context);    // check, test
void AddSilence(CLI::App& app, Context& context);  // add, list, expire
void AddStatus(CLI::App& app, Context& context);
void AddTrace(CLI::App& app, Context& context);

// Commands below `alerts`.
void AddNotifiers(CLI::App& alerts, Context& context);

// Everything that inferctl's command line knows: for parsing it, and for its manual page and completions. `context` must outlive the app.
void AddCommandLine(CLI::App& app, Context& context);

}  // namespace inferd::cli
