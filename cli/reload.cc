// inferctl reload: tells a daemon to reload its configuration and waits for what comes of it. What the service's ExecReload= runs.
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "cli/commands.h"
#include "cli/text.h"
#include "config/reload_report.h"
#include "runtime/base/clock.h"
#include "runtime/base/errno_text.h"

namespace inferd::cli {
namespace {

constexpr Duration kPoll = std::chrono::milliseconds(10);

struct ReloadOptions {
  int pid = 0;
  double timeout = 30;  // seconds
  std::string report = config::ReloadReportPath();
};

// The report of a reload that began after `since`: it has read what was written before. One that went on already may not have.
std::optional<config::ReloadReport> ReportSince(const std::string& path, MonotonicTime since) {
  std::ifstream file(path, std::ios::binary);
  auto report = config::ParseReloadReport(std::string(std::istreambuf_iterator<char>(file), {}));
  return report && report->begun >= since ? std::move(report) : std::nullopt;
}

void Reload(const ReloadOptions& options, Context& context) {
  if (options.report.empty()) {
    return context.Fail("there is no folder where the daemon could answer: run it with RUNTIME_DIRECTORY set to a folder, and this too");
  }
  const SystemClock clock;
  const MonotonicTime begin = clock.Now();
  const auto gone = [&] { context.Fail("process " + std::to_string(options.pid) + ": " + ErrnoText(errno)); };
  if (::kill(options.pid, SIGHUP) != 0) return gone();
  while (clock.Now() < begin + FromSeconds(options.timeout)) {
    if (const auto report = ReportSince(options.report, begin)) {
      for (const std::string& fault : report->faults) std::fprintf(stderr, "%s\n", fault.c_str());
      if (!report->faults.empty()) context.Fail("the reload was refused, the running configuration stays");
      return;
    }
    if (::kill(options.pid, 0) != 0) return gone();
    std::this_thread::sleep_for(kPoll);
  }
  context.Fail("the daemon has not answered within " + FormatNumber(options.timeout, 1) + " s (" + options.report + ")");
}

}  // namespace

void AddReload(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("reload", "Reload the configuration of a running daemon; exit code 1 if it keeps the old one");
  const auto options = std::make_shared<ReloadOptions>();
  command->add_option("PID", options->pid, "The daemon's process")->required()->check(CLI::PositiveNumber);
  command->add_option("--timeout", options->timeout, "Seconds to wait for the daemon's answer")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->callback([options, &context] { Reload(*options, context); });
}

}  // namespace inferd::cli
