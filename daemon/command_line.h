// inferd's command line, described once: for parsing it, and for its manual page and completions.
#pragma once

#include <string>

#include "config/config.h"

namespace CLI {
class App;
}

namespace inferd::daemon {

struct CommandLine {
  config::Sources sources;  // the file and the overrides
  bool check = false;
  std::string ports_file;  // empty: none
  bool version = false;
  bool markdown = false;
};

// `line` must outlive the parsing; its defaults are set here.
void AddCommandLine(CLI::App& cli, CommandLine& line);

}  // namespace inferd::daemon
