#include "metrics/collectors/nvml_api.h"

#include <dlfcn.h>

#include <array>
#include <initializer_list>
#include <utility>

namespace inferd::metrics::nvml {
namespace {

// The first of `symbols` that the library has.
template <typename Function>
void Find(void* library, Function*& slot, std::initializer_list<const char*> symbols) {
  for (const char* symbol : symbols) {
    if (void* found = ::dlsym(library, symbol)) {
      slot = reinterpret_cast<Function*>(found);
      return;
    }
  }
}

}  // namespace

Library::Library(void* handle) : handle_(handle) {
  Find(handle, api_.init, {"nvmlInit_v2"});
  Find(handle, api_.shutdown, {"nvmlShutdown"});
  Find(handle, api_.error_string, {"nvmlErrorString"});
  Find(handle, api_.driver_version, {"nvmlSystemGetDriverVersion"});
  Find(handle, api_.count, {"nvmlDeviceGetCount_v2"});
  Find(handle, api_.handle, {"nvmlDeviceGetHandleByIndex_v2"});
  Find(handle, api_.uuid, {"nvmlDeviceGetUUID"});
  Find(handle, api_.name, {"nvmlDeviceGetName"});
  Find(handle, api_.utilization, {"nvmlDeviceGetUtilizationRates"});
  Find(handle, api_.memory, {"nvmlDeviceGetMemoryInfo"});
  Find(handle, api_.memory_v2, {"nvmlDeviceGetMemoryInfo_v2"});
  Find(handle, api_.temperature, {"nvmlDeviceGetTemperature"});
  Find(handle, api_.power, {"nvmlDeviceGetPowerUsage"});
  Find(handle, api_.power_limit, {"nvmlDeviceGetEnforcedPowerLimit"});
  Find(handle, api_.energy, {"nvmlDeviceGetTotalEnergyConsumption"});
  Find(handle, api_.clock, {"nvmlDeviceGetClockInfo"});
  Find(handle, api_.throttle_reasons, {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"});
  Find(handle, api_.violation, {"nvmlDeviceGetViolationStatus"});
  Find(handle, api_.ecc, {"nvmlDeviceGetTotalEccErrors"});
  Find(handle, api_.remapped, {"nvmlDeviceGetRemappedRows"});
  Find(handle, api_.pcie_rate, {"nvmlDeviceGetPcieThroughput"});
  Find(handle, api_.pcie_replays, {"nvmlDeviceGetPcieReplayCounter"});
  Find(handle, api_.fields, {"nvmlDeviceGetFieldValues"});
  Find(handle, api_.compute_processes, {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"});
  Find(handle, api_.graphics_processes, {"nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2"});
  Find(handle, api_.mig_mode, {"nvmlDeviceGetMigMode"});
  Find(handle, api_.mig_count, {"nvmlDeviceGetMaxMigDeviceCount"});
  Find(handle, api_.mig_handle, {"nvmlDeviceGetMigDeviceHandleByIndex"});
  Find(handle, api_.event_types, {"nvmlDeviceGetSupportedEventTypes"});
  Find(handle, api_.event_set_create, {"nvmlEventSetCreate"});
  Find(handle, api_.event_set_free, {"nvmlEventSetFree"});
  Find(handle, api_.event_register, {"nvmlDeviceRegisterEvents"});
  Find(handle, api_.event_wait, {"nvmlEventSetWait_v2", "nvmlEventSetWait"});
  Find(handle, api_.gpm_support, {"nvmlGpmQueryDeviceSupport"});
  Find(handle, api_.gpm_alloc, {"nvmlGpmSampleAlloc"});
  Find(handle, api_.gpm_free, {"nvmlGpmSampleFree"});
  Find(handle, api_.gpm_sample, {"nvmlGpmSampleGet"});
  Find(handle, api_.gpm_metrics, {"nvmlGpmMetricsGet"});
}

Library::~Library() {
  if (initialised_ && api_.shutdown != nullptr) api_.shutdown();
  ::dlclose(handle_);
}

std::string Library::ErrorText(Return result) const {
  const char* text = api_.error_string != nullptr ? api_.error_string(result) : nullptr;
  return std::string(text != nullptr ? text : "NVML error") + " (" + std::to_string(result) + ")";
}

Result<std::unique_ptr<Library>> Library::Open(const std::string& path) {
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = ::dlerror();  // NOLINT(concurrency-mt-unsafe): per thread in glibc
    return Error(Code::kUnavailable, std::string("no NVIDIA driver library: ") + (why != nullptr ? why : path.c_str()));
  }
  std::unique_ptr<Library> library(new Library(handle));
  const Api& api = library->api_;
  if (api.init == nullptr || api.count == nullptr || api.handle == nullptr)
    return Error(Code::kUnavailable, path + " is no NVML that inferd knows");
  if (const Return result = api.init(); result != kSuccess) {
    const char* hint = result == kLibRmVersionMismatch ? "; the driver was upgraded and not reloaded yet" : "";
    return Error(Code::kUnavailable, "NVML cannot start: " + library->ErrorText(result) + hint);
  }
  library->initialised_ = true;
  std::array<char, 96> version{};
  if (api.driver_version != nullptr && api.driver_version(version.data(), static_cast<unsigned>(version.size())) == kSuccess) {
    library->driver_version_ = version.data();
  }
  return library;
}

}  // namespace inferd::metrics::nvml
