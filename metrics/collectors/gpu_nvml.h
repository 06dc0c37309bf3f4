// NVIDIA GPUs by NVML: the families of the catalogue's GPU section, XID errors, and what the driver does not give. Without a GPU, without
// the library, or with a driver that was upgraded under the daemon, collecting fails with the reason and is tried again with growing
// pauses; nothing else changes. A GPU that is lost shows inferd_gpu_up 0 and its counted XID errors, and is looked for again.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "metrics/collector.h"
#include "metrics/collectors/nvml_api.h"
#include "metrics/collectors/nvml_events.h"
#include "metrics/collectors/nvml_readings.h"

namespace inferd::metrics {

struct NvmlOptions {
  std::string library = "libnvidia-ml.so.1";
  Duration first_retry = std::chrono::seconds(10);  // doubled after each failure
  Duration last_retry = std::chrono::minutes(5);
  NoteSink note;
};

// A series that a GPU, or its driver, does not give.
struct HiddenSeries {
  std::string gpu;     // index
  std::string series;  // "inferd_gpu_temperature_celsius{memory}"
  std::string reason;  // "Not Supported (3)"

  bool operator==(const HiddenSeries&) const = default;
};

struct CallCost {
  std::string_view call;
  std::uint64_t calls = 0;
  Duration total{};
  Duration most{};
};

// What both collectors below share. Collect* and energy: the runner's thread. The rest: any thread.
class NvmlGpus {
 public:
  NvmlGpus(const Clock& clock, NvmlOptions options);
  ~NvmlGpus();
  NvmlGpus(const NvmlGpus&) = delete;
  NvmlGpus& operator=(const NvmlGpus&) = delete;

  Result<> CollectFast(MonotonicTime now, Families& families);
  Result<> CollectSlow(MonotonicTime now, Families& families);

  // Sum over the GPUs at the last slow sample; nothing while no GPU tells.
  std::optional<double> energy_joules() const { return energy_joules_; }

  std::vector<HiddenSeries> hidden() const;
  std::vector<CallCost> costs() const;
  std::string driver_version() const;

 private:
  // One per XID of the catalogue; the last counts all others.
  using XidCounts = std::vector<std::uint64_t>;
  struct Gpu {
    std::string index;  // "0"; "0.1" for the second MIG instance of GPU 0
    std::string uuid;
    std::string name;
    bool is_mig = false;
    bool up = false;
    nvml::ReadableGpu readable;
    std::vector<bool> hidden;  // by reading
  };

  Result<> Open(MonotonicTime now);
  void OpenGpu(unsigned index);
  void OpenMigInstances(const Gpu& parent);
  void StartEvents();
  void Close();
  void RetryLater(MonotonicTime now);
  Result<> Collect(MonotonicTime now, bool slow, Families& families);
  // kSuccess, or what ended the readings of this GPU.
  nvml::Return ReadGpu(Gpu& gpu, bool slow, std::vector<nvml::GpuValue>& values);
  void Hide(Gpu& gpu, std::size_t reading, nvml::Return result);
  void Lose(Gpu& gpu, nvml::Return result);
  void OnEvent(const nvml::EventData& event);
  void NoteOnce(const std::string& note);

  const Clock& clock_;
  const NvmlOptions options_;
  std::unique_ptr<nvml::Library> library_;
  std::vector<Gpu> gpus_;  // of the last successful Open, also while the library is closed
  std::unique_ptr<nvml::EventWatcher> events_;
  std::map<nvml::Device, std::string> event_uuids_;  // constant while events_ runs
  std::optional<double> energy_joules_;
  Status fault_;  // why library_ is null
  MonotonicTime retry_at_{};
  Duration retry_after_{};

  mutable std::mutex mutex_;
  std::map<std::string, XidCounts> xids_;  // by UUID; under mutex_, as is the rest
  std::vector<HiddenSeries> hidden_;
  std::vector<HiddenSeries> newly_hidden_;
  std::vector<CallCost> costs_;
  std::set<std::string> noted_;
  std::string driver_version_ = "none";
};

class GpuNvmlCollector final : public Collector {
 public:
  explicit GpuNvmlCollector(std::shared_ptr<NvmlGpus> gpus) : gpus_(std::move(gpus)) {}
  std::string_view name() const override { return "gpu_nvml"; }
  Result<> Collect(MonotonicTime now, Families& families) override { return gpus_->CollectFast(now, families); }

 private:
  std::shared_ptr<NvmlGpus> gpus_;
};

// Energy, throttling time, PCIe: calls that take up to 20 ms each. To be added after the fast one, which opens the library.
class GpuNvmlSlowCollector final : public Collector {
 public:
  explicit GpuNvmlSlowCollector(std::shared_ptr<NvmlGpus> gpus) : gpus_(std::move(gpus)) {}
  std::string_view name() const override { return "gpu_nvml_slow"; }
  Result<> Collect(MonotonicTime now, Families& families) override { return gpus_->CollectSlow(now, families); }

 private:
  std::shared_ptr<NvmlGpus> gpus_;
};

}  // namespace inferd::metrics
