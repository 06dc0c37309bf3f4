#include "daemon/observability/collectors.h"

#include <sys/timex.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <utility>

#include "daemon/log.h"
#include "metrics/collectors/certificates.h"
#include "metrics/collectors/cgroup.h"
#include "metrics/collectors/clock_sync.h"
#include "metrics/collectors/disk.h"
#include "metrics/collectors/energy.h"
#include "metrics/collectors/gpu_amd.h"
#include "metrics/collectors/pressure.h"
#include "metrics/collectors/rapl.h"
#include "runtime/engine/fault_injection.h"

namespace inferd::daemon {
namespace {

constexpr Duration kSlow = std::chrono::seconds(15);

std::vector<std::string> ModelFolders(const config::Config& config) {
  std::vector<std::string> folders;
  for (const config::Model& model : config.models) {
    std::string folder = std::filesystem::path(model.path).parent_path();
    if (folder.empty()) folder = ".";
    if (std::find(folders.begin(), folders.end(), folder) == folders.end()) folders.push_back(std::move(folder));
  }
  return folders;
}

std::vector<double> BusySeconds(const ServedModels& models) {
  std::vector<double> seconds;
  for (std::size_t m = 0; m < models.size(); ++m) {
    const ServedModel* model = models.at(m);
    seconds.push_back(model == nullptr ? 0 : ToSeconds(model->engine->status().busy));
  }
  return seconds;
}

// The kernel's clock, or in a build with fault injection what a test says of it.
int Adjtimex(struct timex* state) {
#if INFERD_FAULT_INJECTION
  if (const auto fault = engine::ClockFault()) {
    *state = {};
    state->offset = std::chrono::microseconds(fault->offset).count();
    state->status = fault->synchronized ? 0 : STA_UNSYNC;
    return fault->synchronized ? TIME_OK : TIME_ERROR;
  }
#endif
  return ::adjtimex(state);
}

}  // namespace

void Collectors::Say(metrics::NoteLevel level, const std::string& note) {
  ProcessLog().Write(logging::CollectorNote{.text = note}, level == metrics::NoteLevel::kWarning ? Level::kWarn : Level::kInfo);
}

Collectors::Collectors(const Views& views)
    : gpus_(std::make_shared<metrics::NvmlGpus>(views.clock, metrics::NvmlOptions{.note = Say})), runner_(views.clock, Say) {
  const config::Observability& config = views.config.observability;
  const Duration fast = config.interval;
  const Duration slow = std::max(fast, kSlow);
  runner_.Add(std::make_unique<metrics::GpuNvmlCollector>(gpus_), fast);
  runner_.Add(std::make_unique<metrics::GpuAmdCollector>(), fast);
  runner_.Add(std::make_unique<metrics::CgroupCollector>(), fast);
  runner_.Add(std::make_unique<metrics::PressureCollector>(), fast);
  runner_.Add(std::make_unique<metrics::GpuNvmlSlowCollector>(gpus_), slow);
  auto rapl = std::make_unique<metrics::RaplCollector>();
  const metrics::RaplCollector& packages = *rapl;  // lives as long as the runner, as the collector that asks it does
  runner_.Add(std::move(rapl), slow);
  // After those that it asks.
  std::vector<std::string> models = views.ledger.models();
  models.pop_back();  // "other" has no engine
  runner_.Add(std::make_unique<metrics::EnergyCollector>(
                  std::move(models),
                  std::vector<metrics::EnergyCollector::Source>{{"cpu", [&packages] { return packages.energy_joules(); }},
                                                                {"gpu", [gpus = gpus_] { return gpus->energy_joules(); }}},
                  [&views] { return BusySeconds(views.models); }),
              slow);
  runner_.Add(std::make_unique<metrics::ClockCollector>(Adjtimex), slow);
  runner_.Add(std::make_unique<metrics::DiskCollector>(config.disks.empty() ? ModelFolders(views.config) : config.disks), slow);
  if (!config.certificates.empty()) runner_.Add(std::make_unique<metrics::CertificateCollector>(config.certificates), slow);
}

}  // namespace inferd::daemon
