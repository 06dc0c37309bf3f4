// inferctl config: checks a configuration file as inferd would, and prints what a file, the environment and the command line amount to.
#include "config/config.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "cli/commands.h"

namespace inferd::cli {
namespace {

struct ConfigOptions {
  config::Sources sources;
};

// The configuration, or nothing: then every fault is on stderr and the exit code is set.
std::optional<config::Loaded> Load(const ConfigOptions& options, Context& context) {
  config::Sources sources = options.sources;
  sources.environment = config::ProcessEnvironment();
  auto loaded = config::Load(sources);
  if (loaded) return std::move(*loaded);
  for (const config::Fault& fault : loaded.error()) std::fprintf(stderr, "%s\n", fault.ToString().c_str());
  context.exit_code = kExitBad;
  return std::nullopt;
}

void AddSets(CLI::App& command, ConfigOptions& options) {
  command.add_option("--set", options.sources.sets, "Override one key: section.key=value; may be given several times")
      ->allow_extra_args(false);
}

}  // namespace

void AddConfig(CLI::App& app, Context& context) {
  CLI::App* config = app.add_subcommand("config", "Check and print configurations");
  config->require_subcommand(1);

  const auto checked = std::make_shared<ConfigOptions>();
  CLI::App* check = config->add_subcommand("check", "Check a file: every fault with line and column, exit code 1 if there is one");
  check->add_option("FILE", checked->sources.file, "Configuration file")->required();
  AddSets(*check, *checked);
  check->callback([checked, &context] {
    if (Load(*checked, context)) std::printf("%s: good\n", checked->sources.file.c_str());
  });

  const auto printed = std::make_shared<ConfigOptions>();
  printed->sources.file = "/etc/inferd/inferd.yaml";
  CLI::App* print =
      config->add_subcommand("print", "Print every key with its value, and where a value comes from if not from the defaults");
  print->add_option("--config", printed->sources.file, "Configuration file")->capture_default_str();
  AddSets(*print, *printed);
  print->callback([printed, &context] {
    if (const auto loaded = Load(*printed, context)) std::fputs(config::ToYaml(*loaded).c_str(), stdout);
  });
}

}  // namespace inferd::cli
