#include "daemon/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <utility>

#include "logging/output.h"

namespace inferd::daemon {
namespace {

constexpr std::size_t kTailLines = 500;
// What the outputs get at the end.
constexpr Duration kClosing = std::chrono::seconds(2);

// Lives as long as the process: threads may write until its very end.
struct State {
  const SystemClock clock{};
  logging::LogCounters counters;
  logging::FileCalls files;
  std::shared_ptr<logging::TailOutput> tail = std::make_shared<logging::TailOutput>(kTailLines);
  std::unique_ptr<logging::Log> early;  // on standard error
  std::unique_ptr<logging::Log> opened;
  std::atomic<logging::Log*> current{nullptr};

  State() {
    early = std::make_unique<logging::Log>(clock, counters, logging::Levels{}, logging::LogOptions{.queue = 1, .keeper = false});
    early->Add({ErrorOutput({})});
    early->Stop(kClosing);  // from now on it writes at once
    current = early.get();
  }

  std::shared_ptr<logging::Output> ErrorOutput(logging::Output::Wants wants, std::string_view format = "auto") {
    if (logging::IsJournal(STDERR_FILENO)) return std::make_shared<logging::JournalOutput>(clock, counters, std::move(wants));
    logging::TextFormat how = logging::FormatFor(STDERR_FILENO);
    if (format == "json") how = logging::TextFormat::kJson;
    if (format == "text" && how == logging::TextFormat::kJson) how = logging::TextFormat::kText;
    return std::make_shared<logging::StreamOutput>(STDERR_FILENO, how, clock, counters, std::move(wants));
  }
};

State& TheState() {
  static State* const state = new State;  // NOLINT(cppcoreguidelines-owning-memory): see State
  return *state;
}

logging::Levels LevelsOf(const config::Logs& config) {
  logging::Levels levels;
  levels.all = logging::LevelOfName(config.level).value_or(Level::kInfo);
  for (std::size_t i = 0; i < logging::kComponents; ++i) {
    if (config.levels[i]) levels.components[i] = logging::LevelOfName(*config.levels[i]);
  }
  return levels;
}

logging::RotateOptions RotationOf(const config::Logs& config) {
  return {.path = *config.file,
          .max_bytes = config.rotate.size,
          .every = config.rotate.every,
          .retention = {.count = static_cast<std::size_t>(config.rotate.keep),
                        .age = config.rotate.keep_for,
                        .bytes = config.rotate.keep_bytes},
          .compress = config.rotate.compress};
}

}  // namespace

static_assert(std::tuple_size_v<decltype(config::Logs::levels)> == logging::kComponents);

void OpenLog(const config::Logs& config) {
  State& state = TheState();
  state.opened = std::make_unique<logging::Log>(state.clock, state.counters, LevelsOf(config));
  logging::Log& log = *state.opened;
  logging::Log::Outputs outputs{state.tail};
  if (config.file) {
    // Standard error then hears only what cannot wait: the last words, and what is wrong with the file itself.
    outputs.push_back(state.ErrorOutput(
        [](const logging::Line& line) { return line.level == Level::kCritical || line.info == &logging::kEvent<logging::LogFileTrouble>; },
        config.format));
    outputs.push_back(std::make_shared<logging::FileOutput>(
        RotationOf(config), state.clock, state.files, state.counters,
        [&log, path = *config.file](const std::string& trouble) { log.Write(logging::LogFileTrouble{.file = path, .trouble = trouble}); }));
  } else {
    outputs.push_back(state.ErrorOutput({}, config.format));
  }
  log.Add(std::move(outputs));
  state.current = &log;
}

void SetLogLevels(const config::Logs& config) { ProcessLog().SetLevels(LevelsOf(config)); }

void ReopenLog() { ProcessLog().Reopen(); }

bool CloseLog() { return ProcessLog().Stop(kClosing); }

logging::Log& ProcessLog() { return *TheState().current; }

logging::LogCounters& LogCounts() { return TheState().counters; }

std::vector<std::string> LastLogLines() { return TheState().tail->Lines(); }

void Log(Level level, std::string_view text) { ProcessLog().Write(logging::Note{.text = text}, level); }

}  // namespace inferd::daemon
