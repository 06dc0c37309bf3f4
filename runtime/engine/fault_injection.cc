#include "runtime/engine/fault_injection.h"

#if INFERD_FAULT_INJECTION

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <thread>

namespace inferd::engine {

std::string FaultFile() {
  const char* file = std::getenv("INFERD_FAULTS");
  return file == nullptr ? "" : file;
}

std::optional<FaultyClock> ClockFault() {
  if (FaultFile().empty()) return std::nullopt;
  std::ifstream file(FaultFile());
  std::string fault;
  int milliseconds = 0;
  if (file >> fault >> milliseconds && fault == "clock") return FaultyClock{std::chrono::milliseconds(milliseconds), false};
  return FaultyClock{};
}

void Faults::Suffer() const {
  if (file_.empty()) return;
  for (;;) {
    std::ifstream file(file_);
    std::string fault;
    int milliseconds = 0;
    if (!(file >> fault)) return;
    if (fault == "slow" && file >> milliseconds) std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    if (fault != "stall") return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void Faults::Spoil(std::span<float> logits) const {
  if (file_.empty()) return;
  std::ifstream file(file_);
  std::string fault;
  if (file >> fault && fault == "nan") std::fill(logits.begin(), logits.end(), std::numeric_limits<float>::quiet_NaN());
}

}  // namespace inferd::engine

#endif
