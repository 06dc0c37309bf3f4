// Rotary position embedding (Su et al., "RoFormer", 2021): pairs of a head's dimensions are turned by position * frequency.
// Pure: made once for a model, used from any thread.
#pragma once

#include <span>
#include <vector>

#include "runtime/model/config.h"

namespace inferd::model {

class Rope {
 public:
  // `factors`: divisors of the frequencies (Llama 3's long-context scaling as the file carries it), empty for none.
  Rope(const ModelConfig& config, std::span<const float> factors);

  // Cosines and sines of one position, rope_dims / 2 of each.
  void Angles(int position, float* cosines, float* sines) const;

  // Turns the head `x` [head_dim] in place. Llama files pair neighbouring dimensions (2i, 2i + 1); qwen files pair (i, i + rope_dims / 2).
  void Apply(float* x, const float* cosines, const float* sines) const;

  int pairs() const { return static_cast<int>(frequencies_.size()); }

 private:
  std::vector<double> frequencies_;  // radians per position
  double magnitude_ = 1;             // yarn scales cosines and sines
  bool neighbours_;
};

}  // namespace inferd::model
