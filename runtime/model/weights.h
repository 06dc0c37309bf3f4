// The weights of a model as views into its file, checked against the configuration. Matrices stay in the file; the small vectors
// (norms, biases) are copied as floats. Immutable; valid as long as the file is.
#pragma once

#include <vector>

#include "runtime/base/aligned_vector.h"
#include "runtime/base/status.h"
#include "runtime/gguf/gguf.h"
#include "runtime/model/config.h"
#include "runtime/model/kernels/kernels.h"

namespace inferd::model {

using kernels::MatrixView;
using Vector = AlignedVector<float>;

struct LayerWeights {
  Vector attention_norm;                    // [d_model]
  MatrixView query, key, value;             // [q_dim][d_model], [kv_dim][d_model] twice
  Vector query_bias, key_bias, value_bias;  // [q_dim], [kv_dim] twice; empty when the model has none
  Vector query_norm, key_norm;              // [head_dim]; empty but for qwen3
  MatrixView attention_output;              // [d_model][q_dim]
  Vector ffn_norm;                          // [d_model]
  MatrixView gate, up;                      // [ffn][d_model]
  MatrixView down;                          // [d_model][ffn]
};

struct Weights {
  MatrixView embedding;  // [vocab][d_model]
  std::vector<LayerWeights> layers;
  Vector output_norm;   // [d_model]
  MatrixView output;    // [vocab][d_model]; the embedding when tied
  Vector rope_factors;  // [rope_dims / 2] divisors of the rope frequencies (Llama 3); empty: none

  // kCorrupt for a missing tensor or a wrong shape (named, with what was expected), kUnsupported for a tensor that this architecture does
  // not have: computing without it would give wrong answers.
  static Result<Weights> FromGguf(const gguf::GgufFile& file, const ModelConfig& config);
};

}  // namespace inferd::model
