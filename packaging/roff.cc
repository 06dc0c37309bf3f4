#include "packaging/roff.h"

#include <CLI/CLI.hpp>

#include "config/table.h"

namespace inferd::packaging {
namespace {

std::string Bold(std::string_view text) { return "\\fB" + Roff(text) + "\\fR"; }
std::string Italic(std::string_view text) { return "\\fI" + Roff(text) + "\\fR"; }

// "--rate FLOAT", "FILE"
std::string Spelled(const CLI::Option& option) {
  if (option.nonpositional()) {
    std::string names;
    for (const std::string& name : option.get_snames()) names += (names.empty() ? "" : ", ") + Bold("-" + name);
    for (const std::string& name : option.get_lnames()) names += (names.empty() ? "" : ", ") + Bold("--" + name);
    if (option.get_expected_max() > 0) names += " " + Italic(option.get_type_name().empty() ? "VALUE" : option.get_type_name());
    return names;
  }
  return Italic(option.get_name(true));
}

void AppendCommands(const CLI::App& app, const std::string& prefix, std::string& text) {
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    const std::string name = prefix + command->get_name();
    std::string synopsis = Bold(name);
    for (const CLI::Option* option : command->get_options()) {
      if (!option->nonpositional()) synopsis += " " + Italic(option->get_name(true));
    }
    text += ".SS " + synopsis + "\n" + Roff(command->get_description()) + ".\n";
    text += OptionsRoff(*command);
    // A command inherits its parent's, which stands once in the page.
    if (command->get_footer() != app.get_footer()) text += ".PP\n" + Roff(command->get_footer()) + "\n";
    AppendCommands(*command, name + " ", text);
  }
}

}  // namespace

std::string Roff(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\(rs";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_start = c == '\n';
  }
  return out;
}

std::string OptionsRoff(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    if (option == app.get_help_ptr()) continue;
    text += ".TP\n" + Spelled(*option) + "\n" + Roff(option->get_description()) + ".";
    if (!option->get_default_str().empty()) text += " Default: " + Roff(option->get_default_str()) + ".";
    text += "\n";
  }
  return text;
}

std::string CommandsRoff(const CLI::App& app) {
  std::string text;
  AppendCommands(app, "", text);
  return text;
}

std::string KeysRoff() {
  std::string text;
  std::string section;
  for (const config::Key& key : config::Keys()) {
    const std::string part(key.name.substr(0, key.name.rfind('.')));
    if (part != section) text += ".SS " + Roff(section = part) + "\n";
    text += ".TP\n" + Bold(key.name) + "\n" + Roff(config::TypeText(key)) + "; default " + Roff(key.fallback) + ".\n" + Roff(key.help);
    text += config::Reloadable(key) ? " A reload applies a change.\n" : "\n";
  }
  return text;
}

}  // namespace inferd::packaging
