#include "runtime/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/model/kernels/kernels.h"

namespace inferd::engine {
namespace {

const kernels::Table& Kernels() {
  static const kernels::Table& table = *kernels::FindTable("");
  return table;
}

std::uint64_t Mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

// The most likely token; the lowest id among equals.
TokenId Greedy(std::span<const float> logits) {
  return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace

double UniformFrom(std::uint64_t seed, std::uint64_t counter) { return static_cast<double>(Mix(Mix(seed) + counter) >> 11U) * 0x1p-53; }

Sampler::Sampler(const SamplingParams& params, std::uint64_t seed, std::span<const TokenId> prompt) : params_(params), seed_(seed) {
  if (params_.repetition_penalty != 1.0F) {
    for (const TokenId token : prompt) seen_[token].prompt = true;
  }
}

void Sampler::Accept(TokenId token) { ++seen_[token].generated; }

GeneratedToken Sampler::Sample(std::span<float> logits, int position) {
  GeneratedToken chosen{};
  // A broken model can produce NaN; it must not be able to choose an id outside the vocabulary.
  for (float& logit : logits) {
    if (std::isnan(logit)) logit = -std::numeric_limits<float>::infinity();
  }
  AlignedVector<float> own;
  if (params_.logprobs >= 0) {
    ReadLogprobs(logits);
    own.assign(logits.begin(), logits.end());
  }
  for (const auto& [token, bias] : params_.logit_bias) logits[static_cast<std::size_t>(token)] += bias;
  Penalise(logits);
  chosen.id = params_.temperature <= 0 ? Greedy(logits) : Draw(logits, UniformFrom(seed_, static_cast<std::uint64_t>(position)));
  if (params_.logprobs >= 0) {
    chosen.logprob = static_cast<float>(static_cast<double>(own[static_cast<std::size_t>(chosen.id)]) - log_total_);
    chosen.top = top_;
  }
  return chosen;
}

void Sampler::ReadLogprobs(std::span<const float> logits) {
  const int n = static_cast<int>(logits.size());
  const float peak = Kernels().peak(logits.data(), n);
  work_.resize(logits.size());
  log_total_ = peak + std::log(Kernels().exp_scaled(logits.data(), n, peak, 1.0F, work_.data()));
  const auto wanted = std::min(static_cast<std::size_t>(params_.logprobs), logits.size());
  candidates_.resize(logits.size());
  std::iota(candidates_.begin(), candidates_.end(), 0);
  const auto likelier = [&](TokenId a, TokenId b) {
    const float x = logits[static_cast<std::size_t>(a)];
    const float y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(wanted), candidates_.end(), likelier);
  top_.clear();
  for (std::size_t i = 0; i < wanted; ++i) {
    const TokenId id = candidates_[i];
    top_.push_back({id, static_cast<float>(static_cast<double>(logits[static_cast<std::size_t>(id)]) - log_total_)});
  }
}

// Repetition: Keskar et al., "CTRL", 2019. Presence and frequency: OpenAI's API reference, on generated tokens.
void Sampler::Penalise(std::span<float> logits) const {
  const bool repetition = params_.repetition_penalty != 1.0F;
  if (!repetition && params_.presence_penalty == 0 && params_.frequency_penalty == 0) return;
  for (const auto& [token, seen] : seen_) {
    float& logit = logits[static_cast<std::size_t>(token)];
    if (repetition) logit = logit > 0 ? logit / params_.repetition_penalty : logit * params_.repetition_penalty;
    if (seen.generated > 0) logit -= params_.presence_penalty + params_.frequency_penalty * static_cast<float>(seen.generated);
  }
}

TokenId Sampler::Draw(std::span<float> logits, double random) {
  const int n = static_cast<int>(logits.size());
  const float peak = Kernels().peak(logits.data(), n);
  if (!std::isfinite(peak)) return Greedy(logits);
  work_.resize(logits.size());
  const double total = Kernels().exp_scaled(logits.data(), n, peak, 1.0F / params_.temperature, work_.data());
  const auto weight = [this](TokenId id) { return work_[static_cast<std::size_t>(id)]; };
  const auto pick = [&](const auto& ids, double sum) {
    double left = random * sum;
    TokenId last = 0;
    for (const TokenId id : ids) {
      if (weight(id) <= 0) continue;
      last = id;
      left -= static_cast<double>(weight(id));
      if (left < 0) break;
    }
    return last;
  };

  const bool truncated = (params_.top_k > 0 && params_.top_k < n) || params_.top_p < 1.0F || params_.min_p > 0.0F;
  candidates_.resize(logits.size());
  std::iota(candidates_.begin(), candidates_.end(), 0);
  if (!truncated) return pick(candidates_, total);

  // The likeliest token has weight 1, so min-p is a threshold on the weight itself. Tokens that no truncation can keep go first: with
  // those below the smallest weight that matters gone, little is left to sort.
  const auto likelier = [&](TokenId a, TokenId b) { return weight(a) != weight(b) ? weight(a) > weight(b) : a < b; };
  std::erase_if(candidates_, [&](TokenId id) { return weight(id) < params_.min_p || weight(id) <= 0; });
  if (params_.top_k > 0 && static_cast<std::size_t>(params_.top_k) < candidates_.size()) {
    std::nth_element(candidates_.begin(), candidates_.begin() + params_.top_k, candidates_.end(), likelier);
    candidates_.resize(static_cast<std::size_t>(params_.top_k));
  }
  double kept = 0;
  for (const TokenId id : candidates_) kept += static_cast<double>(weight(id));
  if (params_.top_p < 1.0F) {
    // The likeliest tokens whose mass reaches the share, by halving: only the half in which the border lies is looked at again.
    double wanted = kept * static_cast<double>(params_.top_p);
    kept = 0;
    auto begin = candidates_.begin();
    auto end = candidates_.end();
    while (end - begin > 64) {
      const auto middle = begin + (end - begin) / 2;
      std::nth_element(begin, middle, end, likelier);
      double half = 0;
      for (auto it = begin; it != middle; ++it) half += static_cast<double>(weight(*it));
      if (half >= wanted) {
        end = middle;
      } else {
        kept += half;
        wanted -= half;
        begin = middle;
      }
    }
    std::sort(begin, end, likelier);
    while (begin != end && (wanted > 0 || begin == candidates_.begin())) {
      const auto mass = static_cast<double>(weight(*begin++));
      kept += mass;
      wanted -= mass;
    }
    candidates_.erase(begin, candidates_.end());
  }
  std::sort(candidates_.begin(), candidates_.end());
  return pick(candidates_, kept);
}

}  // namespace inferd::engine
