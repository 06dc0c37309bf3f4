#include "metrics/collectors/rapl.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <vector>

#include "metrics/collectors/text_file.h"
#include "metrics/family.h"

namespace inferd::metrics {
namespace {

// Packages ("intel-rapl:0", name package-0) and what lies outside them (dram). The subzones core and uncore are parts of a package, and
// psys is the sum of all: neither may be added.
bool IsCounted(const std::string& name) { return name.starts_with("package") || name == "dram"; }

}  // namespace

Result<> RaplCollector::Collect(MonotonicTime /*now*/, Families& families) {
  const std::string folder = root_ + "/sys/class/powercap";
  std::vector<std::string> zones;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(folder, error); !error && it != std::filesystem::directory_iterator();
       it.increment(error)) {
    const std::string name = it->path().filename();
    if (name.starts_with("intel-rapl:")) zones.push_back(name);  // intel-rapl-mmio counts the same packages again
  }
  std::sort(zones.begin(), zones.end());
  total_.reset();
  if (zones.empty()) return Error(Code::kUnavailable, "no energy counters in /sys/class/powercap");

  FamilyBuilder energy(Metric::kHostEnergy);
  bool any = false;
  double total = 0;
  std::set<std::string> labels;
  for (const std::string& zone : zones) {
    const std::string path = std::string(folder).append("/").append(zone);
    std::string name = ReadLine(path + "/name").value_or("");
    if (!IsCounted(name)) continue;
    const auto now = ReadNumber(path + "/energy_uj");
    if (!now) continue;
    const auto [it, is_new] = zones_.try_emplace(zone, Zone{*now, 0});
    Zone& counter = it->second;
    double spent = *now - counter.last_microjoules;
    if (spent < 0) spent += ReadNumber(path + "/max_energy_range_uj").value_or(-spent);
    counter.joules += spent * 1e-6;
    counter.last_microjoules = *now;
    total += counter.joules;
    any = true;
    // Each package of a large machine has a zone "dram": the second takes its folder's number along.
    if (!labels.insert(name).second) name += "-" + zone.substr(zone.find(':') + 1);
    energy.Add({name}, counter.joules);
  }
  if (!any)
    return Error(Code::kUnavailable, "energy counters in /sys/class/powercap cannot be read: give the daemon the right to read energy_uj");
  total_ = total;
  families.push_back(energy.Take());
  return {};
}

}  // namespace inferd::metrics
