// The shape of a model, read from a GGUF file's metadata and checked for consistency. Immutable values.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/status.h"
#include "runtime/gguf/gguf.h"

namespace inferd::model {

enum class Architecture : std::uint8_t { kLlama, kQwen2, kQwen3 };
std::string_view ArchitectureName(Architecture architecture);

enum class RopeScaling : std::uint8_t { kNone, kLinear, kYarn };

struct ModelConfig {
  Architecture architecture = Architecture::kLlama;
  std::string name;  // general.name, may be empty
  int layers = 0;
  int d_model = 0;
  int heads = 0;
  int kv_heads = 0;  // divides heads (grouped-query attention)
  int head_dim = 0;  // even
  int ffn = 0;       // width of the gated feed-forward layer
  int vocab = 0;
  int context = 0;  // positions the model was trained for
  float norm_epsilon = 0;
  float rope_base = 0;
  int rope_dims = 0;  // leading dimensions of a head that are rotated; even, at most head_dim
  RopeScaling rope_scaling = RopeScaling::kNone;
  float rope_factor = 1;          // linear, yarn: context is stretched by this
  int rope_original_context = 0;  // yarn
  float yarn_ext_factor = 1, yarn_attn_factor = 1, yarn_beta_fast = 32, yarn_beta_slow = 1;
  bool tied_embeddings = false;  // the output projection is the embedding

  int kv_dim() const { return kv_heads * head_dim; }
  int q_dim() const { return heads * head_dim; }

  // kUnsupported for another architecture (with the list of what is supported), kCorrupt for missing or impossible values (each
  // message names the key).
  static Result<ModelConfig> FromGguf(const gguf::GgufFile& file);
};

}  // namespace inferd::model
