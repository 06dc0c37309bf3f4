// A libnvidia-ml.so.1 that plays a script: the file named by INFERD_FAKE_NVML is read anew at each call, so that a test changes the world
// by writing it. With FAKE_NVML_BARE only the symbols of an early driver exist.
//
//   gpus 2                             how many GPUs there are (1)
//   value SYMBOL[:WHICH] NUMBER...     what a call gives on every GPU, in the order of its results; WHICH is its argument (policy, field,
//   ...) error SYMBOL[:WHICH] CODE [GPU]    what a call returns instead, on one GPU or on all slow SYMBOL MILLISECONDS           how long a
//   call takes lost GPU                           every call on this GPU returns "GPU is lost" event GPU xid|ecc NUMBER           the first
//   such line is delivered first, each once mig GPU COUNT                      this GPU is split into COUNT instances
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "metrics/collectors/nvml_api.h"

namespace {

using namespace inferd::metrics::nvml;

constexpr std::size_t kMaxGpus = 8;
constexpr std::size_t kMigSlots = 4;
struct FakeDevice {
  unsigned gpu = 0;
  int instance = -1;  // of MIG
};
// Handles are addresses into these.
FakeDevice g_gpus[kMaxGpus];
[[maybe_unused]] FakeDevice g_instances[kMaxGpus][kMigSlots];
[[maybe_unused]] std::atomic<int> g_events_delivered{0};
[[maybe_unused]] std::atomic<int> g_samples{0};
std::atomic<bool> g_initialised{false};

std::vector<std::vector<std::string>> Script() {
  std::vector<std::vector<std::string>> lines;
  const char* path = std::getenv("INFERD_FAKE_NVML");
  std::ifstream in(path != nullptr ? path : "");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::vector<std::string> list;
    for (std::string word; words >> word;) list.push_back(word);
    if (!list.empty()) lines.push_back(list);
  }
  return lines;
}

FakeDevice* At(Device device) { return reinterpret_cast<FakeDevice*>(device); }

bool Names(const std::string& word, const std::string& symbol, int which) {
  return word == symbol || (which >= 0 && word == symbol + ":" + std::to_string(which));
}

// What a call of `symbol` on `device` (null for none) returns; its results go to `values`.
Return Play(const char* symbol, Device device, int which, std::vector<double>& values) {
  std::optional<Return> result;
  bool has_value = false;
  for (const auto& line : Script()) {
    if (line[0] == "slow" && line[1] == symbol) std::this_thread::sleep_for(std::chrono::milliseconds(std::stoi(line[2])));
    if (line[0] == "lost" && device != nullptr && std::stoul(line[1]) == At(device)->gpu) return kGpuIsLost;
    if (line[0] == "error" && Names(line[1], symbol, which)) {
      if (line.size() == 3 || (device != nullptr && std::stoul(line[3]) == At(device)->gpu))
        result = static_cast<Return>(std::stoi(line[2]));
    }
    if (line[0] == "value" && Names(line[1], symbol, which)) {
      values.clear();
      for (std::size_t i = 2; i < line.size(); ++i) values.push_back(std::stod(line[i]));
      has_value = true;
    }
  }
  if (result) return *result;
  if (!g_initialised) return kUninitialized;
  if (!has_value && values.empty()) return kNotSupported;
  return kSuccess;
}

// A call with one number as its result; without a line in the script it is not supported.
template <typename Number>
Return Number1(const char* symbol, Device device, int which, Number* number) {
  std::vector<double> values;
  const Return result = Play(symbol, device, which, values);
  if (result == kSuccess) *number = static_cast<Number>(values[0]);
  return result;
}

// For calls that work unless the script says otherwise.
Return Works(const char* symbol, Device device) {
  std::vector<double> values{0};
  return Play(symbol, device, -1, values);
}

int Setting(const std::string& word, std::optional<unsigned> gpu, int otherwise) {
  for (const auto& line : Script()) {
    if (line[0] != word) continue;
    if (!gpu) return std::stoi(line[1]);
    if (std::stoul(line[1]) == *gpu) return std::stoi(line[2]);
  }
  return otherwise;
}

void Copy(char* to, unsigned size, const std::string& text) { std::snprintf(to, size, "%s", text.c_str()); }

}  // namespace

// NOLINTBEGIN(readability-identifier-naming): the names are NVML's.
extern "C" {

Return nvmlInit_v2() {
  std::vector<double> values{0};
  g_initialised = true;
  const Return result = Play("nvmlInit_v2", nullptr, -1, values);
  g_initialised = result == kSuccess;
  return result;
}
Return nvmlShutdown() {
  g_initialised = false;
  return kSuccess;
}
Return nvmlDeviceGetCount_v2(unsigned* count) {
  const Return result = Works("nvmlDeviceGetCount_v2", nullptr);
  if (result == kSuccess) *count = static_cast<unsigned>(Setting("gpus", std::nullopt, 1));
  return result;
}
Return nvmlDeviceGetHandleByIndex_v2(unsigned index, Device* device) {
  g_gpus[index].gpu = index;
  *device = reinterpret_cast<Device>(&g_gpus[index]);
  return Works("nvmlDeviceGetHandleByIndex_v2", *device);
}
Return nvmlDeviceGetUUID(Device device, char* text, unsigned size) {
  const FakeDevice* at = At(device);
  Copy(text, size,
       at->instance < 0 ? "GPU-fake-" + std::to_string(at->gpu)
                        : "MIG-fake-" + std::to_string(at->gpu) + "-" + std::to_string(at->instance));
  return Works("nvmlDeviceGetUUID", device);
}
Return nvmlDeviceGetName(Device device, char* text, unsigned size) {
  Copy(text, size, "Fake GPU");
  return Works("nvmlDeviceGetName", device);
}
Return nvmlDeviceGetUtilizationRates(Device device, Utilization* utilization) {
  std::vector<double> values;
  const Return result = Play("nvmlDeviceGetUtilizationRates", device, -1, values);
  if (result == kSuccess) *utilization = {static_cast<unsigned>(values.at(0)), static_cast<unsigned>(values.at(1))};
  return result;
}
Return nvmlDeviceGetMemoryInfo(Device device, Memory* memory) {
  std::vector<double> values;
  const Return result = Play("nvmlDeviceGetMemoryInfo", device, -1, values);
  if (result == kSuccess) {
    *memory = {static_cast<std::uint64_t>(values.at(0)), static_cast<std::uint64_t>(values.at(1)),
               static_cast<std::uint64_t>(values.at(2))};
  }
  return result;
}

#ifndef FAKE_NVML_BARE
const char* nvmlErrorString(Return result) {
  switch (result) {
    case kNotSupported: return "Not Supported";
    case kGpuIsLost: return "GPU is lost";
    case kLibRmVersionMismatch: return "Driver/library version mismatch";
    default: return "Unknown Error";
  }
}
Return nvmlSystemGetDriverVersion(char* text, unsigned size) {
  Copy(text, size, "999.1");
  return kSuccess;
}
Return nvmlDeviceGetMemoryInfo_v2(Device device, MemoryV2* memory) {
  if (memory->version != kMemoryV2Version) return kArgumentVersionMismatch;
  std::vector<double> values;
  const Return result = Play("nvmlDeviceGetMemoryInfo_v2", device, -1, values);
  if (result == kSuccess) {
    memory->total = static_cast<std::uint64_t>(values.at(0));
    memory->reserved = static_cast<std::uint64_t>(values.at(1));
    memory->free = static_cast<std::uint64_t>(values.at(2));
    memory->used = static_cast<std::uint64_t>(values.at(3));
  }
  return result;
}
Return nvmlDeviceGetTemperature(Device device, unsigned sensor, unsigned* celsius) {
  return Number1("nvmlDeviceGetTemperature", device, static_cast<int>(sensor), celsius);
}
Return nvmlDeviceGetPowerUsage(Device device, unsigned* milliwatts) { return Number1("nvmlDeviceGetPowerUsage", device, -1, milliwatts); }
Return nvmlDeviceGetEnforcedPowerLimit(Device device, unsigned* milliwatts) {
  return Number1("nvmlDeviceGetEnforcedPowerLimit", device, -1, milliwatts);
}
Return nvmlDeviceGetTotalEnergyConsumption(Device device, unsigned long long* millijoules) {
  return Number1("nvmlDeviceGetTotalEnergyConsumption", device, -1, millijoules);
}
Return nvmlDeviceGetClockInfo(Device device, unsigned clock, unsigned* mhz) {
  return Number1("nvmlDeviceGetClockInfo", device, static_cast<int>(clock), mhz);
}
Return nvmlDeviceGetCurrentClocksThrottleReasons(Device device, unsigned long long* reasons) {
  return Number1("nvmlDeviceGetCurrentClocksThrottleReasons", device, -1, reasons);
}
Return nvmlDeviceGetViolationStatus(Device device, unsigned policy, Violation* violation) {
  return Number1("nvmlDeviceGetViolationStatus", device, static_cast<int>(policy), &violation->violation_ns);
}
Return nvmlDeviceGetTotalEccErrors(Device device, unsigned type, unsigned, unsigned long long* errors) {
  return Number1("nvmlDeviceGetTotalEccErrors", device, static_cast<int>(type), errors);
}
Return nvmlDeviceGetRemappedRows(Device device, unsigned* correctable, unsigned* uncorrectable, unsigned* pending, unsigned* failure) {
  std::vector<double> values;
  const Return result = Play("nvmlDeviceGetRemappedRows", device, -1, values);
  if (result == kSuccess) {
    *correctable = static_cast<unsigned>(values.at(0));
    *uncorrectable = static_cast<unsigned>(values.at(1));
    *pending = static_cast<unsigned>(values.at(2));
    *failure = static_cast<unsigned>(values.at(3));
  }
  return result;
}
Return nvmlDeviceGetPcieThroughput(Device device, unsigned direction, unsigned* kilobytes) {
  return Number1("nvmlDeviceGetPcieThroughput", device, static_cast<int>(direction), kilobytes);
}
Return nvmlDeviceGetPcieReplayCounter(Device device, unsigned* replays) {
  return Number1("nvmlDeviceGetPcieReplayCounter", device, -1, replays);
}
Return nvmlDeviceGetFieldValues(Device device, int count, FieldValue* fields) {
  for (int i = 0; i < count; ++i) {
    std::vector<double> values;
    fields[i].result = Play("nvmlDeviceGetFieldValues", device, static_cast<int>(fields[i].field), values);
    if (fields[i].result == kGpuIsLost) return kGpuIsLost;
    if (fields[i].result != kSuccess) continue;
    fields[i].value_type = kUnsignedLongLong;
    fields[i].value.as_unsigned_long_long = static_cast<unsigned long long>(values.at(0));
  }
  return kSuccess;
}
// Pairs of pid and bytes; a pid of 0 stands for the caller, negative bytes for "not available".
Return nvmlDeviceGetComputeRunningProcesses_v3(Device device, unsigned* count, ProcessInfo* processes) {
  std::vector<double> values;
  const Return result = Play("nvmlDeviceGetComputeRunningProcesses_v3", device, -1, values);
  if (result != kSuccess) return result;
  const auto have = static_cast<unsigned>(values.size() / 2);
  const unsigned room = *count;
  *count = have;
  if (room < have) return kInsufficientSize;
  for (std::size_t i = 0; i < have; ++i) {
    const auto pid = static_cast<unsigned>(values[2 * i]);
    const double bytes = values[2 * i + 1];
    processes[i] = {pid == 0 ? static_cast<unsigned>(::getpid()) : pid, bytes < 0 ? kValueNotAvailable : static_cast<std::uint64_t>(bytes),
                    0, 0};
  }
  return kSuccess;
}
Return nvmlDeviceGetMigMode(Device device, unsigned* current, unsigned* pending) {
  *current = *pending = Setting("mig", At(device)->gpu, 0) > 0 ? 1 : 0;
  return kSuccess;
}
Return nvmlDeviceGetMaxMigDeviceCount(Device, unsigned* count) {
  *count = kMigSlots;
  return kSuccess;
}
Return nvmlDeviceGetMigDeviceHandleByIndex(Device device, unsigned index, Device* instance) {
  const unsigned gpu = At(device)->gpu;
  if (static_cast<int>(index) >= Setting("mig", gpu, 0)) return kNotFound;
  g_instances[gpu][index] = {gpu, static_cast<int>(index)};
  *instance = reinterpret_cast<Device>(&g_instances[gpu][index]);
  return kSuccess;
}
Return nvmlDeviceGetSupportedEventTypes(Device device, unsigned long long* types) {
  *types = kEventXid | kEventDoubleBitEcc;
  return Works("nvmlDeviceGetSupportedEventTypes", device);
}
Return nvmlEventSetCreate(EventSet* set) {
  static int marker = 0;
  *set = reinterpret_cast<EventSet>(&marker);
  return kSuccess;
}
Return nvmlEventSetFree(EventSet) { return kSuccess; }
Return nvmlDeviceRegisterEvents(Device device, unsigned long long, EventSet) { return Works("nvmlDeviceRegisterEvents", device); }
Return nvmlEventSetWait_v2(EventSet, EventData* event, unsigned milliseconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  do {
    int place = 0;
    for (const auto& line : Script()) {
      if (line[0] != "event" || place++ != g_events_delivered) continue;
      ++g_events_delivered;
      event->device = reinterpret_cast<Device>(&g_gpus[std::stoul(line[1])]);
      event->type = line[2] == "xid" ? kEventXid : kEventDoubleBitEcc;
      event->data = std::stoull(line[3]);
      return kSuccess;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  } while (std::chrono::steady_clock::now() < end);
  return Works("nvmlEventSetWait_v2", nullptr) == kSuccess ? kTimeout : kGpuIsLost;
}
Return nvmlGpmQueryDeviceSupport(Device device, GpmSupport* support) {
  return Number1("nvmlGpmQueryDeviceSupport", device, -1, &support->is_supported);
}
Return nvmlGpmSampleAlloc(GpmSample* sample) {
  *sample = reinterpret_cast<GpmSample>(new int(0));
  return kSuccess;
}
Return nvmlGpmSampleFree(GpmSample sample) {
  delete reinterpret_cast<int*>(sample);
  return kSuccess;
}
Return nvmlGpmSampleGet(Device device, GpmSample sample) {
  *reinterpret_cast<int*>(sample) = ++g_samples;
  return Works("nvmlGpmSampleGet", device);
}
Return nvmlGpmMetricsGet(GpmMetrics* metrics) {
  // The older sample comes first.
  if (metrics->version != 1 || *reinterpret_cast<int*>(metrics->first) >= *reinterpret_cast<int*>(metrics->second)) return kInvalidArgument;
  for (unsigned i = 0; i < metrics->count; ++i) {
    metrics->metrics[i].result =
        Number1("nvmlGpmMetricsGet", nullptr, static_cast<int>(metrics->metrics[i].id), &metrics->metrics[i].value);
  }
  return kSuccess;
}
#endif

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
