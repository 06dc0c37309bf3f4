// When certificates expire, read from their PEM files at each run: a renewed file shows without a restart.
#pragma once

#include <string>
#include <vector>

#include "metrics/collector.h"

namespace inferd::metrics {

class CertificateCollector final : public Collector {
 public:
  explicit CertificateCollector(std::vector<std::string> paths) : paths_(std::move(paths)) {}
  std::string_view name() const override { return "certificates"; }
  // kIo or kCorrupt names the first file that gives no certificate; the others are shown.
  Result<> Collect(MonotonicTime now, Families& families) override;

 private:
  std::vector<std::string> paths_;
};

}  // namespace inferd::metrics
