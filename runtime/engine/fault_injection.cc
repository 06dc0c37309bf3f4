#include "runtime/engine/fault_injection.h"

#if INFERD_FAULT_INJECTION

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace inferd::engine {

std::string FaultFile() {
  const char* file = std::getenv("INFERD_FAULTS");
  return file == nullptr ? "" : file;
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

}  // namespace inferd::engine

#endif
