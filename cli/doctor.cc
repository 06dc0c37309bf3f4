// inferctl doctor: whether this machine is fit to run inferd, and what to change.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/http_client.h"
#include "cli/machine.h"
#include "cli/text.h"
#include "runtime/base/errno_text.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kGiB = 1ULL << 30U;
constexpr std::uint64_t kMiB = 1ULL << 20U;

enum class Level { kOk, kWarn, kFail };
const char* LevelName(Level level) { return level == Level::kOk ? "ok" : level == Level::kWarn ? "warn" : "fail"; }

struct Check {
  std::string name;
  Level level;
  std::string found;
  std::string advice;  // what to do about it; empty when ok
};

std::string ReadFile(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// ---- Checks --------------------------------------------------------------------------------------------------------------------

Check CheckCpu() {
  const CpuInfo cpu = ParseCpuInfo(ReadFile("/proc/cpuinfo"));
  std::string found = cpu.name.empty() ? "unknown processor" : Printable(cpu.name);
  found += ", " + std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)) + " online";
  std::string features;
  for (const char* flag : {"avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimd", "asimddp"}) {
    if (cpu.flags.contains(flag)) features += std::string(" ") + flag;
  }
  if (!features.empty()) found += ":" + features;
#if defined(__x86_64__)
  if (!cpu.flags.contains("avx2") || !cpu.flags.contains("fma") || !cpu.flags.contains("f16c")) {
    return {"CPU", Level::kWarn, found, "without AVX2, FMA and F16C the scalar kernels are used, which are many times slower"};
  }
#endif
  return {"CPU", Level::kOk, found, ""};
}

Check CheckMemory() {
  const std::string meminfo = ReadFile("/proc/meminfo");
  const auto total = MemInfo(meminfo, "MemTotal");
  const auto available = MemInfo(meminfo, "MemAvailable");
  if (!total || !available) return {"memory", Level::kWarn, "/proc/meminfo cannot be read", "mount /proc"};
  const std::string found = FormatBytes(*available) + " available of " + FormatBytes(*total);
  if (*available < kGiB / 2) return {"memory", Level::kFail, found, "a model needs its file's size plus the KV cache: free some memory"};
  if (*available < 2 * kGiB) return {"memory", Level::kWarn, found, "enough for a small model only"};
  return {"memory", Level::kOk, found, ""};
}

std::string OutputOf(const char* command) {
  std::string text;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command, "re"), ::pclose);
  std::array<char, 4096> buffer{};
  while (pipe) {
    const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe.get());
    if (n == 0) break;
    text.append(buffer.data(), n);
  }
  return text;
}

// What models[].lock_memory has to do with: the daemon's limit where it is a service, else that of a daemon started from here.
Check CheckMemlock() {
  const std::string name = "locked memory";
  const auto text = [](std::uint64_t limit) { return limit == kUnlimited ? "unlimited" : FormatBytes(limit) + " at most"; };
  constexpr std::string_view kNeed = "models[].lock_memory: true needs weights and KV cache together: ";
  const auto unit = ParseUnitState(OutputOf("systemctl show -p LoadState,MainPID,LimitMEMLOCK inferd.service 2>/dev/null"));
  if (unit) {
    std::optional<std::uint64_t> limit;
    // The unit may ask for more than the machine lets it have.
    if (unit->main_pid > 0) limit = LockedMemoryLimit(ReadFile(("/proc/" + std::to_string(unit->main_pid) + "/limits").c_str()));
    const std::string found =
        text(limit.value_or(unit->locked_memory)) + (limit ? " for the running inferd.service" : " by inferd.service");
    if (limit.value_or(unit->locked_memory) >= kGiB) return {name, Level::kOk, found, ""};
    const bool capped = limit && *limit < unit->locked_memory;
    return {name, Level::kWarn, found,
            std::string(kNeed) + (capped ? "the unit asks for more, but this machine or container gives no more to any service"
                                         : "set LimitMEMLOCK=infinity in the unit (systemctl edit inferd)")};
  }
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  const std::uint64_t here = limit.rlim_cur == RLIM_INFINITY ? kUnlimited : limit.rlim_cur;
  const std::string found = text(here) + " in this shell; inferd.service is not installed";
  if (here >= kGiB) return {name, Level::kOk, found, ""};
  return {name, Level::kWarn, found, std::string(kNeed) + "ulimit -l before inferd is started by hand"};
}

Check CheckHugePages() {
  const auto mode = ChosenOption(ReadFile("/sys/kernel/mm/transparent_hugepage/enabled"));
  if (!mode) return {"huge pages", Level::kWarn, "the kernel does not say", "needs CONFIG_TRANSPARENT_HUGEPAGE"};
  const std::string found = "transparent huge pages: " + Printable(*mode);
  if (*mode != "never") return {"huge pages", Level::kOk, found, ""};
  return {"huge pages", Level::kWarn, found,
          "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled: fewer TLB misses in the KV cache"};
}

Check CheckFiles() {
  constexpr rlim_t kEnough = 8192;  // api.max_connections and what else is open
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto text = [](rlim_t n) { return n == RLIM_INFINITY ? std::string("unlimited") : std::to_string(n); };
  const std::string found = text(limit.rlim_cur) + " open files, can be raised to " + text(limit.rlim_max);
  if (limit.rlim_max >= kEnough) return {"open files", Level::kOk, found, ""};
  return {"open files", limit.rlim_max < 256 ? Level::kFail : Level::kWarn, found,
          "each stream is one: set LimitNOFILE=65536 in the unit, or raise the limit in /etc/security/limits.conf"};
}

Check CheckClock() {
  timex state{};  // modes = 0: only reads
  const int result = ::adjtimex(&state);
  if (result < 0) return {"clock", Level::kWarn, "cannot be asked: " + ErrnoText(errno), "check with timedatectl"};
  if (result == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
    return {"clock", Level::kWarn, "not synchronised",
            "traces, alerts and logs of several machines will not line up: enable systemd-timesyncd or chrony"};
  }
  return {"clock", Level::kOk, "synchronised, error at most " + FormatSeconds(static_cast<double>(state.maxerror) / 1e6), ""};
}

// Whether nobody listens on a loopback or any other address of this machine.
bool CanBind(const HostPort& address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(address.port);
  if (::inet_pton(AF_INET, address.host == "localhost" ? "127.0.0.1" : address.host.c_str(), &in.sin_addr) != 1) return true;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&in), sizeof(in)) == 0;
  const bool in_use = !bound && errno == EADDRINUSE;
  ::close(fd);
  return !in_use;
}

Check CheckPort(const std::string& name, const std::string& url, const std::string& api_key) {
  const auto address = ParseHostPort(url);
  if (!address) return {name, Level::kWarn, PrintableLine(url, 200) + " is not an http address", "give it as http://HOST:PORT"};
  const std::string where = address->host + ":" + std::to_string(address->port);
  if (CanBind(*address)) return {name, Level::kOk, where + " is free", ""};
  HttpClient client(api_key);
  const auto health = client.Get(JoinUrl(url, "/healthz"), std::chrono::seconds(2));
  if (health && (health->status == 200 || health->status == 503))
    return {name, Level::kOk, where + " is taken by a server that answers /healthz", ""};
  return {name, Level::kWarn, where + " is taken by something else", "find it with ss -ltnp, or configure another port"};
}

Check CheckDisk() {
  // Logs and state, where they will be if the package is installed, else where we are.
  const char* path = std::filesystem::exists("/var/lib/inferd") ? "/var/lib/inferd" : ".";
  struct statvfs info {};
  if (::statvfs(path, &info) != 0) return {"disk", Level::kWarn, std::string(path) + ": " + ErrnoText(errno), ""};
  const std::uint64_t available = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  const std::string found = FormatBytes(available) + " free at " + std::filesystem::absolute(path).lexically_normal().string();
  if (available < 100 * kMiB) return {"disk", Level::kFail, found, "logs and history need room: free some space"};
  if (available < kGiB) return {"disk", Level::kWarn, found, "little room for logs and models"};
  return {"disk", Level::kOk, found, ""};
}

Check CheckSysctl(const SysctlAdvice& advice) {
  std::string text = ReadFile(SysctlPath(advice.name).c_str());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto good = SysctlIsGood(advice, text);
  const std::string name(advice.name);
  if (!good) return {name, Level::kWarn, "cannot be read here", "check it on the machine itself"};
  if (*good) return {name, Level::kOk, text, ""};
  return {name, Level::kWarn, text,
          std::string(advice.at_most ? "at most " : "at least ") + std::to_string(advice.value) + ": " + std::string(advice.why) +
              " (/usr/share/inferd/sysctl.conf)"};
}

struct CloseLibrary {
  void operator()(void* library) const { ::dlclose(library); }
};

// What is used of NVML (nvml.h): loaded at run time, as it comes with the driver.
Check CheckGpu() {
  const bool has_driver = std::filesystem::exists("/proc/driver/nvidia/version");
  const std::unique_ptr<void, CloseLibrary> nvml(::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL));
  if (!nvml) {
    if (!has_driver) return {"GPU", Level::kOk, "no NVIDIA driver: GPU metrics will be absent", ""};
    return {"GPU", Level::kWarn, "the driver is loaded, but libnvidia-ml.so.1 is not found",
            "install libnvidia-ml1 of the driver's version"};
  }
  using Call = int (*)();
  using GetText = int (*)(char*, unsigned);
  using GetCount = int (*)(unsigned*);
  const auto symbol = [&nvml](const char* name) { return ::dlsym(nvml.get(), name); };
  const auto init = reinterpret_cast<Call>(symbol("nvmlInit_v2"));
  const auto shutdown = reinterpret_cast<Call>(symbol("nvmlShutdown"));
  const auto driver_version = reinterpret_cast<GetText>(symbol("nvmlSystemGetDriverVersion"));
  const auto device_count = reinterpret_cast<GetCount>(symbol("nvmlDeviceGetCount_v2"));
  if (init == nullptr || shutdown == nullptr || driver_version == nullptr || device_count == nullptr) {
    return {"GPU", Level::kWarn, "libnvidia-ml.so.1 lacks a function that is needed", "update the driver"};
  }
  if (const int error = init(); error != 0) {
    return {"GPU", Level::kWarn, "NVML does not start (error " + std::to_string(error) + ")",
            "check that nvidia-smi works and that /dev/nvidia* may be opened"};
  }
  std::array<char, 96> version{};
  unsigned count = 0;
  driver_version(version.data(), static_cast<unsigned>(version.size()) - 1);
  device_count(&count);
  shutdown();
  return {"GPU", Level::kOk, std::to_string(count) + " NVIDIA, driver " + Printable(version.data()), ""};
}

}  // namespace

void AddDoctor(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("doctor", "Check whether this machine is fit to run inferd");
  const auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "Print JSON");
  command->callback([&context, as_json] {
    std::vector<Check> checks{CheckCpu(),
                              CheckGpu(),
                              CheckMemory(),
                              CheckMemlock(),
                              CheckHugePages(),
                              CheckFiles(),
                              CheckClock(),
                              CheckPort("API port", context.api_url, context.api_key),
                              CheckPort("observability port", context.observe_url, context.api_key),
                              CheckDisk()};
    for (const SysctlAdvice& advice : SysctlAdvices()) checks.push_back(CheckSysctl(advice));
    if (*as_json) {
      Json out = Json::array();
      for (const Check& c : checks)
        out.push_back({{"name", c.name}, {"level", LevelName(c.level)}, {"found", c.found}, {"advice", c.advice}});
      std::printf("%s\n", out.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    } else {
      const bool colour = IsTerminal(STDOUT_FILENO);
      for (const Check& c : checks) {
        const char* const colours = c.level == Level::kOk ? "\x1b[32m" : c.level == Level::kWarn ? "\x1b[33m" : "\x1b[31m";
        std::printf("%s%-4s%s  %-18s  %s\n", colour ? colours : "", LevelName(c.level), colour ? "\x1b[0m" : "", c.name.c_str(),
                    c.found.c_str());
        if (!c.advice.empty()) std::printf("      %-18s  -> %s\n", "", c.advice.c_str());
      }
    }
    if (std::ranges::any_of(checks, [](const Check& c) { return c.level == Level::kFail; })) context.exit_code = kExitBad;
  });
}

}  // namespace inferd::cli
