// Faults on demand, for tests of everything that watches an engine. Compiled in only with the CMake option INFERD_FAULT_INJECTION: on in
// the presets dev, asan-ubsan and tsan, off in release, where nothing of this exists.
//
// The environment variable INFERD_FAULTS names a file whose text says what is wrong at the moment. Without the variable nothing is ever
// wrong, without the file nothing is wrong now, so a test writes the file and removes it again. Engines look at it before each sign of
// life, which they give several times a layer:
//
//   stall     the engine stands still, deaf to cancelling, draining and stopping, until the file says something else or is gone
//   slow N    each sign of life comes N milliseconds later: steps that take long, and yet move
//   nan       the model computes no numbers: requests fail
//   clock N   the system clock is N milliseconds off and nothing synchronizes it; without this line it is right, whatever the machine's is
#pragma once

#if INFERD_FAULT_INJECTION

#include <chrono>
#include <optional>
#include <span>
#include <string>

namespace inferd::engine {

// The path in INFERD_FAULTS; empty when there is none.
std::string FaultFile();

// How far the system clock is off, as that file has it: nothing without the file's variable, so that the real clock is asked.
struct FaultyClock {
  std::chrono::milliseconds offset{};
  bool synchronized = true;
};
std::optional<FaultyClock> ClockFault();

// One for each engine; used by its thread.
class Faults {
 public:
  Faults() : file_(FaultFile()) {}
  // Does what the file says, now.
  void Suffer() const;
  // What the model computed, or what the file makes of it.
  void Spoil(std::span<float> logits) const;

 private:
  const std::string file_;
};

}  // namespace inferd::engine

#endif
