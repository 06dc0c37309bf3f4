// The forward pass of the llama family: pre-norm blocks of grouped-query attention with rotary positions and a gated feed-forward layer
// (Touvron et al., "LLaMA", 2023; the qwen models differ in biases, head norms and the pairing of rotated dimensions).
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/aligned_vector.h"
#include "runtime/model/compute_pool.h"
#include "runtime/model/kernels/kernels.h"
#include "runtime/model/model.h"
#include "runtime/model/rope.h"
#include "runtime/model/weights.h"

namespace inferd::model {

class Transformer final : public Model {
 public:
  Transformer(gguf::GgufFile file, ModelConfig config, Weights weights, const kernels::Table& kernels, int threads);

  void Forward(std::span<const BatchEntry> batch, KvCache& cache, std::span<float> logits) override;

  void OnProgress(Progress progress) override { progress_ = std::move(progress); }

  std::span<const Duration> worker_busy() const override { return worker_busy_; }
  Result<> PinThreads(std::span<const int> cpus) override { return pool_.Pin(cpus); }

  const ModelConfig& config() const override { return config_; }
  const gguf::GgufFile& file() const override { return file_; }
  int threads() const override { return pool_.threads(); }
  std::string_view kernels() const override { return kernels_.name; }
  std::uint64_t parameters() const override { return parameters_; }
  std::uint64_t weight_bytes() const override { return weight_bytes_; }
  double flops_per_token() const override { return flops_per_token_; }
  std::string_view quantization() const override { return quantization_; }

 private:
  // One row per token of the step. Grown when a step is larger than any before, never shrunk.
  struct Buffers {
    int tokens = 0;
    AlignedVector<float> x;         // [tokens][d_model], the residual stream
    AlignedVector<float> normed;    // [tokens][d_model]
    AlignedVector<float> query;     // [tokens][q_dim]
    AlignedVector<float> key;       // [tokens][kv_dim]
    AlignedVector<float> value;     // [tokens][kv_dim]
    AlignedVector<float> attended;  // [tokens][q_dim]
    AlignedVector<float> gate;      // [tokens][ffn]
    AlignedVector<float> up;        // [tokens][ffn]
    AlignedVector<float> cosines;   // [tokens][rope_dims / 2]
    AlignedVector<float> sines;     // [tokens][rope_dims / 2]
    AlignedVector<std::int8_t> q8;  // [tokens][widest input of a product]
    AlignedVector<float> q8_scale;  // [tokens][widest / 32]
  };

  // Where a token of the step belongs.
  struct TokenPlace {
    const BatchEntry* entry;
    int position;
  };

  // Queries of neighbouring tokens of one sequence that share the keys and values they walk over.
  struct AttentionTile {
    const BatchEntry* entry;
    int first_token;  // row in the buffers
    int first_position;
    int tokens;
  };

  struct Product {
    const MatrixView* weights;
    float* out;  // [tokens][weights->rows]
  };

  void Grow(int tokens);
  void Place(std::span<const BatchEntry> batch);
  void Embed();
  void AttentionBlock(int layer, KvCache& cache);
  void FeedForwardBlock(const LayerWeights& w);
  void WriteLogits(std::span<const BatchEntry> batch, std::span<float> logits);

  void Norm(const float* x, const Vector& weight, int rows, float* out);
  void RotateAndStore(int layer, const LayerWeights& w, KvCache& cache);
  void Attend(int layer, KvCache& cache);
  void AttendTile(const AttentionTile& tile, int layer, int kv_head, KvCache& cache, int thread);
  // The float or int8 form of `rows` vectors, whichever these weights multiply.
  kernels::Activations Prepare(const float* x, int rows, int k, std::span<const Product> products);
  void Multiply(const float* x, int rows, int k, std::span<const Product> products);
  void AddTo(float* x, const float* y, int rows, int n);

  gguf::GgufFile file_;
  const ModelConfig config_;
  const Weights weights_;
  const kernels::Table& kernels_;
  const Rope rope_;
  const SystemClock clock_{};
  ComputePool pool_;
  std::vector<Duration> worker_busy_;
  std::uint64_t parameters_ = 0;
  std::uint64_t weight_bytes_ = 0;
  double flops_per_token_ = 0;
  std::string_view quantization_;

  Progress progress_ = [](std::uint64_t) {};
  Buffers b_;
  std::vector<TokenPlace> places_;
  std::vector<TokenId> tokens_;
  std::vector<AttentionTile> tiles_;
  std::vector<AlignedVector<float>> scratch_;  // per thread: one block of keys and one of values as floats
};

}  // namespace inferd::model
