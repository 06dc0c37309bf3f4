// Runs the NVIDIA collectors on the GPUs of this machine and prints what they give: every series, what each call cost, and what the driver
// does not give. For docs/GPU.md. usage: gpu_probe [SAMPLES [SECONDS_BETWEEN [LIBRARY]]]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "metrics/collector.h"
#include "metrics/collectors/gpu_nvml.h"
#include "metrics/exposition.h"

int main(int argc, char** argv) {
  using namespace inferd;
  using namespace inferd::metrics;
  const int samples = argc > 1 ? std::atoi(argv[1]) : 5;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 1;
  const SystemClock clock;
  NvmlOptions options;
  if (argc > 3) options.library = argv[3];
  options.note = [](NoteLevel, const std::string& note) { std::printf("note: %s\n", note.c_str()); };
  const auto gpus = std::make_shared<NvmlGpus>(clock, options);
  CollectorRunner runner(clock, options.note);
  runner.Add(std::make_unique<GpuNvmlCollector>(gpus), Duration(1));
  runner.Add(std::make_unique<GpuNvmlSlowCollector>(gpus), Duration(1));
  for (int i = 0; i < samples; ++i) {
    if (i > 0) std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    runner.RunDue(clock.Now());
  }
  std::printf("driver %s\n\n%s\n", gpus->driver_version().c_str(), Render(runner.Collect(), Format::kText).c_str());
  std::printf("| call | calls | mean microseconds | most |\n|---|---|---|---|\n");
  for (const CallCost& cost : gpus->costs()) {
    if (cost.calls == 0) continue;
    std::printf("| %.*s | %llu | %.1f | %.1f |\n", static_cast<int>(cost.call.size()), cost.call.data(),
                static_cast<unsigned long long>(cost.calls), ToSeconds(cost.total) * 1e6 / static_cast<double>(cost.calls),
                ToSeconds(cost.most) * 1e6);
  }
  std::printf("\n| not given | reason |\n|---|---|\n");
  for (const HiddenSeries& hidden : gpus->hidden())
    std::printf("| GPU %s %s | %s |\n", hidden.gpu.c_str(), hidden.series.c_str(), hidden.reason.c_str());
  return 0;
}
