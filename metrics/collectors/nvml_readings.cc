#include "metrics/collectors/nvml_readings.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace inferd::metrics::nvml {
namespace {

using Values = std::vector<GpuValue>;

constexpr double kPercent = 0.01;
constexpr double kMilli = 1e-3;
constexpr double kNano = 1e-9;
constexpr double kMega = 1e6;
constexpr double kKibi = 1024;

// One value by a call of the form f(device, &number).
template <typename Number>
Return One(Return (*call)(Device, Number*), const ReadableGpu& gpu, Values& values, Metric metric, double scale) {
  if (call == nullptr) return kFunctionNotFound;
  Number number = 0;
  const Return result = call(gpu.device, &number);
  if (result == kSuccess) values.push_back({metric, "", static_cast<double>(number) * scale});
  return result;
}

// The same for f(device, which, &number), for one labelled series.
template <typename Number>
Return OneOf(Return (*call)(Device, unsigned, Number*), unsigned which, const ReadableGpu& gpu, Values& values, Metric metric,
             std::string_view label, double scale) {
  if (call == nullptr) return kFunctionNotFound;
  Number number = 0;
  const Return result = call(gpu.device, which, &number);
  if (result == kSuccess) values.push_back({metric, label, static_cast<double>(number) * scale});
  return result;
}

double NumberIn(const FieldValue& field) {
  switch (field.value_type) {
    case kDouble: return field.value.as_double;
    case kUnsigned: return field.value.as_unsigned;
    case kUnsignedLong: return static_cast<double>(field.value.as_unsigned_long);
    case kUnsignedLongLong: return static_cast<double>(field.value.as_unsigned_long_long);
    case kLongLong: return static_cast<double>(field.value.as_long_long);
  }
  return 0;
}

Return Field(const Api& api, const ReadableGpu& gpu, Values& values, unsigned id, unsigned scope, Metric metric, std::string_view label,
             double scale) {
  if (api.fields == nullptr) return kFunctionNotFound;
  FieldValue field;
  field.field = id;
  field.scope = scope;
  const Return result = api.fields(gpu.device, 1, &field);
  if (result != kSuccess) return result;
  if (field.result == kSuccess) values.push_back({metric, label, NumberIn(field) * scale});
  return field.result;
}

Return ReadUtilization(const Api& api, ReadableGpu& gpu, Values& values) {
  if (api.utilization == nullptr) return kFunctionNotFound;
  Utilization now{};
  const Return result = api.utilization(gpu.device, &now);
  if (result == kSuccess) {
    values.push_back({Metric::kGpuUtilization, "", now.gpu * kPercent});
    values.push_back({Metric::kGpuMemoryBandwidthUtilization, "", now.memory * kPercent});
  }
  return result;
}

void AddMemory(Values& values, std::string_view state, std::uint64_t bytes) {
  values.push_back({Metric::kGpuMemory, state, static_cast<double>(bytes)});
}

// The second version tells what the driver reserves apart from what programs use; older drivers have the first alone.
Return ReadMemory(const Api& api, ReadableGpu& gpu, Values& values) {
  Return result = kFunctionNotFound;
  if (api.memory_v2 != nullptr) {
    MemoryV2 now;
    result = api.memory_v2(gpu.device, &now);
    if (result == kSuccess) {
      AddMemory(values, "used", now.used);
      AddMemory(values, "free", now.free);
      AddMemory(values, "reserved", now.reserved);
      values.push_back({Metric::kGpuMemoryTotal, "", static_cast<double>(now.total)});
      return result;
    }
  }
  if (api.memory != nullptr) {
    Memory now{};
    result = api.memory(gpu.device, &now);
    if (result == kSuccess) {
      AddMemory(values, "used", now.used);
      AddMemory(values, "free", now.free);
      values.push_back({Metric::kGpuMemoryTotal, "", static_cast<double>(now.total)});
    }
  }
  return result;
}

Return ReadThrottled(const Api& api, ReadableGpu& gpu, Values& values) {
  if (api.throttle_reasons == nullptr) return kFunctionNotFound;
  // In the order of the bits of nvmlClocksEventReasons.
  constexpr std::array<std::string_view, 9> kReasons{"gpu_idle",   "applications_clocks", "sw_power_cap",   "hw_slowdown",   "sync_boost",
                                                     "sw_thermal", "hw_thermal",          "hw_power_brake", "display_clocks"};
  unsigned long long reasons = 0;
  const Return result = api.throttle_reasons(gpu.device, &reasons);
  if (result != kSuccess) return result;
  for (std::size_t bit = 0; bit < kReasons.size(); ++bit) {
    values.push_back({Metric::kGpuThrottled, kReasons[bit], static_cast<double>((reasons >> bit) & 1U)});
  }
  return result;
}

// nvmlPerfPolicyType 0 to 5. Each is a reading of its own: chips support some and not others.
template <unsigned Policy>
Return ReadViolation(const Api& api, ReadableGpu& gpu, Values& values) {
  constexpr std::array<std::string_view, 6> kReasons{"power", "thermal", "sync_boost", "board_limit", "low_utilization", "reliability"};
  if (api.violation == nullptr) return kFunctionNotFound;
  Violation now{};
  const Return result = api.violation(gpu.device, Policy, &now);
  if (result == kSuccess) values.push_back({Metric::kGpuThrottleTime, kReasons[Policy], static_cast<double>(now.violation_ns) * kNano});
  return result;
}

template <unsigned Type>
Return ReadEcc(const Api& api, ReadableGpu& gpu, Values& values) {
  if (api.ecc == nullptr) return kFunctionNotFound;
  unsigned long long errors = 0;
  const Return result = api.ecc(gpu.device, Type, kEccSinceDriverLoad, &errors);
  if (result == kSuccess)
    values.push_back({Metric::kGpuEccErrors, Type == kEccCorrected ? "corrected" : "uncorrected", static_cast<double>(errors)});
  return result;
}

Return ReadRemapped(const Api& api, ReadableGpu& gpu, Values& values) {
  if (api.remapped == nullptr) return kFunctionNotFound;
  unsigned correctable = 0, uncorrectable = 0, pending = 0, failure = 0;
  const Return result = api.remapped(gpu.device, &correctable, &uncorrectable, &pending, &failure);
  if (result != kSuccess) return result;
  values.push_back({Metric::kGpuRemappedRows, "correctable", static_cast<double>(correctable)});
  values.push_back({Metric::kGpuRemappedRows, "uncorrectable", static_cast<double>(uncorrectable)});
  values.push_back({Metric::kGpuRemappedRows, "pending", static_cast<double>(pending)});
  values.push_back({Metric::kGpuRemappedRows, "failure", static_cast<double>(failure)});
  return result;
}

// Adds the memory that the processes of one kind hold; `unknown` when the driver does not say it of one.
Return AddProcesses(Return (*call)(Device, unsigned*, ProcessInfo*), const ReadableGpu& gpu, double& self, double& other, bool& unknown) {
  if (call == nullptr) return kFunctionNotFound;
  std::vector<ProcessInfo> processes(64);
  unsigned count = 0;
  Return result = kInsufficientSize;
  // Processes may start between two calls, so the count it asks for may be too small again.
  for (int attempt = 0; attempt < 3 && result == kInsufficientSize; ++attempt) {
    if (attempt > 0) processes.resize(count + std::size_t{16});
    count = static_cast<unsigned>(processes.size());
    result = call(gpu.device, &count, processes.data());
  }
  if (result != kSuccess) return result;
  for (unsigned i = 0; i < count && i < processes.size(); ++i) {
    if (processes[i].used_memory == kValueNotAvailable) {
      unknown = true;
      continue;
    }
    (processes[i].pid == gpu.process ? self : other) += static_cast<double>(processes[i].used_memory);
  }
  return kSuccess;
}

Return ReadProcesses(const Api& api, ReadableGpu& gpu, Values& values) {
  double self = 0, other = 0;
  bool unknown = false;
  const Return compute = AddProcesses(api.compute_processes, gpu, self, other, unknown);
  if (compute != kSuccess) return compute;
  // Data centre chips run no graphics and may say so; what computes is what counts.
  AddProcesses(api.graphics_processes, gpu, self, other, unknown);
  if (unknown) return kNotSupported;
  values.push_back({Metric::kGpuProcessMemory, "self", self});
  values.push_back({Metric::kGpuProcessMemory, "other", other});
  return kSuccess;
}

Return ReadActivity(const Api& api, ReadableGpu& gpu, Values& values) {
  if (api.gpm_support == nullptr || api.gpm_alloc == nullptr || api.gpm_sample == nullptr || api.gpm_metrics == nullptr)
    return kFunctionNotFound;
  if (gpu.current == nullptr) {
    GpmSupport support;
    if (const Return result = api.gpm_support(gpu.device, &support); result != kSuccess) return result;
    if (support.is_supported == 0) return kNotSupported;
    for (GpmSample* sample : {&gpu.previous, &gpu.current}) {
      if (*sample != nullptr) continue;
      if (const Return result = api.gpm_alloc(sample); result != kSuccess) return result;
    }
  }
  if (const Return result = api.gpm_sample(gpu.device, gpu.current); result != kSuccess) return result;
  std::swap(gpu.previous, gpu.current);
  if (!std::exchange(gpu.has_previous, true)) return kSuccess;

  constexpr std::array<std::pair<unsigned, Metric>, 4> kActivities{{{kGpmSmActive, Metric::kGpuSmActive},
                                                                    {kGpmSmOccupancy, Metric::kGpuSmOccupancy},
                                                                    {kGpmTensorActive, Metric::kGpuTensorActive},
                                                                    {kGpmDramActive, Metric::kGpuDramActive}}};
  const auto metrics = std::make_unique<GpmMetrics>();
  metrics->count = kActivities.size();
  metrics->first = gpu.current;  // swapped above: the older of the two
  metrics->second = gpu.previous;
  for (std::size_t i = 0; i < kActivities.size(); ++i) metrics->metrics[i].id = kActivities[i].first;
  if (const Return result = api.gpm_metrics(metrics.get()); result != kSuccess) return result;
  Return result = kSuccess;
  bool any = false;
  for (std::size_t i = 0; i < kActivities.size(); ++i) {
    if (metrics->metrics[i].result == kSuccess) {
      values.push_back({kActivities[i].second, "", metrics->metrics[i].value * kPercent});
      any = true;
    } else {
      result = metrics->metrics[i].result;
    }
  }
  return any ? kSuccess : result;
}

std::vector<Reading> MakeReadings() {
  using M = Metric;
  using A = const Api&;
  using G = ReadableGpu&;
  using V = Values&;
  return {
      // Fast: microseconds each.
      {"nvmlDeviceGetUtilizationRates", false, M::kGpuUtilization, M::kGpuMemoryBandwidthUtilization, "", ReadUtilization},
      {"nvmlDeviceGetMemoryInfo", false, M::kGpuMemory, M::kGpuMemoryTotal, "", ReadMemory},
      {"nvmlDeviceGetTemperature", false, M::kGpuTemperature, M::kGpuTemperature, "core",
       [](A a, G g, V v) { return OneOf(a.temperature, kTemperatureCore, g, v, M::kGpuTemperature, "core", 1); }},
      {"nvmlDeviceGetFieldValues(memory temperature)", false, M::kGpuTemperature, M::kGpuTemperature, "memory",
       [](A a, G g, V v) { return Field(a, g, v, kFieldMemoryTemperature, 0, M::kGpuTemperature, "memory", 1); }},
      {"nvmlDeviceGetPowerUsage", false, M::kGpuPower, M::kGpuPower, "",
       [](A a, G g, V v) { return One(a.power, g, v, M::kGpuPower, kMilli); }},
      {"nvmlDeviceGetClockInfo(sm)", false, M::kGpuClock, M::kGpuClock, "sm",
       [](A a, G g, V v) { return OneOf(a.clock, kClockSm, g, v, M::kGpuClock, "sm", kMega); }},
      {"nvmlDeviceGetClockInfo(memory)", false, M::kGpuClock, M::kGpuClock, "memory",
       [](A a, G g, V v) { return OneOf(a.clock, kClockMemory, g, v, M::kGpuClock, "memory", kMega); }},
      {"nvmlDeviceGetCurrentClocksEventReasons", false, M::kGpuThrottled, M::kGpuThrottled, "", ReadThrottled},
      {"nvmlGpmMetricsGet", false, M::kGpuSmActive, M::kGpuDramActive, "", ReadActivity},
      // Slow: up to tens of milliseconds each, or facts that seldom change.
      {"nvmlDeviceGetEnforcedPowerLimit", true, M::kGpuPowerLimit, M::kGpuPowerLimit, "",
       [](A a, G g, V v) { return One(a.power_limit, g, v, M::kGpuPowerLimit, kMilli); }},
      {"nvmlDeviceGetTotalEnergyConsumption", true, M::kGpuEnergy, M::kGpuEnergy, "",
       [](A a, G g, V v) { return One(a.energy, g, v, M::kGpuEnergy, kMilli); }},
      {"nvmlDeviceGetViolationStatus(power)", true, M::kGpuThrottleTime, M::kGpuThrottleTime, "power", ReadViolation<0>},
      {"nvmlDeviceGetViolationStatus(thermal)", true, M::kGpuThrottleTime, M::kGpuThrottleTime, "thermal", ReadViolation<1>},
      {"nvmlDeviceGetViolationStatus(sync boost)", true, M::kGpuThrottleTime, M::kGpuThrottleTime, "sync_boost", ReadViolation<2>},
      {"nvmlDeviceGetViolationStatus(board limit)", true, M::kGpuThrottleTime, M::kGpuThrottleTime, "board_limit", ReadViolation<3>},
      {"nvmlDeviceGetViolationStatus(low utilization)", true, M::kGpuThrottleTime, M::kGpuThrottleTime, "low_utilization",
       ReadViolation<4>},
      {"nvmlDeviceGetViolationStatus(reliability)", true, M::kGpuThrottleTime, M::kGpuThrottleTime, "reliability", ReadViolation<5>},
      {"nvmlDeviceGetTotalEccErrors(corrected)", true, M::kGpuEccErrors, M::kGpuEccErrors, "corrected", ReadEcc<kEccCorrected>},
      {"nvmlDeviceGetTotalEccErrors(uncorrected)", true, M::kGpuEccErrors, M::kGpuEccErrors, "uncorrected", ReadEcc<kEccUncorrected>},
      {"nvmlDeviceGetRemappedRows", true, M::kGpuRemappedRows, M::kGpuRemappedRows, "", ReadRemapped},
      {"nvmlDeviceGetPcieThroughput(transmit)", true, M::kGpuPcieRate, M::kGpuPcieRate, "transmit",
       [](A a, G g, V v) { return OneOf(a.pcie_rate, kPcieTransmit, g, v, M::kGpuPcieRate, "transmit", kKibi); }},
      {"nvmlDeviceGetPcieThroughput(receive)", true, M::kGpuPcieRate, M::kGpuPcieRate, "receive",
       [](A a, G g, V v) { return OneOf(a.pcie_rate, kPcieReceive, g, v, M::kGpuPcieRate, "receive", kKibi); }},
      {"nvmlDeviceGetPcieReplayCounter", true, M::kGpuPcieReplays, M::kGpuPcieReplays, "",
       [](A a, G g, V v) { return One(a.pcie_replays, g, v, M::kGpuPcieReplays, 1); }},
      {"nvmlDeviceGetFieldValues(NVLink transmit)", true, M::kGpuNvlink, M::kGpuNvlink, "transmit",
       [](A a, G g, V v) { return Field(a, g, v, kFieldNvlinkDataTransmitted, kScopeAllLinks, M::kGpuNvlink, "transmit", kKibi); }},
      {"nvmlDeviceGetFieldValues(NVLink receive)", true, M::kGpuNvlink, M::kGpuNvlink, "receive",
       [](A a, G g, V v) { return Field(a, g, v, kFieldNvlinkDataReceived, kScopeAllLinks, M::kGpuNvlink, "receive", kKibi); }},
      {"nvmlDeviceGetComputeRunningProcesses", true, M::kGpuProcessMemory, M::kGpuProcessMemory, "", ReadProcesses},
  };
}

}  // namespace

const std::vector<Reading>& Readings() {
  static const std::vector<Reading> readings = MakeReadings();
  return readings;
}

}  // namespace inferd::metrics::nvml
