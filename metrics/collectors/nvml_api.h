// NVIDIA's management library as this project needs it, loaded at run time: no header and no library of NVIDIA's is needed to build, and a
// machine without a GPU runs the same program. Types and numbers are those of NVML's stable binary interface (NVML API reference); a struct
// that changed between versions is paired here with the versions of the symbols that take it. Every symbol is optional: one that the
// installed driver lacks is a null pointer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/base/status.h"

namespace inferd::metrics::nvml {

enum Return : int {
  kSuccess = 0,
  kUninitialized = 1,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNoPermission = 4,
  kNotFound = 6,
  kInsufficientSize = 7,
  kDriverNotLoaded = 9,
  kTimeout = 10,
  kLibraryNotFound = 12,
  kFunctionNotFound = 13,
  kGpuIsLost = 15,
  kResetRequired = 16,
  kLibRmVersionMismatch = 18,
  kArgumentVersionMismatch = 25,
  kGpuNotFound = 28,
  kUnknown = 999,
};

using Device = struct DeviceHandle*;
using EventSet = struct EventSetHandle*;
using GpmSample = struct GpmSampleHandle*;

struct Utilization {  // percent of the driver's last sampling window
  unsigned gpu;
  unsigned memory;
};

struct Memory {  // nvmlDeviceGetMemoryInfo; `used` includes what the driver reserves
  std::uint64_t total;
  std::uint64_t free;
  std::uint64_t used;
};

inline constexpr unsigned kMemoryV2Version = 40 | (2U << 24);  // size and version, as NVML packs them

struct MemoryV2 {  // nvmlDeviceGetMemoryInfo_v2
  unsigned version = kMemoryV2Version;
  std::uint64_t total = 0;
  std::uint64_t reserved = 0;
  std::uint64_t free = 0;
  std::uint64_t used = 0;
};
static_assert(sizeof(MemoryV2) == 40);

struct Violation {
  std::uint64_t reference_us;
  std::uint64_t violation_ns;
};

inline constexpr std::uint64_t kValueNotAvailable = ~std::uint64_t{0};

struct ProcessInfo {  // nvmlDeviceGetComputeRunningProcesses_v2 and _v3
  unsigned pid;
  std::uint64_t used_memory;  // kValueNotAvailable where the driver does not manage it
  unsigned gpu_instance;
  unsigned compute_instance;
};
static_assert(sizeof(ProcessInfo) == 24);

union Value {
  double as_double;
  unsigned as_unsigned;
  unsigned long as_unsigned_long;
  unsigned long long as_unsigned_long_long;
  long long as_long_long;
};

struct FieldValue {
  unsigned field = 0;
  unsigned scope = 0;
  long long timestamp_us = 0;
  long long latency_us = 0;
  unsigned value_type = 0;  // ValueType
  Return result = kSuccess;
  Value value{};
};
static_assert(sizeof(FieldValue) == 40);

enum ValueType : unsigned { kDouble = 0, kUnsigned = 1, kUnsignedLong = 2, kUnsignedLongLong = 3, kLongLong = 4 };

inline constexpr unsigned kFieldMemoryTemperature = 82;
inline constexpr unsigned kFieldNvlinkDataTransmitted = 138;  // KiB
inline constexpr unsigned kFieldNvlinkDataReceived = 139;     // KiB
inline constexpr unsigned kScopeAllLinks = ~0U;

inline constexpr unsigned kClockSm = 1;
inline constexpr unsigned kClockMemory = 2;
inline constexpr unsigned kTemperatureCore = 0;
inline constexpr unsigned kPcieTransmit = 0;
inline constexpr unsigned kPcieReceive = 1;
inline constexpr unsigned kEccCorrected = 0;
inline constexpr unsigned kEccUncorrected = 1;
inline constexpr unsigned kEccSinceDriverLoad = 0;

inline constexpr std::uint64_t kEventDoubleBitEcc = 0x2;
inline constexpr std::uint64_t kEventXid = 0x8;

struct EventData {  // nvmlEventSetWait_v2; the first three fields alone with nvmlEventSetWait
  Device device;
  std::uint64_t type;
  std::uint64_t data;  // the XID
  unsigned gpu_instance;
  unsigned compute_instance;
};
static_assert(sizeof(EventData) == 32);

inline constexpr unsigned kGpmSmActive = 2;
inline constexpr unsigned kGpmSmOccupancy = 3;
inline constexpr unsigned kGpmTensorActive = 5;
inline constexpr unsigned kGpmDramActive = 10;

struct GpmSupport {
  unsigned version = 1;
  unsigned is_supported = 0;
};

struct GpmMetric {
  unsigned id = 0;
  Return result = kSuccess;
  double value = 0;  // percent
  const char* short_name = nullptr;
  const char* long_name = nullptr;
  const char* unit = nullptr;
};
static_assert(sizeof(GpmMetric) == 40);

// No entry from `count` on should be touched; the array is longer than that of any library seen (333 entries), in case one is. On the heap.
struct GpmMetrics {
  unsigned version = 1;
  unsigned count = 0;
  GpmSample first = nullptr;
  GpmSample second = nullptr;
  GpmMetric metrics[512];
};

// Null where the library lacks the symbol. A comment names the symbols that share a pointer, the best first.
struct Api {
  Return (*init)() = nullptr;                                                // nvmlInit_v2
  Return (*shutdown)() = nullptr;                                            // nvmlShutdown
  const char* (*error_string)(Return) = nullptr;                             // nvmlErrorString
  Return (*driver_version)(char*, unsigned) = nullptr;                       // nvmlSystemGetDriverVersion
  Return (*count)(unsigned*) = nullptr;                                      // nvmlDeviceGetCount_v2
  Return (*handle)(unsigned, Device*) = nullptr;                             // nvmlDeviceGetHandleByIndex_v2
  Return (*uuid)(Device, char*, unsigned) = nullptr;                         // nvmlDeviceGetUUID
  Return (*name)(Device, char*, unsigned) = nullptr;                         // nvmlDeviceGetName
  Return (*utilization)(Device, Utilization*) = nullptr;                     // nvmlDeviceGetUtilizationRates
  Return (*memory)(Device, Memory*) = nullptr;                               // nvmlDeviceGetMemoryInfo
  Return (*memory_v2)(Device, MemoryV2*) = nullptr;                          // nvmlDeviceGetMemoryInfo_v2
  Return (*temperature)(Device, unsigned, unsigned*) = nullptr;              // nvmlDeviceGetTemperature; celsius
  Return (*power)(Device, unsigned*) = nullptr;                              // nvmlDeviceGetPowerUsage; milliwatts
  Return (*power_limit)(Device, unsigned*) = nullptr;                        // nvmlDeviceGetEnforcedPowerLimit; milliwatts
  Return (*energy)(Device, unsigned long long*) = nullptr;                   // nvmlDeviceGetTotalEnergyConsumption; millijoules
  Return (*clock)(Device, unsigned, unsigned*) = nullptr;                    // nvmlDeviceGetClockInfo; MHz
  Return (*throttle_reasons)(Device, unsigned long long*) = nullptr;         // nvmlDeviceGetCurrentClocksEventReasons, ...ThrottleReasons
  Return (*violation)(Device, unsigned, Violation*) = nullptr;               // nvmlDeviceGetViolationStatus
  Return (*ecc)(Device, unsigned, unsigned, unsigned long long*) = nullptr;  // nvmlDeviceGetTotalEccErrors
  Return (*remapped)(Device, unsigned*, unsigned*, unsigned*, unsigned*) = nullptr;  // nvmlDeviceGetRemappedRows
  Return (*pcie_rate)(Device, unsigned, unsigned*) = nullptr;                        // nvmlDeviceGetPcieThroughput; KB/s, takes 20 ms
  Return (*pcie_replays)(Device, unsigned*) = nullptr;                               // nvmlDeviceGetPcieReplayCounter
  Return (*fields)(Device, int, FieldValue*) = nullptr;                              // nvmlDeviceGetFieldValues
  Return (*compute_processes)(Device, unsigned*, ProcessInfo*) = nullptr;            // nvmlDeviceGetComputeRunningProcesses_v3, _v2
  Return (*graphics_processes)(Device, unsigned*, ProcessInfo*) = nullptr;           // nvmlDeviceGetGraphicsRunningProcesses_v3, _v2
  Return (*mig_mode)(Device, unsigned*, unsigned*) = nullptr;                        // nvmlDeviceGetMigMode
  Return (*mig_count)(Device, unsigned*) = nullptr;                                  // nvmlDeviceGetMaxMigDeviceCount
  Return (*mig_handle)(Device, unsigned, Device*) = nullptr;                         // nvmlDeviceGetMigDeviceHandleByIndex
  Return (*event_types)(Device, unsigned long long*) = nullptr;                      // nvmlDeviceGetSupportedEventTypes
  Return (*event_set_create)(EventSet*) = nullptr;                                   // nvmlEventSetCreate
  Return (*event_set_free)(EventSet) = nullptr;                                      // nvmlEventSetFree
  Return (*event_register)(Device, unsigned long long, EventSet) = nullptr;          // nvmlDeviceRegisterEvents
  Return (*event_wait)(EventSet, EventData*, unsigned) = nullptr;                    // nvmlEventSetWait_v2, nvmlEventSetWait; milliseconds
  Return (*gpm_support)(Device, GpmSupport*) = nullptr;                              // nvmlGpmQueryDeviceSupport
  Return (*gpm_alloc)(GpmSample*) = nullptr;                                         // nvmlGpmSampleAlloc
  Return (*gpm_free)(GpmSample) = nullptr;                                           // nvmlGpmSampleFree
  Return (*gpm_sample)(Device, GpmSample) = nullptr;                                 // nvmlGpmSampleGet
  Return (*gpm_metrics)(GpmMetrics*) = nullptr;                                      // nvmlGpmMetricsGet
};

// The loaded and initialised library: shut down and unloaded when this goes. NVML itself is thread-safe.
class Library {
 public:
  // kUnavailable: no library, no driver, or a driver of another version than the library; the message says which.
  static Result<std::unique_ptr<Library>> Open(const std::string& path);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const Api& api() const { return api_; }
  const std::string& driver_version() const { return driver_version_; }
  // "GPU is lost (15)".
  std::string ErrorText(Return result) const;

 private:
  explicit Library(void* handle);

  void* handle_;
  bool initialised_ = false;
  Api api_;
  std::string driver_version_ = "unknown";
};

}  // namespace inferd::metrics::nvml
