#include "metrics/collectors/gpu_amd.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "metrics/collectors/text_file.h"
#include "metrics/family.h"

namespace inferd::metrics {
namespace {

constexpr std::string_view kVendorAmd = "0x1002";

std::vector<std::string> NamesIn(const std::string& folder, std::string_view prefix) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(folder, error); !error && it != std::filesystem::directory_iterator();
       it.increment(error)) {
    std::string name = it->path().filename();
    if (name.starts_with(prefix)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// "card0"; not its connectors, "card0-DP-1".
bool IsCard(const std::string& name) {
  return name.size() > 4 && std::all_of(name.begin() + 4, name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

struct Card {
  std::string name;    // "card0"
  std::string device;  // folder
  std::string uuid;
  std::string product;
};

class CardReader {
 public:
  CardReader(const Card& card, std::map<Metric, FamilyBuilder>& builders) : card_(card), builders_(builders) {}

  bool Add(Metric metric, std::string_view label, std::optional<double> value, double scale = 1) {
    if (!value) return false;
    FamilyBuilder& builder = builders_.try_emplace(metric, metric).first->second;
    if (label.empty()) {
      builder.Add({card_.name, card_.uuid, card_.product}, *value * scale);
    } else {
      builder.Add({card_.name, card_.uuid, card_.product, label}, *value * scale);
    }
    return true;
  }

  // True when the GPU answered anything.
  bool ReadDevice() {
    const auto file = [this](const char* name) { return ReadNumber(card_.device + "/" + name); };
    bool any = Add(Metric::kGpuUtilization, "", file("gpu_busy_percent"), 0.01);
    any |= Add(Metric::kGpuMemoryBandwidthUtilization, "", file("mem_busy_percent"), 0.01);
    const auto total = file("mem_info_vram_total");
    const auto used = file("mem_info_vram_used");
    any |= Add(Metric::kGpuMemoryTotal, "", total);
    any |= Add(Metric::kGpuMemory, "used", used);
    if (total && used) Add(Metric::kGpuMemory, "free", *total - *used);
    any |= Add(Metric::kGpuPcieReplays, "", file("pcie_replay_count"));
    return any;
  }

  void ReadSensors(const std::string& hwmon) {
    const auto number = [&hwmon](const std::string& name) { return ReadNumber(hwmon + "/" + name); };
    const auto label = [&hwmon](const std::string& name) { return ReadLine(hwmon + "/" + name).value_or(""); };
    for (const char* sensor : {"temp1", "temp2", "temp3"}) {
      const std::string what = label(std::string(sensor) + "_label");
      // junction is a second sensor of the core, hotter than edge; one of the two is enough.
      const std::string_view place = what == "edge" || what.empty() ? "core" : what == "mem" ? "memory" : "";
      if (!place.empty()) Add(Metric::kGpuTemperature, place, number(std::string(sensor) + "_input"), 1e-3);
    }
    // Chips give either the mean or the momentary power.
    const auto mean = number("power1_average");
    Add(Metric::kGpuPower, "", mean ? mean : number("power1_input"), 1e-6);
    Add(Metric::kGpuPowerLimit, "", number("power1_cap"), 1e-6);
    Add(Metric::kGpuEnergy, "", number("energy1_input"), 1e-6);
    for (const char* clock : {"freq1", "freq2"}) {
      const std::string what = label(std::string(clock) + "_label");
      const std::string_view domain = what == "sclk" ? "sm" : what == "mclk" ? "memory" : "";
      if (!domain.empty()) Add(Metric::kGpuClock, domain, number(std::string(clock) + "_input"));
    }
  }

 private:
  const Card& card_;
  std::map<Metric, FamilyBuilder>& builders_;
};

}  // namespace

Result<> GpuAmdCollector::Collect(MonotonicTime /*now*/, Families& families) {
  const std::string drm = root_ + "/sys/class/drm";
  std::map<Metric, FamilyBuilder> builders;
  bool any = false;
  for (const std::string& name : NamesIn(drm, "card")) {
    const std::string device = std::string(drm).append("/").append(name).append("/device");
    if (!IsCard(name) || ReadLine(device + "/vendor") != kVendorAmd) continue;
    any = true;
    const Card card{name, device, ReadLine(device + "/unique_id").value_or("unknown"),
                    ReadLine(device + "/product_name").value_or("AMD " + ReadLine(device + "/device").value_or("GPU"))};
    CardReader reader(card, builders);
    const bool up = reader.ReadDevice();
    reader.Add(Metric::kGpuUp, "", up ? 1.0 : 0.0);
    const std::string hwmon = device + "/hwmon/";
    for (const std::string& sensor : NamesIn(hwmon, "hwmon")) reader.ReadSensors(hwmon + sensor);
  }
  for (auto& [metric, builder] : builders) families.push_back(builder.Take());
  if (!any) return Error(Code::kUnavailable, "no AMD GPU in /sys/class/drm");
  return {};
}

}  // namespace inferd::metrics
