// When the requests of an open loop start: fixed in advance by rate, kind and seed, whatever the server does. Latency counted from
// these times includes the wait that a slow server causes; a generator that waits for answers before it sends would leave it out
// ("coordinated omission").
#pragma once

#include <cstdint>
#include <random>

#include "runtime/base/clock.h"

namespace inferd::cli {

enum class ArrivalKind { kPoisson, kUniform };

class ArrivalSchedule {
 public:
  // `rate` in requests a second, above 0.
  ArrivalSchedule(ArrivalKind kind, double rate, std::uint64_t seed) : kind_(kind), rate_(rate), random_(seed) {}

  // Time of the next arrival from the start of the run. Uniform: 0, 1/rate, 2/rate, ... Poisson: independent exponential gaps.
  Duration Next();

 private:
  ArrivalKind kind_;
  double rate_;
  std::mt19937_64 random_;
  std::uint64_t made_ = 0;
  double poisson_seconds_ = 0;
};

}  // namespace inferd::cli
