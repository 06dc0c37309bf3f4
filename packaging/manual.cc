// Writes manual pages, shell completions and the sysctl advice from the tables that the programs themselves use.
// usage: manual TEMPLATES FOLDER VERSION
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/machine.h"
#include "daemon/command_line.h"
#include "packaging/completion.h"
#include "packaging/roff.h"

namespace inferd::packaging {
namespace {

namespace fs = std::filesystem;

std::string Read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(path.string() + ": cannot be read");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void Write(const fs::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) throw std::runtime_error(path.string() + ": cannot be written");
}

// Replaces the line "@NAME@", which must be there.
std::string Fill(std::string text, const std::string& name, const std::string& value) {
  const std::string mark = "@" + name + "@";
  const std::size_t at = text.find(mark);
  if (at == std::string::npos) throw std::runtime_error("a template lacks " + mark);
  return text.replace(at, mark.size(), value);
}

std::string SysctlConf() {
  std::string text =
      "# What inferd is better off with; `inferctl doctor` checks it. Not applied by the package:\n"
      "#   install -m 644 /usr/share/inferd/sysctl.conf /etc/sysctl.d/60-inferd.conf && sysctl --system\n";
  for (const cli::SysctlAdvice& advice : cli::SysctlAdvices()) {
    text += "\n# " + std::string(advice.why) + "\n" + std::string(advice.name) + " = " + std::to_string(advice.value) + "\n";
  }
  return text;
}

void WriteAll(const fs::path& templates, const fs::path& folder, const std::string& version) {
  daemon::CommandLine line;
  CLI::App inferd;
  daemon::AddCommandLine(inferd, line);
  cli::Context context;
  CLI::App inferctl;
  cli::AddCommandLine(inferctl, context);

  fs::create_directories(folder);
  const auto page = [&](const std::string& name) { return Fill(Read(templates / (name + ".in")), "VERSION", version); };
  Write(folder / "inferd.8", Fill(page("inferd.8"), "OPTIONS", OptionsRoff(inferd)));
  Write(folder / "inferctl.1", Fill(Fill(page("inferctl.1"), "OPTIONS", OptionsRoff(inferctl)), "COMMANDS", CommandsRoff(inferctl)));
  Write(folder / "inferd.yaml.5", Fill(page("inferd.yaml.5"), "KEYS", KeysRoff()));
  for (const CLI::App* app : {&inferd, &inferctl}) {
    Write(folder / (app->get_name() + ".bash"), BashCompletion(*app));
    Write(folder / (app->get_name() + ".fish"), FishCompletion(*app));
    Write(folder / (app->get_name() + ".zsh"), ZshCompletion(*app));
  }
  Write(folder / "sysctl.conf", SysctlConf());
}

}  // namespace
}  // namespace inferd::packaging

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: manual TEMPLATES FOLDER VERSION\n");
    return 2;
  }
  try {
    inferd::packaging::WriteAll(argv[1], argv[2], argv[3]);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "manual: %s\n", e.what());
    return 1;
  }
}
