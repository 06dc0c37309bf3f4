#include "runtime/model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace inferd::model {
namespace {

// Dimension pair whose wavelength makes `rotations` full turns within the original context (Peng et al., "YaRN", 2023, section 3.2).
double CorrectionDim(const ModelConfig& config, double rotations) {
  return config.rope_dims * std::log(config.rope_original_context / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(static_cast<double>(config.rope_base)));
}

}  // namespace

Rope::Rope(const ModelConfig& config, std::span<const float> factors) : neighbours_(config.architecture == Architecture::kLlama) {
  const int pairs = config.rope_dims / 2;
  double low = 0;
  double high = 0;
  if (config.rope_scaling == RopeScaling::kYarn) {
    low = std::max(0.0, std::floor(CorrectionDim(config, config.yarn_beta_fast)));
    high = std::min<double>(config.rope_dims - 1, std::ceil(CorrectionDim(config, config.yarn_beta_slow)));
    if (config.yarn_ext_factor != 0) {
      magnitude_ = config.yarn_attn_factor * (1.0 + 0.1 * std::log(static_cast<double>(config.rope_factor)));
    } else {
      magnitude_ = config.yarn_attn_factor;
    }
  }
  for (int i = 0; i < pairs; ++i) {
    double frequency = std::pow(static_cast<double>(config.rope_base), -2.0 * i / config.rope_dims);
    if (!factors.empty()) frequency /= factors[static_cast<std::size_t>(i)];
    const double stretched = frequency / config.rope_factor;
    if (config.rope_scaling == RopeScaling::kLinear) frequency = stretched;
    if (config.rope_scaling == RopeScaling::kYarn) {
      const double ramp = 1.0 - std::clamp((i - low) / std::max(0.001, high - low), 0.0, 1.0);
      const double kept = ramp * config.yarn_ext_factor;
      frequency = stretched * (1.0 - kept) + frequency * kept;
    }
    frequencies_.push_back(frequency);
  }
}

void Rope::Angles(int position, float* cosines, float* sines) const {
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    const double angle = position * frequencies_[i];
    cosines[i] = static_cast<float>(std::cos(angle) * magnitude_);
    sines[i] = static_cast<float>(std::sin(angle) * magnitude_);
  }
}

void Rope::Apply(float* x, const float* cosines, const float* sines) const {
  const int n = pairs();
  const int first_step = neighbours_ ? 2 : 1;
  const int second = neighbours_ ? 1 : n;
  for (int i = 0; i < n; ++i) {
    float& a = x[i * first_step];
    float& b = x[i * first_step + second];
    const float turned = a * cosines[i] - b * sines[i];
    b = a * sines[i] + b * cosines[i];
    a = turned;
  }
}

}  // namespace inferd::model
