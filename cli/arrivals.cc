#include "cli/arrivals.h"

#include <cmath>

namespace inferd::cli {

Duration ArrivalSchedule::Next() {
  if (kind_ == ArrivalKind::kUniform) return FromSeconds(static_cast<double>(made_++) / rate_);
  // Own arithmetic instead of std::exponential_distribution, which differs between standard libraries: the same seed, the same run.
  const double uniform = static_cast<double>(random_() >> 11U) * 0x1p-53;  // [0, 1)
  poisson_seconds_ += -std::log1p(-uniform) / rate_;
  return FromSeconds(poisson_seconds_);
}

}  // namespace inferd::cli
