#include "runtime/model/transformer.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>

namespace inferd::model {
namespace {

// Tokens of a prompt whose queries walk over the keys together: each block of keys is converted once for all of them.
constexpr int kTileTokens = 8;

std::size_t Size(int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); }

}  // namespace

Transformer::Transformer(gguf::GgufFile file, ModelConfig config, Weights weights, const kernels::Table& kernels, int threads)
    : file_(std::move(file)),
      config_(std::move(config)),
      weights_(std::move(weights)),
      kernels_(kernels),
      rope_(config_, weights_.rope_factors),
      pool_(threads, clock_),
      worker_busy_(static_cast<std::size_t>(pool_.threads() - 1)),
      scratch_(static_cast<std::size_t>(pool_.threads()), AlignedVector<float>(Size(2 * kKvBlockTokens, config_.head_dim))) {
  std::map<std::string_view, std::uint64_t> bytes_by_type;
  for (const gguf::Tensor& tensor : file_.tensors()) {
    const std::uint64_t elements = tensor.rows() * tensor.columns();
    parameters_ += elements;
    if (tensor.dimensions < 2) continue;
    bytes_by_type[gguf::GetTensorType(tensor.type).name] += tensor.bytes.size();
    if (tensor.name == "token_embd.weight" && !config_.tied_embeddings) continue;  // looked up, not multiplied
    weight_bytes_ += tensor.bytes.size();
    flops_per_token_ += 2.0 * static_cast<double>(elements);
  }
  std::uint64_t most = 0;
  for (const auto& [type, bytes] : bytes_by_type) {
    if (bytes > most) quantization_ = type;
    most = std::max(most, bytes);
  }
}

void Transformer::Grow(int tokens) {
  if (tokens <= b_.tokens) return;
  b_.tokens = tokens;
  const int widest = std::max({config_.d_model, config_.q_dim(), config_.ffn});
  b_.x.resize(Size(tokens, config_.d_model));
  b_.normed.resize(Size(tokens, config_.d_model));
  b_.query.resize(Size(tokens, config_.q_dim()));
  b_.key.resize(Size(tokens, config_.kv_dim()));
  b_.value.resize(Size(tokens, config_.kv_dim()));
  b_.attended.resize(Size(tokens, config_.q_dim()));
  b_.gate.resize(Size(tokens, config_.ffn));
  b_.up.resize(Size(tokens, config_.ffn));
  b_.cosines.resize(Size(tokens, rope_.pairs()));
  b_.sines.resize(Size(tokens, rope_.pairs()));
  b_.q8.resize(Size(tokens, widest));
  b_.q8_scale.resize(Size(tokens, widest / kernels::kBlockElements + 1));
}

void Transformer::Place(std::span<const BatchEntry> batch) {
  places_.clear();
  tokens_.clear();
  tiles_.clear();
  for (const BatchEntry& entry : batch) {
    const int n = static_cast<int>(entry.tokens.size());
    assert(n > 0 && entry.position >= 0);
    assert(entry.table.size() * kKvBlockTokens >= static_cast<std::size_t>(entry.position + n));
    for (int i = 0; i < n; i += kTileTokens) {
      tiles_.push_back({&entry, static_cast<int>(places_.size()) + i, entry.position + i, std::min(kTileTokens, n - i)});
    }
    for (int i = 0; i < n; ++i) {
      assert(entry.tokens[static_cast<std::size_t>(i)] >= 0 && entry.tokens[static_cast<std::size_t>(i)] < config_.vocab);
      places_.push_back({&entry, entry.position + i});
      tokens_.push_back(entry.tokens[static_cast<std::size_t>(i)]);
    }
  }
  // The longest walks first: the threads then finish together.
  std::stable_sort(tiles_.begin(), tiles_.end(), [](const AttentionTile& a, const AttentionTile& b) {
    return a.first_position + a.tokens > b.first_position + b.tokens;
  });
}

void Transformer::Forward(std::span<const BatchEntry> batch, KvCache& cache, std::span<float> logits) {
  Place(batch);
  if (places_.empty()) return;
  Grow(static_cast<int>(places_.size()));
  Embed();
  for (int layer = 0; layer < config_.layers; ++layer) {
    AttentionBlock(layer, cache);
    FeedForwardBlock(weights_.layers[static_cast<std::size_t>(layer)]);
  }
  WriteLogits(batch, logits);
  pool_.TakeBusy(worker_busy_);
}

void Transformer::Embed() {
  pool_.ParallelFor(static_cast<int>(places_.size()), 8, [this](int begin, int end, int) {
    for (int t = begin; t < end; ++t) {
      kernels::DequantizeRow(weights_.embedding, tokens_[static_cast<std::size_t>(t)], &b_.x[Size(t, config_.d_model)]);
      rope_.Angles(places_[static_cast<std::size_t>(t)].position, &b_.cosines[Size(t, rope_.pairs())], &b_.sines[Size(t, rope_.pairs())]);
    }
  });
}

void Transformer::AttentionBlock(int layer, KvCache& cache) {
  const LayerWeights& w = weights_.layers[static_cast<std::size_t>(layer)];
  const int rows = static_cast<int>(places_.size());
  Norm(b_.x.data(), w.attention_norm, rows, b_.normed.data());
  const std::array<Product, 3> qkv{{{&w.query, b_.query.data()}, {&w.key, b_.key.data()}, {&w.value, b_.value.data()}}};
  Multiply(b_.normed.data(), rows, config_.d_model, qkv);
  RotateAndStore(layer, w, cache);
  Attend(layer, cache);
  const std::array<Product, 1> out{{{&w.attention_output, b_.normed.data()}}};
  Multiply(b_.attended.data(), rows, config_.q_dim(), out);
  AddTo(b_.x.data(), b_.normed.data(), rows, config_.d_model);
}

void Transformer::FeedForwardBlock(const LayerWeights& w) {
  const int rows = static_cast<int>(places_.size());
  Norm(b_.x.data(), w.ffn_norm, rows, b_.normed.data());
  const std::array<Product, 2> gate_up{{{&w.gate, b_.gate.data()}, {&w.up, b_.up.data()}}};
  Multiply(b_.normed.data(), rows, config_.d_model, gate_up);
  pool_.ParallelFor(rows, 4, [this](int begin, int end, int) {
    const auto at = Size(begin, config_.ffn);
    kernels_.silu_mul(&b_.gate[at], &b_.up[at], (end - begin) * config_.ffn);
  });
  const std::array<Product, 1> down{{{&w.down, b_.normed.data()}}};
  Multiply(b_.gate.data(), rows, config_.ffn, down);
  AddTo(b_.x.data(), b_.normed.data(), rows, config_.d_model);
}

void Transformer::WriteLogits(std::span<const BatchEntry> batch, std::span<float> logits) {
  int row = 0;
  int wanted = 0;
  for (const BatchEntry& entry : batch) {
    const int n = static_cast<int>(entry.tokens.size());
    for (int i = entry.want_all_logits ? 0 : n - 1; i < n && (entry.want_logits || entry.want_all_logits); ++i) {
      kernels_.rms_norm(&b_.x[Size(row + i, config_.d_model)], weights_.output_norm.data(), config_.d_model, config_.norm_epsilon,
                        &b_.normed[Size(wanted, config_.d_model)]);
      ++wanted;
    }
    row += n;
  }
  assert(logits.size() >= Size(wanted, config_.vocab));
  const std::array<Product, 1> out{{{&weights_.output, logits.data()}}};
  Multiply(b_.normed.data(), wanted, config_.d_model, out);
}

void Transformer::Norm(const float* x, const Vector& weight, int rows, float* out) {
  pool_.ParallelFor(rows, 8, [&](int begin, int end, int) {
    for (int t = begin; t < end; ++t) {
      kernels_.rms_norm(x + Size(t, config_.d_model), weight.data(), config_.d_model, config_.norm_epsilon, out + Size(t, config_.d_model));
    }
  });
}

void Transformer::RotateAndStore(int layer, const LayerWeights& w, KvCache& cache) {
  const int dim = config_.head_dim;
  pool_.ParallelFor(static_cast<int>(places_.size()), 8, [&](int begin, int end, int) {
    for (int t = begin; t < end; ++t) {
      const TokenPlace& place = places_[static_cast<std::size_t>(t)];
      const float* cosines = &b_.cosines[Size(t, rope_.pairs())];
      const float* sines = &b_.sines[Size(t, rope_.pairs())];
      const auto turn = [&](float* x, int heads, const Vector& bias, const Vector& norm) {
        if (!bias.empty()) kernels_.add(x, bias.data(), heads * dim);
        for (int h = 0; h < heads; ++h) {
          if (!norm.empty()) kernels_.rms_norm(x + h * dim, norm.data(), dim, config_.norm_epsilon, x + h * dim);
          rope_.Apply(x + h * dim, cosines, sines);
        }
      };
      float* key = &b_.key[Size(t, config_.kv_dim())];
      float* value = &b_.value[Size(t, config_.kv_dim())];
      turn(&b_.query[Size(t, config_.q_dim())], config_.heads, w.query_bias, w.query_norm);
      turn(key, config_.kv_heads, w.key_bias, w.key_norm);
      if (!w.value_bias.empty()) kernels_.add(value, w.value_bias.data(), config_.kv_dim());

      const KvBlockId block = place.entry->table[static_cast<std::size_t>(place.position / kKvBlockTokens)];
      const std::size_t offset = Size(place.position % kKvBlockTokens, dim) * cache.element_bytes();
      const auto store = [&](const float* x, void* block_start) {
        void* to = static_cast<std::byte*>(block_start) + offset;
        if (cache.type() == KvType::kF16) {
          kernels_.f32_to_f16(x, dim, static_cast<std::uint16_t*>(to));
        } else {
          std::memcpy(to, x, static_cast<std::size_t>(dim) * sizeof(float));
        }
      };
      for (int h = 0; h < config_.kv_heads; ++h) {
        store(key + h * dim, cache.Keys(layer, block, h));
        store(value + h * dim, cache.Values(layer, block, h));
      }
    }
  });
}

void Transformer::Attend(int layer, KvCache& cache) {
  const int units = static_cast<int>(tiles_.size()) * config_.kv_heads;
  pool_.ParallelFor(units, 1, [&](int begin, int end, int thread) {
    for (int unit = begin; unit < end; ++unit) {
      AttendTile(tiles_[static_cast<std::size_t>(unit / config_.kv_heads)], layer, unit % config_.kv_heads, cache, thread);
    }
  });
}

void Transformer::AttendTile(const AttentionTile& tile, int layer, int kv_head, KvCache& cache, int thread) {
  const int dim = config_.head_dim;
  const int group = config_.heads / config_.kv_heads;
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  float* key_floats = scratch_[static_cast<std::size_t>(thread)].data();
  float* value_floats = key_floats + Size(kKvBlockTokens, dim);

  const auto head_at = [&](AlignedVector<float>& rows, int t, int g) {
    return &rows[Size(tile.first_token + t, config_.q_dim()) + Size(kv_head * group + g, dim)];
  };
  thread_local std::vector<kernels::AttentionState> states;
  states.clear();
  for (int t = 0; t < tile.tokens; ++t) {
    for (int g = 0; g < group; ++g) {
      float* acc = head_at(b_.attended, t, g);
      std::fill_n(acc, dim, 0.0F);
      states.push_back({-std::numeric_limits<float>::infinity(), 0.0F, acc});
    }
  }

  const int last_position = tile.first_position + tile.tokens - 1;
  for (int block = 0; block <= last_position / kKvBlockTokens; ++block) {
    const int block_position = block * kKvBlockTokens;
    const KvBlockId id = tile.entry->table[static_cast<std::size_t>(block)];
    const void* keys = cache.Keys(layer, id, kv_head);
    const void* values = cache.Values(layer, id, kv_head);
    const int filled = std::min(kKvBlockTokens, last_position + 1 - block_position);
    if (cache.type() == KvType::kF16) {
      kernels_.f16_to_f32(static_cast<const std::uint16_t*>(keys), filled * dim, key_floats);
      kernels_.f16_to_f32(static_cast<const std::uint16_t*>(values), filled * dim, value_floats);
      keys = key_floats;
      values = value_floats;
    }
    for (int t = 0; t < tile.tokens; ++t) {
      const int visible = std::min(kKvBlockTokens, tile.first_position + t + 1 - block_position);
      if (visible <= 0) continue;
      for (int g = 0; g < group; ++g) {
        kernels_.attend(head_at(b_.query, t, g), static_cast<const float*>(keys), static_cast<const float*>(values), visible, dim, scale,
                        states[Size(t, group) + static_cast<std::size_t>(g)]);
      }
    }
  }
  for (const kernels::AttentionState& state : states) {
    const float inverse = 1.0F / state.sum;
    for (int i = 0; i < dim; ++i) state.acc[i] *= inverse;
  }
}

kernels::Activations Transformer::Prepare(const float* x, int rows, int k, std::span<const Product> products) {
  const bool q8 = std::any_of(products.begin(), products.end(), [](const Product& p) { return kernels::NeedsQ8(p.weights->type); });
  if (q8) {
    pool_.ParallelFor(rows, 8, [&](int begin, int end, int) {
      kernels_.quantize_q8(x + Size(begin, k), (end - begin) * k, &b_.q8[Size(begin, k)],
                           &b_.q8_scale[Size(begin, k / kernels::kBlockElements)]);
    });
  }
  return {x, b_.q8.data(), b_.q8_scale.data(), rows, k};
}

void Transformer::Multiply(const float* x, int rows, int k, std::span<const Product> products) {
  if (rows == 0) return;
  const kernels::Activations input = Prepare(x, rows, k, products);
  int weight_rows = 0;
  std::uint64_t weight_bytes = 0;
  for (const Product& product : products) {
    weight_rows += product.weights->rows;
    weight_bytes += static_cast<std::uint64_t>(product.weights->rows) * product.weights->row_bytes;
  }
  const int grain = std::clamp(weight_rows / (pool_.threads() * 8) / 4 * 4, 16, 256);
  pool_.ParallelFor(weight_rows, grain, [&](int begin, int end, int) {
    int first = 0;
    for (const Product& product : products) {
      const MatrixView& w = *product.weights;
      const int from = std::max(begin - first, 0);
      const int to = std::min(end - first, w.rows);
      if (from < to) kernels_.matmul(w.type)(w, from, to, input, product.out, static_cast<std::size_t>(w.rows));
      first += w.rows;
    }
  });
  progress_(weight_bytes);
}

void Transformer::AddTo(float* x, const float* y, int rows, int n) {
  pool_.ParallelFor(rows, 16, [&](int begin, int end, int) { kernels_.add(x + Size(begin, n), y + Size(begin, n), (end - begin) * n); });
}

}  // namespace inferd::model
