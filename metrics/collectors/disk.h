// Free space of the file systems that hold given paths (statvfs).
#pragma once

#include <string>
#include <vector>

#include "metrics/collector.h"

namespace inferd::metrics {

class DiskCollector final : public Collector {
 public:
  explicit DiskCollector(std::vector<std::string> paths) : paths_(std::move(paths)) {}
  std::string_view name() const override { return "disk"; }
  // kIo names the first path that cannot be looked at; the others are shown.
  Result<> Collect(MonotonicTime now, Families& families) override;

 private:
  std::vector<std::string> paths_;
};

}  // namespace inferd::metrics
