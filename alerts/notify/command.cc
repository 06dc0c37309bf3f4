#include "alerts/notify/command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include "runtime/base/errno_text.h"
#include "runtime/base/hide.h"
#include "runtime/base/utf8.h"

namespace inferd::alerts {
namespace {

class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { Close(); }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void Set(int fd) {
    Close();
    fd_ = fd;
  }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  File read, write;
  bool Open() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) return false;
    read.Set(fds[0]);
    write.Set(fds[1]);
    return true;
  }
};

// Lines out of pieces, bounded.
class Lines {
 public:
  explicit Lines(const std::function<void(std::string_view)>& give) : give_(give) {}

  void Add(std::string_view bytes) {
    for (const char c : bytes) {
      if (c == '\n') {
        End();
      } else if (line_.size() < kMaxOutputLine) {
        line_ += c;
      }
    }
  }
  void End() {
    if (!line_.empty() && ++lines_ <= kMaxOutputLines && give_) give_(ReplaceInvalidUtf8(line_));
    line_.clear();
  }

 private:
  const std::function<void(std::string_view)>& give_;
  std::string line_;
  std::size_t lines_ = 0;
};

// Pointers to texts, with a null behind, as exec takes them.
std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Result<pid_t> Start(const Command& command, const Pipe& input, const Pipe& output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, input.read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.write.get(), STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  // The daemon blocks and ignores signals that a command may want to get.
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (const int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&defaults, number);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const std::vector<char*> arguments = Pointers(command.arguments);
  const std::vector<char*> environment = Pointers(command.environment);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, command.arguments.front().c_str(), &actions, &attributes, arguments.data(), environment.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return Error(Code::kIo, HideArguments(command.arguments.front()) + ": cannot be run: " + ErrnoText(error));
  return pid;
}

std::string Ending(int status) {
  if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Result<> RunCommand(const Command& command, const std::function<void(std::string_view)>& output, const StopSignal& stop) {
  using SteadyClock = std::chrono::steady_clock;  // waiting is real, whatever clock the daemon has
  Pipe in, out;
  if (!in.Open() || !out.Open()) return Error(Code::kIo, std::string("no pipe: ") + ErrnoText(errno));
  INFERD_ASSIGN_OR_RETURN(const pid_t pid, Start(command, in, out));
  in.read.Close();
  out.write.Close();
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(out.read.get(), F_SETFL, O_NONBLOCK);
  const File process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const auto deadline = SteadyClock::now() + command.timeout;

  Lines lines(output);
  std::string_view rest = command.input;
  const auto drain = [&] {
    std::array<char, 4096> buffer{};
    for (int pieces = 0; out.read.open() && pieces < 64; ++pieces) {
      const ssize_t n = ::read(out.read.get(), buffer.data(), buffer.size());
      if (n > 0) lines.Add({buffer.data(), static_cast<std::size_t>(n)});
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) out.read.Close();
      if (n <= 0) return;
    }
  };
  std::optional<Status> cut;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
    if (stop.raised()) cut = Status{Code::kCancelled, "stopped"};
    if (left.count() <= 0)
      cut = Status{Code::kDeadlineExceeded, HideArguments(command.arguments.front()) + " did not end in time and was killed"};
    if (cut) break;
    if (in.write.open()) {
      const ssize_t n = rest.empty() ? 0 : ::write(in.write.get(), rest.data(), rest.size());
      if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
      if (rest.empty() || (n < 0 && errno != EAGAIN && errno != EINTR)) in.write.Close();
    }
    std::array<pollfd, 4> fds{{{.fd = process.get(), .events = POLLIN, .revents = 0},
                               {.fd = stop.fd(), .events = POLLIN, .revents = 0},
                               {.fd = out.read.get(), .events = POLLIN, .revents = 0},
                               {.fd = in.write.get(), .events = POLLOUT, .revents = 0}}};
    // Without a pidfd (a kernel before 5.3, a filter of system calls) the end is looked for.
    const auto longest = process.open() ? left.count() : std::min<std::int64_t>(left.count(), 20);
    ::poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(longest, 60'000)));
    drain();
    // Looked at, not yet taken: until then its number, and that of its group, is nobody else's.
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid) break;
  }
  if (cut) ::kill(-pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  drain();  // what is there; something that it left running may hold the pipe for ever
  lines.End();
  if (cut) return tl::unexpected<Status>(std::move(*cut));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error(Code::kUnavailable, HideArguments(command.arguments.front()) + " " + Ending(status));
}

}  // namespace inferd::alerts
