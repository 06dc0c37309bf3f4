// The reference: plain loops, one per formula. Slow and easy to check by eye.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "runtime/model/kernels/blocks.h"
#include "runtime/model/kernels/kernels.h"

namespace inferd::kernels {
namespace {

void MatmulFloat(const MatrixView& weights, int row_begin, int row_end, const Activations& x, float* y, std::size_t y_stride) {
  std::vector<float> row_values(static_cast<std::size_t>(weights.k));
  for (int row = row_begin; row < row_end; ++row) {
    DequantizeRow(weights, row, row_values.data());
    for (int column = 0; column < x.columns; ++column) {
      const float* in = x.f32 + static_cast<std::size_t>(column) * static_cast<std::size_t>(x.k);
      float sum = 0;
      for (int i = 0; i < weights.k; ++i) sum += row_values[static_cast<std::size_t>(i)] * in[i];
      y[static_cast<std::size_t>(column) * y_stride + static_cast<std::size_t>(row)] = sum;
    }
  }
}

// Dot product of one block of quantised weights with int8 activations, and the block's scale.
struct BlockDot {
  int dot;
  float scale;
};

BlockDot DotQ8_0(const std::byte* data, int block, const std::int8_t* x) {
  BlockQ8_0 b;
  std::memcpy(&b, data + static_cast<std::size_t>(block) * sizeof(b), sizeof(b));
  int dot = 0;
  for (int i = 0; i < kBlockElements; ++i) dot += b.q[i] * x[i];
  return {dot, HalfToFloat(b.d)};
}

BlockDot DotQ4_0(const std::byte* data, int block, const std::int8_t* x) {
  BlockQ4_0 b;
  std::memcpy(&b, data + static_cast<std::size_t>(block) * sizeof(b), sizeof(b));
  int dot = 0;
  for (int i = 0; i < kBlockElements / 2; ++i) dot += ((b.q[i] & 0x0F) - 8) * x[i] + ((b.q[i] >> 4) - 8) * x[i + kBlockElements / 2];
  return {dot, HalfToFloat(b.d)};
}

template <BlockDot (*Dot)(const std::byte*, int, const std::int8_t*)>
void MatmulQuantized(const MatrixView& weights, int row_begin, int row_end, const Activations& x, float* y, std::size_t y_stride) {
  const int blocks = weights.k / kBlockElements;
  for (int row = row_begin; row < row_end; ++row) {
    const std::byte* data = weights.data + static_cast<std::size_t>(row) * weights.row_bytes;
    for (int column = 0; column < x.columns; ++column) {
      const std::int8_t* q = x.q8 + static_cast<std::size_t>(column) * static_cast<std::size_t>(x.k);
      const float* scale = x.q8_scale + static_cast<std::size_t>(column) * static_cast<std::size_t>(blocks);
      float sum = 0;
      for (int block = 0; block < blocks; ++block) {
        const BlockDot b = Dot(data, block, q + block * kBlockElements);
        sum += static_cast<float>(b.dot) * (b.scale * scale[block]);
      }
      y[static_cast<std::size_t>(column) * y_stride + static_cast<std::size_t>(row)] = sum;
    }
  }
}

void QuantizeQ8(const float* x, int n, std::int8_t* q, float* scale) {
  for (int block = 0; block < n / kBlockElements; ++block, x += kBlockElements, q += kBlockElements) {
    float peak = 0;
    for (int i = 0; i < kBlockElements; ++i) peak = std::max(peak, std::fabs(x[i]));
    const float d = peak / 127.0F;
    const float inverse = peak > 0 ? 127.0F / peak : 0.0F;
    for (int i = 0; i < kBlockElements; ++i) q[i] = static_cast<std::int8_t>(std::lrintf(x[i] * inverse));
    scale[block] = HalfToFloat(FloatToHalf(d));
  }
}

void RmsNorm(const float* x, const float* weight, int n, float epsilon, float* y) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  const float scale = 1.0F / std::sqrt(static_cast<float>(sum / n) + epsilon);
  for (int i = 0; i < n; ++i) y[i] = x[i] * scale * weight[i];
}

void SiluMul(float* gate, const float* up, int n) {
  for (int i = 0; i < n; ++i) gate[i] = gate[i] / (1.0F + std::exp(-gate[i])) * up[i];
}

void Add(float* y, const float* x, int n) {
  for (int i = 0; i < n; ++i) y[i] += x[i];
}

void Attend(const float* query, const float* keys, const float* values, int positions, int head_dim, float scale, AttentionState& state) {
  for (int p = 0; p < positions; ++p) {
    const float* key = keys + static_cast<std::ptrdiff_t>(p) * head_dim;
    const float* value = values + static_cast<std::ptrdiff_t>(p) * head_dim;
    float score = 0;
    for (int i = 0; i < head_dim; ++i) score += query[i] * key[i];
    score *= scale;
    if (score > state.max) {
      const float shrink = std::exp(state.max - score);
      state.sum *= shrink;
      for (int i = 0; i < head_dim; ++i) state.acc[i] *= shrink;
      state.max = score;
    }
    const float weight = std::exp(score - state.max);
    state.sum += weight;
    for (int i = 0; i < head_dim; ++i) state.acc[i] += weight * value[i];
  }
}

float Peak(const float* x, int n) { return *std::max_element(x, x + n); }

double ExpScaled(const float* x, int n, float peak, float scale, float* y) {
  double sum = 0;
  for (int i = 0; i < n; ++i) {
    y[i] = std::exp((x[i] - peak) * scale);
    sum += static_cast<double>(y[i]);
  }
  return sum;
}

void F16ToF32(const std::uint16_t* x, int n, float* y) {
  for (int i = 0; i < n; ++i) y[i] = HalfToFloat(x[i]);
}

void F32ToF16(const float* x, int n, std::uint16_t* y) {
  for (int i = 0; i < n; ++i) y[i] = FloatToHalf(x[i]);
}

constexpr Table kScalarTable{
    .name = "scalar",
    .matmul_f32 = MatmulFloat,
    .matmul_f16 = MatmulFloat,
    .matmul_bf16 = MatmulFloat,
    .matmul_q8_0 = MatmulQuantized<DotQ8_0>,
    .matmul_q4_0 = MatmulQuantized<DotQ4_0>,
    .quantize_q8 = QuantizeQ8,
    .rms_norm = RmsNorm,
    .silu_mul = SiluMul,
    .add = Add,
    .attend = Attend,
    .peak = Peak,
    .exp_scaled = ExpScaled,
    .f16_to_f32 = F16ToF32,
    .f32_to_f16 = F32ToF16,
};

}  // namespace

const Table& ScalarTable() { return kScalarTable; }

}  // namespace inferd::kernels
