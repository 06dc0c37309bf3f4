#include "metrics/collectors/process.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <system_error>

#include "metrics/family.h"

namespace inferd::metrics {
namespace {

std::string ReadWhole(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

prometheus::MetricFamily One(Metric metric, double value) {
  FamilyBuilder builder(metric);
  builder.Add({}, value);
  return builder.Take();
}

// The number that follows `key` at the beginning of a line, or a negative one.
double NumberAfter(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    std::istringstream rest(line.substr(key.size()));
    double value = -1;
    rest >> value;
    return value;
  }
  return -1;
}

}  // namespace

ProcessCollector::ProcessCollector(std::string root)
    : root_(std::move(root)),
      ticks_per_second_(static_cast<double>(::sysconf(_SC_CLK_TCK))),
      page_bytes_(static_cast<double>(::sysconf(_SC_PAGE_SIZE))) {}

std::vector<prometheus::MetricFamily> ProcessCollector::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  // The command, in parentheses, may hold anything; the numbers follow the last one.
  const std::string stat = ReadWhole(root_ + "/proc/self/stat");
  if (const auto end = stat.rfind(')'); end != std::string::npos) {
    std::istringstream fields(stat.substr(end + 1));
    std::string skip;
    for (int i = 0; i < 11; ++i) fields >> skip;  // state to cmajflt: fields 3 to 13
    double user = 0, system = 0, threads = 0, start = 0, virtual_bytes = 0, resident_pages = 0;
    fields >> user >> system;
    for (int i = 0; i < 4; ++i) fields >> skip;  // cutime to nice
    fields >> threads >> skip >> start >> virtual_bytes >> resident_pages;
    if (fields) {
      families.push_back(One(Metric::kProcessCpuTime, (user + system) / ticks_per_second_));
      families.push_back(One(Metric::kProcessThreads, threads));
      families.push_back(One(Metric::kProcessVirtualMemory, virtual_bytes));
      families.push_back(One(Metric::kProcessResidentMemory, resident_pages * page_bytes_));
      const double boot = NumberAfter(ReadWhole(root_ + "/proc/stat"), "btime");
      if (boot >= 0) families.push_back(One(Metric::kProcessStartTime, boot + start / ticks_per_second_));
    }
  }
  std::error_code error;
  double open = 0;
  for (auto it = std::filesystem::directory_iterator(root_ + "/proc/self/fd", error); !error && it != std::filesystem::directory_iterator();
       it.increment(error))
    ++open;
  if (!error) families.push_back(One(Metric::kProcessOpenFds, open));
  const double limit = NumberAfter(ReadWhole(root_ + "/proc/self/limits"), "Max open files");
  if (limit >= 0) families.push_back(One(Metric::kProcessMaxFds, limit));
  return families;
}

}  // namespace inferd::metrics
