#include "daemon/command_line.h"

#include <CLI/CLI.hpp>

namespace inferd::daemon {

void AddCommandLine(CLI::App& cli, CommandLine& line) {
  cli.name("inferd");
  cli.description("inferd serves language models over OpenAI's protocol and shows what it does");
  line.sources.file = "/etc/inferd/inferd.yaml";
  cli.add_option("--config", line.sources.file, "configuration file")->capture_default_str();
  cli.add_flag("--check", line.check, "check the configuration and exit: 0 when it is good, 2 when it is not");
  cli.add_option("--set", line.sources.sets, "override one key: section.key=value; may be given several times")->allow_extra_args(false);
  cli.add_option("--ports-file", line.ports_file, "write the ports really listened on to this file, as JSON");
  cli.add_flag("--version", line.version, "print version, revision and compiler, and exit");
  cli.add_flag("--help-config-markdown", line.markdown, "print the page docs/CONFIGURATION.md, and exit");
}

}  // namespace inferd::daemon
