#include "metrics/collectors/process.h"

#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <system_error>

#include "metrics/collectors/text_file.h"
#include "metrics/family.h"

namespace inferd::metrics {
ProcessCollector::ProcessCollector(std::string root)
    : root_(std::move(root)),
      ticks_per_second_(static_cast<double>(::sysconf(_SC_CLK_TCK))),
      page_bytes_(static_cast<double>(::sysconf(_SC_PAGE_SIZE))),
      boot_(NumberAfter(ReadText(root_ + "/proc/stat").value_or(""), "btime")) {}

std::vector<prometheus::MetricFamily> ProcessCollector::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  // The command, in parentheses, may hold anything; the numbers follow the last one.
  const std::string stat = ReadText(root_ + "/proc/self/stat").value_or("");
  if (const auto end = stat.rfind(')'); end != std::string::npos) {
    std::istringstream fields(stat.substr(end + 1));
    std::string skip;
    for (int i = 0; i < 11; ++i) fields >> skip;  // state to cmajflt: fields 3 to 13
    double user = 0, system = 0, threads = 0, start = 0, virtual_bytes = 0, resident_pages = 0;
    fields >> user >> system;
    for (int i = 0; i < 4; ++i) fields >> skip;  // cutime to nice
    fields >> threads >> skip >> start >> virtual_bytes >> resident_pages;
    if (fields) {
      families.push_back(OneSeries(Metric::kProcessCpuTime, (user + system) / ticks_per_second_));
      families.push_back(OneSeries(Metric::kProcessThreads, threads));
      families.push_back(OneSeries(Metric::kProcessVirtualMemory, virtual_bytes));
      families.push_back(OneSeries(Metric::kProcessResidentMemory, resident_pages * page_bytes_));
      if (boot_) families.push_back(OneSeries(Metric::kProcessStartTime, *boot_ + start / ticks_per_second_));
    }
  }
  std::error_code error;
  double open = 0;
  for (auto it = std::filesystem::directory_iterator(root_ + "/proc/self/fd", error); !error && it != std::filesystem::directory_iterator();
       it.increment(error))
    ++open;
  if (!error) families.push_back(OneSeries(Metric::kProcessOpenFds, open));
  const auto limit = NumberAfter(ReadText(root_ + "/proc/self/limits").value_or(""), "Max open files");
  if (limit) families.push_back(OneSeries(Metric::kProcessMaxFds, *limit));
  return families;
}

}  // namespace inferd::metrics
