#include "metrics/collectors/gpu_nvml.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "metrics/family.h"

namespace inferd::metrics {
namespace {

using nvml::Return;

// The GPU is gone, or needs a reset: it fell off the bus (XID 79), or a driver gave it up.
bool MeansLost(Return result) { return result == nvml::kGpuIsLost || result == nvml::kResetRequired || result == nvml::kGpuNotFound; }

// The library itself has to be opened anew.
bool MeansClosed(Return result) {
  return result == nvml::kUninitialized || result == nvml::kDriverNotLoaded || result == nvml::kLibRmVersionMismatch;
}

// Asking again is of no use as long as chip and driver stay the same.
bool MeansNever(Return result) {
  return result == nvml::kNotSupported || result == nvml::kFunctionNotFound || result == nvml::kNoPermission ||
         result == nvml::kInvalidArgument || result == nvml::kArgumentVersionMismatch;
}

std::span<const std::string_view> XidValues() { return Describe(Metric::kGpuXidErrors).labels.back().values; }

// Where in the counts an XID belongs: the catalogue's last value is "other".
std::size_t XidPlace(std::uint64_t xid) {
  const auto values = XidValues();
  const auto found = std::find(values.begin(), values.end(), std::to_string(xid));
  return found == values.end() ? values.size() - 1 : static_cast<std::size_t>(found - values.begin());
}

std::string TextOf(Return (*call)(nvml::Device, char*, unsigned), nvml::Device device) {
  std::array<char, 128> text{};
  if (call == nullptr || call(device, text.data(), static_cast<unsigned>(text.size())) != nvml::kSuccess) return "unknown";
  return text.data();
}

std::string SeriesOf(const nvml::Reading& reading) {
  std::string text;
  for (auto m = static_cast<std::size_t>(reading.first); m <= static_cast<std::size_t>(reading.last); ++m) {
    if (!text.empty()) text += ", ";
    text += NameOf(static_cast<Metric>(m));
  }
  if (!reading.label.empty()) text.append("{").append(reading.label).append("}");
  return text;
}

// One builder for each GPU family, so that the series of all GPUs come together.
class GpuFamilies {
 public:
  void Add(const std::string& index, const std::string& uuid, const std::string& name, const nvml::GpuValue& value) {
    FamilyBuilder& builder = builders_.try_emplace(value.metric, value.metric).first->second;
    if (value.label.empty()) {
      builder.Add({index, uuid, name}, value.value);
    } else {
      builder.Add({index, uuid, name, value.label}, value.value);
    }
  }
  void MoveTo(Families& families) {
    for (auto& [metric, builder] : builders_) families.push_back(builder.Take());
  }

 private:
  std::map<Metric, FamilyBuilder> builders_;
};

}  // namespace

NvmlGpus::NvmlGpus(const Clock& clock, NvmlOptions options)
    : clock_(clock), options_(std::move(options)), fault_{Code::kUnavailable, "not opened yet"}, retry_after_(options_.first_retry) {
  for (const nvml::Reading& reading : nvml::Readings()) costs_.push_back({.call = reading.call});
}

NvmlGpus::~NvmlGpus() { Close(); }

void NvmlGpus::RetryLater(MonotonicTime now) {
  retry_at_ = now + retry_after_;
  retry_after_ = std::min(2 * retry_after_, options_.last_retry);
}

Result<> NvmlGpus::Open(MonotonicTime now) {
  const auto fail = [&](Status fault) -> Result<> {
    fault_ = std::move(fault);
    RetryLater(now);
    return tl::unexpected(fault_);
  };
  auto library = nvml::Library::Open(options_.library);
  if (!library) return fail(library.error());
  unsigned count = 0;
  if (const Return result = (*library)->api().count(&count); result != nvml::kSuccess) {
    return fail({Code::kUnavailable, "NVML cannot count the GPUs: " + (*library)->ErrorText(result)});
  }
  if (count == 0) return fail({Code::kUnavailable, "NVML finds no GPU"});

  library_ = std::move(*library);
  std::vector<Gpu> before = std::exchange(gpus_, {});
  {
    const std::lock_guard lock(mutex_);
    driver_version_ = library_->driver_version();
    hidden_.clear();
  }
  for (unsigned i = 0; i < count; ++i) OpenGpu(i);
  for (Gpu& gpu : gpus_) {
    const auto same = std::find_if(before.begin(), before.end(), [&gpu](const Gpu& old) { return old.index == gpu.index; });
    if (same == before.end()) continue;
    // A lost GPU cannot say who it is; its series keep the name that they had.
    if (!gpu.up) {
      gpu.uuid = same->uuid;
      gpu.name = same->name;
    } else if (!same->up && options_.note) {
      options_.note(NoteLevel::kInfo, "GPU " + gpu.index + " (" + gpu.name + ") answers again");
    }
  }
  {
    const std::lock_guard lock(mutex_);
    for (const Gpu& gpu : gpus_) {
      if (!gpu.is_mig) xids_.try_emplace(gpu.uuid, XidCounts(XidValues().size()));
    }
  }
  // GPUs that stay lost are looked for with growing pauses; a good start begins anew.
  const bool all_up = std::all_of(gpus_.begin(), gpus_.end(), [](const Gpu& gpu) { return gpu.up; });
  if (all_up) {
    retry_after_ = options_.first_retry;
  } else {
    RetryLater(now);
  }
  StartEvents();
  return {};
}

void NvmlGpus::OpenGpu(unsigned index) {
  const nvml::Api& api = library_->api();
  Gpu gpu;
  gpu.index = std::to_string(index);
  gpu.uuid = gpu.name = "unknown";
  gpu.hidden.assign(nvml::Readings().size(), false);
  gpu.readable.process = static_cast<unsigned>(::getpid());
  const Return result = api.handle(index, &gpu.readable.device);
  gpu.up = result == nvml::kSuccess;
  if (gpu.up) {
    gpu.uuid = TextOf(api.uuid, gpu.readable.device);
    gpu.name = TextOf(api.name, gpu.readable.device);
  } else {
    NoteOnce("GPU " + gpu.index + " cannot be opened: " + library_->ErrorText(result));
  }
  gpus_.push_back(std::move(gpu));
  if (gpus_.back().up) OpenMigInstances(Gpu(gpus_.back()));
}

// An instance of a GPU that is split (MIG) answers some of the calls that a whole GPU answers; the rest is hidden, like any other
// unsupported call.
void NvmlGpus::OpenMigInstances(const Gpu& parent) {
  const nvml::Api& api = library_->api();
  unsigned current = 0, pending = 0, count = 0;
  if (api.mig_mode == nullptr || api.mig_mode(parent.readable.device, &current, &pending) != nvml::kSuccess || current == 0) return;
  if (api.mig_count == nullptr || api.mig_handle == nullptr || api.mig_count(parent.readable.device, &count) != nvml::kSuccess) return;
  for (unsigned i = 0; i < count; ++i) {
    Gpu instance;
    instance.index = parent.index + "." + std::to_string(i);
    instance.is_mig = true;
    instance.hidden.assign(nvml::Readings().size(), false);
    instance.readable.process = parent.readable.process;
    if (api.mig_handle(parent.readable.device, i, &instance.readable.device) != nvml::kSuccess) continue;  // a free slot
    instance.uuid = TextOf(api.uuid, instance.readable.device);
    instance.name = TextOf(api.name, instance.readable.device);
    instance.up = true;
    gpus_.push_back(std::move(instance));
  }
  NoteOnce("GPU " + parent.index + " (" + parent.name + ") is split by MIG; each instance is shown as a GPU of its own");
}

void NvmlGpus::StartEvents() {
  std::vector<nvml::Device> devices;
  event_uuids_.clear();
  for (const Gpu& gpu : gpus_) {
    if (!gpu.up || gpu.is_mig) continue;
    devices.push_back(gpu.readable.device);
    event_uuids_[gpu.readable.device] = gpu.uuid;
  }
  if (devices.empty()) return;
  auto watcher = nvml::EventWatcher::Start(*library_, devices, [this](const nvml::EventData& event) { OnEvent(event); });
  if (watcher) {
    events_ = std::move(*watcher);
    return;
  }
  NoteOnce("GPU errors (XID) are not counted: " + watcher.error().message);
  const std::lock_guard lock(mutex_);
  for (const Gpu& gpu : gpus_) {
    if (gpu.up && !gpu.is_mig) hidden_.push_back({gpu.index, std::string(NameOf(Metric::kGpuXidErrors)), watcher.error().message});
  }
}

void NvmlGpus::OnEvent(const nvml::EventData& event) {
  const auto found = event_uuids_.find(event.device);
  const std::string uuid = found == event_uuids_.end() ? "unknown" : found->second;
  std::string note;
  if ((event.type & nvml::kEventXid) != 0) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto counts = xids_.find(uuid); counts != xids_.end()) ++counts->second[XidPlace(event.data)];
    }
    note = "the driver reports XID " + std::to_string(event.data) + " on GPU " + uuid;
  } else if ((event.type & nvml::kEventDoubleBitEcc) != 0) {
    note = "the driver reports an uncorrected memory error on GPU " + uuid;
  }
  if (!note.empty() && options_.note) options_.note(NoteLevel::kWarning, note);
}

void NvmlGpus::Close() {
  events_.reset();  // first: it uses the library
  if (library_) {
    const nvml::Api& api = library_->api();
    for (Gpu& gpu : gpus_) {
      for (nvml::GpmSample* sample : {&gpu.readable.previous, &gpu.readable.current}) {
        if (*sample != nullptr && api.gpm_free != nullptr) api.gpm_free(*sample);
        *sample = nullptr;
      }
    }
  }
  library_.reset();
  energy_joules_.reset();
}

Result<> NvmlGpus::CollectFast(MonotonicTime now, Families& families) {
  // Lost GPUs come back only through a new start of the library.
  const bool any_lost = std::any_of(gpus_.begin(), gpus_.end(), [](const Gpu& gpu) { return !gpu.up; });
  if (library_ && any_lost && now >= retry_at_) Close();
  Result<> opened;
  if (!library_) opened = now >= retry_at_ ? Open(now) : Result<>(tl::unexpected(fault_));
  Result<> result = opened ? Collect(now, false, families) : opened;

  GpuFamilies facts;
  const std::lock_guard lock(mutex_);
  for (const Gpu& gpu : gpus_) {
    facts.Add(gpu.index, gpu.uuid, gpu.name, {Metric::kGpuUp, "", gpu.up && library_ ? 1.0 : 0.0});
    const auto counts = xids_.find(gpu.uuid);
    if (gpu.is_mig || counts == xids_.end()) continue;
    const auto values = XidValues();
    for (std::size_t i = 0; i < values.size(); ++i) {
      facts.Add(gpu.index, gpu.uuid, gpu.name, {Metric::kGpuXidErrors, values[i], static_cast<double>(counts->second[i])});
    }
  }
  facts.MoveTo(families);
  return result;
}

Result<> NvmlGpus::CollectSlow(MonotonicTime now, Families& families) {
  if (!library_) return tl::unexpected(fault_);
  return Collect(now, true, families);
}

Result<> NvmlGpus::Collect(MonotonicTime now, bool slow, Families& families) {
  GpuFamilies built;
  std::optional<double> energy;
  bool any_up = false;
  for (Gpu& gpu : gpus_) {
    if (!gpu.up) continue;
    std::vector<nvml::GpuValue> values;
    const Return result = ReadGpu(gpu, slow, values);
    if (MeansClosed(result)) {
      fault_ = {Code::kUnavailable, "NVML stopped working: " + library_->ErrorText(result)};
      Close();
      RetryLater(now);
      return tl::unexpected(fault_);
    }
    if (result != nvml::kSuccess) {
      Lose(gpu, result);
      RetryLater(now);
      continue;
    }
    any_up = true;
    for (const nvml::GpuValue& value : values) {
      built.Add(gpu.index, gpu.uuid, gpu.name, value);
      if (value.metric == Metric::kGpuEnergy) energy = energy.value_or(0) + value.value;
    }
  }
  if (slow) energy_joules_ = energy;
  built.MoveTo(families);

  std::string list;
  {
    const std::lock_guard lock(mutex_);
    for (const HiddenSeries& hidden : std::exchange(newly_hidden_, {})) {
      if (noted_.insert(hidden.gpu + hidden.series).second)
        list += (list.empty() ? "" : "; ") + ("GPU " + hidden.gpu + " " + hidden.series) + ": " + hidden.reason;
    }
  }
  if (!list.empty() && options_.note) options_.note(NoteLevel::kInfo, "not given by the driver: " + list);
  if (!any_up) return Error(Code::kUnavailable, "no GPU answers");
  return {};
}

Return NvmlGpus::ReadGpu(Gpu& gpu, bool slow, std::vector<nvml::GpuValue>& values) {
  const auto& readings = nvml::Readings();
  for (std::size_t r = 0; r < readings.size(); ++r) {
    if (readings[r].slow != slow || gpu.hidden[r]) continue;
    const MonotonicTime start = clock_.Now();
    const Return result = readings[r].read(library_->api(), gpu.readable, values);
    const Duration took = clock_.Now() - start;
    {
      const std::lock_guard lock(mutex_);
      CallCost& cost = costs_[r];
      ++cost.calls;
      cost.total += took;
      cost.most = std::max(cost.most, took);
    }
    if (MeansLost(result) || MeansClosed(result)) return result;
    if (MeansNever(result)) Hide(gpu, r, result);
    // Anything else is of the moment: the series are missing from this sample alone.
  }
  return nvml::kSuccess;
}

void NvmlGpus::Hide(Gpu& gpu, std::size_t reading, Return result) {
  gpu.hidden[reading] = true;
  HiddenSeries hidden{gpu.index, SeriesOf(nvml::Readings()[reading]), library_->ErrorText(result)};
  const std::lock_guard lock(mutex_);
  hidden_.push_back(hidden);
  newly_hidden_.push_back(std::move(hidden));
}

void NvmlGpus::Lose(Gpu& gpu, Return result) {
  gpu.up = false;
  if (options_.note) options_.note(NoteLevel::kWarning, "GPU " + gpu.index + " (" + gpu.name + ") is lost: " + library_->ErrorText(result));
}

void NvmlGpus::NoteOnce(const std::string& note) {
  {
    const std::lock_guard lock(mutex_);
    if (!noted_.insert(note).second) return;
  }
  if (options_.note) options_.note(NoteLevel::kInfo, note);
}

std::vector<HiddenSeries> NvmlGpus::hidden() const {
  const std::lock_guard lock(mutex_);
  return hidden_;
}

std::vector<CallCost> NvmlGpus::costs() const {
  const std::lock_guard lock(mutex_);
  return costs_;
}

std::string NvmlGpus::driver_version() const {
  const std::lock_guard lock(mutex_);
  return driver_version_;
}

}  // namespace inferd::metrics
