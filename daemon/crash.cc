#include "daemon/crash.h"

#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "daemon/version.h"

namespace inferd::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::array kSignals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr std::size_t kSteps = 64;
constexpr int kFrames = 64;
constexpr std::string_view kPrefix = "crash-";
constexpr std::string_view kSuffix = ".txt";
constexpr std::size_t kName = 48;    // room for time, process id and suffix
constexpr std::size_t kReports = 8;  // kept in the folder, at most
constexpr int kEvidenceMs = 5000;    // that leaving it may take: standard error and log take a second each, at most

// Plain memory: a handler may touch nothing that allocates or locks.
std::array<char, 4096> g_path{};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
std::size_t g_path_prefix = 0;    // of g_path, up to the report's time; 0 when no report is to be written
std::atomic<const logging::FlightRecorder*> g_recorder{nullptr};
std::atomic<const logging::Log*> g_log{nullptr};
std::atomic<pid_t> g_crashing{0};                    // the thread that leaves the evidence
int g_patience_ms = 1000;                            // that the reader of a full pipe is waited for, once
alignas(16) std::array<char, 64U << 10U> g_stack{};  // the main thread's overflowed one cannot be used

// Nobody may be reading standard error: a process that waits for that would not die. What a pipe that poll calls writable takes without
// waiting is PIPE_BUF (pipe(7)).
void Write(int fd, std::string_view text) {
  while (!text.empty()) {
    pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
    if (::poll(&ready, 1, g_patience_ms) != 1) {
      g_patience_ms = 0;
      return;
    }
    const ssize_t n = ::write(fd, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

void Write(int fd, std::uint64_t value, unsigned base = 10) {
  std::array<char, 24> digits;
  std::size_t at = digits.size();
  do {
    digits[--at] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value > 0);
  Write(fd, std::string_view(digits.data() + at, digits.size() - at));
}

std::string_view SignalName(int number) {
  switch (number) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGILL: return "SIGILL";
    case SIGABRT: return "SIGABRT";
    default: return "signal";
  }
}

void WriteEvidence(int fd, int number, const siginfo_t* info) {
  Write(fd, "inferd crashed: ");
  Write(fd, SignalName(number));
  if (info->si_code > 0) {
    Write(fd, " at address 0x");
    Write(fd, reinterpret_cast<std::uintptr_t>(info->si_addr), 16);
  } else {
    Write(fd, " sent by process ");
    Write(fd, static_cast<std::uint64_t>(info->si_pid));
  }
  Write(fd, ", pid ");
  Write(fd, static_cast<std::uint64_t>(::getpid()));
  Write(fd, ", thread ");
  Write(fd, static_cast<std::uint64_t>(::syscall(SYS_gettid)));
  Write(fd, "\nversion ");
  Write(fd, Version());
  Write(fd, " (");
  Write(fd, Revision());
  Write(fd, ")\nbacktrace:\n");
  std::array<void*, kFrames> frames;
  ::backtrace_symbols_fd(frames.data(), ::backtrace(frames.data(), kFrames), fd);
  const logging::FlightRecorder* const recorder = g_recorder.load();
  if (recorder == nullptr) return;
  Write(fd, "last steps, newest first: model number start_ns total_ns prefill_tokens generated_tokens running queue_depth kv_blocks\n");
  recorder->LastStepsUnlocked(kSteps, [fd](const engine::StepRecord& step) {
    for (const std::uint64_t value :
         {std::uint64_t{step.model}, step.number, static_cast<std::uint64_t>(step.start.time_since_epoch().count()),
          static_cast<std::uint64_t>(step.total().count()), std::uint64_t{step.prefill_tokens}, std::uint64_t{step.generated_tokens},
          std::uint64_t{step.running}, std::uint64_t{step.queue_depth}, std::uint64_t{step.kv_blocks_used}}) {
      Write(fd, value);
      Write(fd, " ");
    }
    Write(fd, "\n");
  });
}

// Appends `value` in as many digits to what ends at `at`; where that ends now.
char* PutDigits(char* at, std::uint64_t value, int digits) {
  for (int i = digits; i > 0; --i, value /= 10) at[i - 1] = static_cast<char>('0' + value % 10);
  return at + digits;
}

// The report's name: a process id comes again, and after a restart of the machine soon.
const char* ReportPath(std::chrono::system_clock::time_point now, std::uint64_t pid) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(now - day));
  char* at = g_path.data() + g_path_prefix;
  at = PutDigits(at, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  at = PutDigits(at, static_cast<unsigned>(date.month()), 2);
  at = PutDigits(at, static_cast<unsigned>(date.day()), 2);
  *at++ = 'T';
  at = PutDigits(at, static_cast<std::uint64_t>(time.hours().count()), 2);
  at = PutDigits(at, static_cast<std::uint64_t>(time.minutes().count()), 2);
  at = PutDigits(at, static_cast<std::uint64_t>(time.seconds().count()), 2);
  *at++ = 'Z';
  *at++ = '-';
  int digits = 1;
  for (std::uint64_t rest = pid; rest > 9; rest /= 10) ++digits;
  at = PutDigits(at, pid, digits);
  for (const char c : kSuffix) *at++ = c;
  *at = '\0';
  return g_path.data();
}

void Copy(int from, int to) {
  std::array<char, 4096> block;
  ::lseek(from, 0, SEEK_SET);
  for (ssize_t n = 0; (n = ::read(from, block.data(), block.size())) > 0;)
    Write(to, std::string_view(block.data(), static_cast<std::size_t>(n)));
}

// Not when the log's own thread has crashed, of course; then this is a second lost.
void AwaitLog() {
  const logging::Log* const log = g_log.load();
  if (log == nullptr) return;
  constexpr int kLooks = 200, kLookMs = 5;
  for (int i = 0; i < kLooks && log->Unwritten() > 0; ++i) ::poll(nullptr, 0, kLookMs);
}

// Threads that compute the same thing tend to crash together: the first one leaves the evidence and then ends the process, the others wait
// for it, but not for ever. When that one crashes anew, in here, only the end is left.
void OnCrash(int number, siginfo_t* info, void*) {
  const auto me = static_cast<pid_t>(::syscall(SYS_gettid));
  pid_t first = 0;
  if (g_crashing.compare_exchange_strong(first, me)) {
    // In memory first: backtrace_symbols_fd waits for whoever reads, and the disk may be full.
    const int memory = ::memfd_create("crash", MFD_CLOEXEC);
    WriteEvidence(memory, number, info);
    const int file = g_path_prefix == 0 ? -1
                                        : ::open(ReportPath(std::chrono::system_clock::now(), static_cast<std::uint64_t>(::getpid())),
                                                 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0) {
      Copy(memory, file);
      ::fsync(file);
    }
    Copy(memory, STDERR_FILENO);
    AwaitLog();
  } else if (first != me) {
    ::poll(nullptr, 0, kEvidenceMs);
  }
  // With the default action back, returning repeats the fault, so the process dies as it would have.
  for (const int crash : kSignals) ::signal(crash, SIG_DFL);
  // A signal that somebody sent, such as the service manager's watchdog, does not come again by itself (kill(2): si_code is 0 or less).
  if (info->si_code <= 0) ::raise(number);
}

// Makes room for one more report: whoever crashes again and again must not fill the disk.
void RemoveOldest(const fs::path& folder) {
  std::error_code error;
  std::vector<std::pair<fs::file_time_type, fs::path>> reports;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename().string().starts_with(kPrefix)) reports.emplace_back(entry->last_write_time(error), entry->path());
  }
  std::sort(reports.begin(), reports.end(), std::greater<>());
  for (std::size_t i = kReports - 1; i < reports.size(); ++i) fs::remove(reports[i].second, error);
}

}  // namespace

void InstallCrashHandler(const std::string& folder) {
  if (!folder.empty()) {
    std::error_code ignored;
    fs::create_directories(folder, ignored);
    RemoveOldest(folder);
    const int written = std::snprintf(g_path.data(), g_path.size() - kName, "%s/%s", folder.c_str(), kPrefix.data());
    if (written > 0 && static_cast<std::size_t>(written) < g_path.size() - kName) g_path_prefix = static_cast<std::size_t>(written);
  }
  std::array<void*, 4> frames;
  ::backtrace(frames.data(), static_cast<int>(frames.size()));  // loads what it needs now
  stack_t stack{};
  stack.ss_sp = g_stack.data();
  stack.ss_size = g_stack.size();
  ::sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = &OnCrash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (const int number : kSignals) ::sigaction(number, &action, nullptr);
}

void SetCrashRecorder(const logging::FlightRecorder* recorder) { g_recorder = recorder; }

void SetCrashLog(const logging::Log* log) { g_log = log; }

}  // namespace inferd::daemon
