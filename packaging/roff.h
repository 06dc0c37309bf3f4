// Manual pages (man(7)) from the tables that the programs use. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace inferd::packaging {

// Plain text as roff writes it: no character is taken for a command.
std::string Roff(std::string_view text);

// A tagged paragraph for each option of `app`, and a subsection for each of its commands, theirs included.
std::string OptionsRoff(const CLI::App& app);
std::string CommandsRoff(const CLI::App& app);

// A tagged paragraph for each key of the configuration, below a subsection for each part.
std::string KeysRoff();

}  // namespace inferd::packaging
