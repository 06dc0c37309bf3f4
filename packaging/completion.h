// Shell completions from a command line's description. Pure functions.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace inferd::packaging {

// A script for bash-completion: commands, or options after a dash, by where one is on the line; files otherwise.
std::string BashCompletion(const CLI::App& app);
// A script for fish, with the descriptions.
std::string FishCompletion(const CLI::App& app);
// A function for zsh, with the descriptions: commands, or options after a dash; files where no command is left.
std::string ZshCompletion(const CLI::App& app);

}  // namespace inferd::packaging
