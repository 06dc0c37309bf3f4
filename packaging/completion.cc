#include "packaging/completion.h"

#include <CLI/CLI.hpp>
#include <vector>

namespace inferd::packaging {
namespace {

// Words that may follow on the command line where `app` was named.
std::string Words(const CLI::App& app, const std::string& inherited) {
  std::string words;
  const auto add = [&words](const std::string& word) { words += (words.empty() ? "" : " ") + word; };
  for (const CLI::App* command : app.get_subcommands(nullptr)) add(command->get_name());
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_snames()) add("-" + name);
    for (const std::string& name : option->get_lnames()) add("--" + name);
  }
  if (!inherited.empty()) add(inherited);
  return words;
}

std::string LongOptions(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (name != "help") words += (words.empty() ? "--" : " --") + name;
    }
  }
  return words;
}

// `inherited`: options of the program as a whole, which may stand after its commands, too.
void AppendCases(const CLI::App& app, const std::string& path, const std::string& inherited, std::string& text) {
  text += "    '" + path + "') words='" + Words(app, path.empty() ? "" : inherited) + "' ;;\n";
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    AppendCases(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), inherited, text);
  }
}

void CommandNames(const CLI::App& app, std::string& names) {
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    names += (names.empty() ? "" : "|") + command->get_name();
    CommandNames(*command, names);
  }
}

std::string FishQuoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

void AppendFish(const CLI::App& app, const std::string& program, const std::string& condition, std::string& text) {
  const std::string head = "complete -c " + program + (condition.empty() ? "" : " -n " + FishQuoted(condition));
  for (const CLI::Option* option : app.get_options()) {
    if (!option->nonpositional()) continue;
    std::string line = head;
    for (const std::string& name : option->get_snames()) line += " -s " + name;
    for (const std::string& name : option->get_lnames()) line += " -l " + name;
    if (option->get_expected_max() > 0) line += " -r";
    text += line + " -d " + FishQuoted(option->get_description()) + "\n";
  }
  std::string names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names += " " + command->get_name();
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    const std::string here = condition.empty() ? "" : condition + "; and ";
    text += "complete -c " + program + " -f -n " + FishQuoted(here + "not __fish_seen_subcommand_from" + names) + " -a " +
            command->get_name() + " -d " + FishQuoted(command->get_description()) + "\n";
    AppendFish(*command, program, here + "__fish_seen_subcommand_from " + command->get_name(), text);
  }
}

// 'name:description' of each, as zsh's _describe takes them.
std::string ZshQuoted(const std::string& name, const std::string& description) {
  std::string out = " '" + name + ":";
  for (const char c : description) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

std::string ZshOptions(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_snames()) text += ZshQuoted("-" + name, option->get_description());
    for (const std::string& name : option->get_lnames()) text += ZshQuoted("--" + name, option->get_description());
  }
  return text;
}

void AppendZsh(const CLI::App& app, const std::string& path, const std::string& inherited, std::string& text) {
  std::string commands;
  for (const CLI::App* command : app.get_subcommands(nullptr)) commands += ZshQuoted(command->get_name(), command->get_description());
  text +=
      "  '" + path + "')\n    commands=(" + commands + " )\n    options=(" + ZshOptions(app) + (path.empty() ? "" : inherited) + " ) ;;\n";
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    AppendZsh(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), inherited, text);
  }
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  const std::string program = app.get_name();
  std::string names;
  CommandNames(app, names);
  std::string cases;
  AppendCases(app, "", LongOptions(app), cases);
  std::string text = "# bash completion for " + program + "\n_" + program + "() {\n  local word path= words= i\n";
  if (!names.empty()) {
    text += "  for ((i = 1; i < COMP_CWORD; i++)); do\n    case ${COMP_WORDS[i]} in\n      " + names +
            ") path+=${path:+ }${COMP_WORDS[i]} ;;\n    esac\n  done\n";
  }
  // An option is offered to whoever has begun one. Where nothing is left to offer, bash offers files.
  text += "  word=${COMP_WORDS[COMP_CWORD]}\n  case $path in\n" + cases +
          "  esac\n  [[ $word == -* ]] || words=\" $words \" words=${words%% -*}\n"
          "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n}\ncomplete -o default -F _" +
          program + " " + program + "\n";
  return text;
}

std::string FishCompletion(const CLI::App& app) {
  std::string text = "# fish completion for " + app.get_name() + "\n";
  AppendFish(app, app.get_name(), "", text);
  return text;
}

std::string ZshCompletion(const CLI::App& app) {
  std::string names;
  CommandNames(app, names);
  std::string text = "#compdef " + app.get_name() + "\nlocal -a commands options\nlocal at= i\n";
  if (!names.empty()) {
    text += "for ((i = 2; i < CURRENT; i++)); do\n  case $words[i] in\n    " + names + ") at+=${at:+ }$words[i] ;;\n  esac\ndone\n";
  }
  text += "case $at in\n";
  std::string inherited;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (name != "help") inherited += ZshQuoted("--" + name, option->get_description());
    }
  }
  AppendZsh(app, "", inherited, text);
  return text +
         "esac\nif [[ $words[CURRENT] == -* ]]; then\n  _describe -o option options\nelif (( $#commands )); then\n"
         "  _describe command commands\nelse\n  _files\nfi\n";
}

}  // namespace inferd::packaging
