// The arithmetic of the forward pass behind one table per instruction set. The scalar table is the reference; the others must agree
// with it within rounding, and a fuzz and a unit test hold them to it. Tables are constant; their functions touch only what they are
// handed and may run on any thread.
//
// Batch invariance: every kernel computes each output element with the same operations in the same order whatever the number of rows or
// columns in the call, so a token's result does not depend on what else is in the batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/gguf/gguf.h"

namespace inferd::kernels {

// Elements that share a scale, in quantised weights and activations alike.
inline constexpr int kBlockElements = 32;

// Rows of a weight matrix in the file's layout: rows x k, row after row.
struct MatrixView {
  gguf::TensorType type = gguf::TensorType::kF32;
  const std::byte* data = nullptr;
  int rows = 0;
  int k = 0;  // columns; a multiple of kBlockElements for quantised types
  std::size_t row_bytes = 0;
};

// The inputs of a matrix product: `columns` vectors of k elements. Quantised weights multiply the int8 form, the others the float form.
struct Activations {
  const float* f32 = nullptr;       // [columns][k]
  const std::int8_t* q8 = nullptr;  // [columns][k]
  const float* q8_scale = nullptr;  // [columns][k / kBlockElements]
  int columns = 0;
  int k = 0;
};

// Running softmax over the keys seen so far (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
struct AttentionState {
  float max;   // -infinity before the first key
  float sum;   // of exp(score - max)
  float* acc;  // [head_dim], sum of exp(score - max) * value
};

// y[column * y_stride + row] = dot(weights row, activation column), for rows row_begin <= row < row_end.
using MatmulFn = void (*)(const MatrixView& weights, int row_begin, int row_end, const Activations& x, float* y, std::size_t y_stride);

struct Table {
  std::string_view name;

  MatmulFn matmul_f32;
  MatmulFn matmul_f16;
  MatmulFn matmul_bf16;
  MatmulFn matmul_q8_0;
  MatmulFn matmul_q4_0;

  // Blocks of 32: scale = max|x| / 127, rounded to float16 where it is stored, q = round(x / scale). n is a multiple of kBlockElements.
  void (*quantize_q8)(const float* x, int n, std::int8_t* q, float* scale);

  // y = x / sqrt(mean(x^2) + epsilon) * weight (Zhang and Sennrich, "Root mean square layer normalization", 2019). y may be x.
  void (*rms_norm)(const float* x, const float* weight, int n, float epsilon, float* y);

  // gate = gate * sigmoid(gate) * up (Shazeer, "GLU variants improve transformer", 2020).
  void (*silu_mul)(float* gate, const float* up, int n);

  // y += x
  void (*add)(float* y, const float* x, int n);

  // One query head over `positions` (at most kKvBlockTokens) consecutive keys and values, each [positions][head_dim] float.
  void (*attend)(const float* query, const float* keys, const float* values, int positions, int head_dim, float scale,
                 AttentionState& state);

  // Largest of n values, n at least 1.
  float (*peak)(const float* x, int n);
  // y[i] = exp((x[i] - peak) * scale); returns their sum. The numerators of a softmax at temperature 1 / scale.
  double (*exp_scaled)(const float* x, int n, float peak, float scale, float* y);

  void (*f16_to_f32)(const std::uint16_t* x, int n, float* y);
  void (*f32_to_f16)(const float* x, int n, std::uint16_t* y);

  MatmulFn matmul(gguf::TensorType type) const {
    switch (type) {
      case gguf::TensorType::kF32: return matmul_f32;
      case gguf::TensorType::kF16: return matmul_f16;
      case gguf::TensorType::kBF16: return matmul_bf16;
      case gguf::TensorType::kQ8_0: return matmul_q8_0;
      case gguf::TensorType::kQ4_0: return matmul_q4_0;
    }
    return nullptr;
  }
};

// Whether a weight type multiplies int8 activations.
constexpr bool NeedsQ8(gguf::TensorType type) { return type == gguf::TensorType::kQ8_0 || type == gguf::TensorType::kQ4_0; }

const Table& ScalarTable();
// Every table this machine can run, the reference first, the fastest last.
std::span<const Table* const> AvailableTables();
// By name, or the fastest for "". nullptr for a name that is unknown or cannot run here.
const Table* FindTable(std::string_view name);

// One row of weights as floats; any type. out[k].
void DequantizeRow(const MatrixView& weights, int row, float* out);

}  // namespace inferd::kernels
