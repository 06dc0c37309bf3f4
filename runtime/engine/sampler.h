// Chooses the next token of one sequence from its logits. Deterministic: the choice depends on the parameters, the sequence's own tokens
// and the logits alone; randomness is a function of (seed, position), so the same seed gives the same text whatever else is in the batch.
//
// Order of operations: logprobs are read from the model's own distribution; then logit bias, repetition penalty, presence and frequency
// penalties, temperature, top-k, top-p, min-p. Not thread-safe; one object per sequence.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "runtime/base/aligned_vector.h"
#include "runtime/engine/request.h"

namespace inferd::engine {

class Sampler {
 public:
  // `prompt`: counted by the repetition penalty. `params` must outlive the sampler. `seed` is the sequence's own.
  Sampler(const SamplingParams& params, std::uint64_t seed, std::span<const TokenId> prompt);

  // `logits` [vocab] is used as working space. `position`: how many tokens the sequence has generated before this one.
  GeneratedToken Sample(std::span<float> logits, int position);

  // Adds a token to what the penalties count. Sample does not do it by itself: a token may be dropped (end of text).
  void Accept(TokenId token);

 private:
  void ReadLogprobs(std::span<const float> logits);
  void Penalise(std::span<float> logits) const;
  TokenId Draw(std::span<float> logits, double random);

  const SamplingParams& params_;
  const std::uint64_t seed_;
  struct Seen {
    int generated = 0;
    bool prompt = false;
  };
  std::unordered_map<TokenId, Seen> seen_;
  AlignedVector<float> work_;
  std::vector<TokenId> candidates_;
  double log_total_ = 0;  // of the model's own distribution
  std::vector<TokenLogprob> top_;
};

// A number in [0, 1) from a seed and a counter: the splitmix64 finaliser (Steele, Lea and Flood, 2014) over both.
double UniformFrom(std::uint64_t seed, std::uint64_t counter);

}  // namespace inferd::engine
