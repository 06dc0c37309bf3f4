#include "runtime/model/config.h"

#include <array>
#include <cmath>
#include <string_view>

namespace inferd::model {
namespace {

struct ArchitectureEntry {
  Architecture architecture;
  std::string_view name;
};
constexpr std::array<ArchitectureEntry, 3> kArchitectures{
    {{Architecture::kLlama, "llama"}, {Architecture::kQwen2, "qwen2"}, {Architecture::kQwen3, "qwen3"}}};

// Bounds far above any published model of these families; they keep every later product inside 64 bits.
constexpr std::uint64_t kMaxLayers = 1024;
constexpr std::uint64_t kMaxWidth = 1 << 20;
constexpr std::uint64_t kMaxHeads = 4096;
constexpr std::uint64_t kMaxVocab = 1 << 24;
constexpr std::uint64_t kMaxContext = 1 << 28;

// Reads keys of one architecture and names the file and the key in every refusal.
class Reader {
 public:
  Reader(const gguf::GgufFile& file, std::string_view architecture) : file_(file), prefix_(std::string(architecture) + ".") {}

  std::string Key(std::string_view suffix) const { return prefix_ + std::string(suffix); }
  bool Has(std::string_view suffix) const { return file_.Has(Key(suffix)); }

  Result<int> Int(std::string_view suffix, std::uint64_t least, std::uint64_t most) const {
    INFERD_ASSIGN_OR_RETURN(const std::uint64_t value, file_.GetUint(Key(suffix)));
    if (value < least || value > most) {
      return Error(Code::kCorrupt, file_.name() + ": " + Key(suffix) + " is " + std::to_string(value) + ", expected " +
                                       std::to_string(least) + " to " + std::to_string(most));
    }
    return static_cast<int>(value);
  }
  Result<int> IntOr(std::string_view suffix, std::uint64_t least, std::uint64_t most, int fallback) const {
    if (!Has(suffix)) return fallback;
    return Int(suffix, least, most);
  }
  Result<float> FloatOr(std::string_view suffix, float fallback) const {
    if (!Has(suffix)) return fallback;
    INFERD_ASSIGN_OR_RETURN(const double value, file_.GetFloat(Key(suffix)));
    if (!std::isfinite(value) || value < 0) {
      return Error(Code::kCorrupt,
                   file_.name() + ": " + Key(suffix) + " is " + std::to_string(value) + ", expected a finite number of at least 0");
    }
    return static_cast<float>(value);
  }
  tl::unexpected<Status> Impossible(std::string_view suffix, const std::string& why) const {
    return Error(Code::kCorrupt, file_.name() + ": " + Key(suffix) + ": " + why);
  }

 private:
  const gguf::GgufFile& file_;
  std::string prefix_;
};

Result<void> ReadRope(const gguf::GgufFile& file, const Reader& reader, ModelConfig& config) {
  INFERD_ASSIGN_OR_RETURN(config.rope_base, reader.FloatOr("rope.freq_base", 10000.0F));
  if (config.rope_base < 1.0F) return reader.Impossible("rope.freq_base", "expected at least 1");
  INFERD_ASSIGN_OR_RETURN(config.rope_dims,
                          reader.IntOr("rope.dimension_count", 2, static_cast<std::uint64_t>(config.head_dim), config.head_dim));
  if (config.rope_dims % 2 != 0) return reader.Impossible("rope.dimension_count", "expected an even number");
  std::string_view type = "none";
  if (reader.Has("rope.scaling.type")) {
    INFERD_ASSIGN_OR_RETURN(type, file.GetString(reader.Key("rope.scaling.type")));
  }
  if (type == "none" || type.empty()) return {};
  if (type == "linear") {
    config.rope_scaling = RopeScaling::kLinear;
  } else if (type == "yarn") {
    config.rope_scaling = RopeScaling::kYarn;
  } else {
    return Error(Code::kUnsupported,
                 file.name() + ": " + reader.Key("rope.scaling.type") + " is \"" + std::string(type) + "\"; supported: none, linear, yarn");
  }
  INFERD_ASSIGN_OR_RETURN(config.rope_factor, reader.FloatOr("rope.scaling.factor", 1.0F));
  if (config.rope_factor <= 0) return reader.Impossible("rope.scaling.factor", "expected more than 0");
  INFERD_ASSIGN_OR_RETURN(config.rope_original_context,
                          reader.IntOr("rope.scaling.original_context_length", 1, kMaxContext, config.context));
  INFERD_ASSIGN_OR_RETURN(config.yarn_ext_factor, reader.FloatOr("rope.scaling.yarn_ext_factor", 1.0F));
  INFERD_ASSIGN_OR_RETURN(config.yarn_attn_factor, reader.FloatOr("rope.scaling.attn_factor", 1.0F));
  INFERD_ASSIGN_OR_RETURN(config.yarn_beta_fast, reader.FloatOr("rope.scaling.yarn_beta_fast", 32.0F));
  INFERD_ASSIGN_OR_RETURN(config.yarn_beta_slow, reader.FloatOr("rope.scaling.yarn_beta_slow", 1.0F));
  return {};
}

}  // namespace

std::string_view ArchitectureName(Architecture architecture) { return kArchitectures[static_cast<std::size_t>(architecture)].name; }

Result<ModelConfig> ModelConfig::FromGguf(const gguf::GgufFile& file) {
  INFERD_ASSIGN_OR_RETURN(const std::string_view architecture, file.GetString("general.architecture"));
  ModelConfig config;
  bool known = false;
  for (const ArchitectureEntry& name : kArchitectures) {
    if (name.name != architecture) continue;
    config.architecture = name.architecture;
    known = true;
  }
  if (!known) {
    return Error(Code::kUnsupported,
                 file.name() + ": general.architecture is \"" + std::string(architecture) + "\"; supported: llama, qwen2, qwen3");
  }
  if (file.Has("general.name")) {
    INFERD_ASSIGN_OR_RETURN(const std::string_view name, file.GetString("general.name"));
    config.name = name;
  }
  const Reader reader(file, architecture);
  INFERD_ASSIGN_OR_RETURN(config.layers, reader.Int("block_count", 1, kMaxLayers));
  INFERD_ASSIGN_OR_RETURN(config.d_model, reader.Int("embedding_length", 1, kMaxWidth));
  INFERD_ASSIGN_OR_RETURN(config.ffn, reader.Int("feed_forward_length", 1, kMaxWidth));
  INFERD_ASSIGN_OR_RETURN(config.context, reader.Int("context_length", 1, kMaxContext));
  INFERD_ASSIGN_OR_RETURN(config.heads, reader.Int("attention.head_count", 1, kMaxHeads));
  INFERD_ASSIGN_OR_RETURN(config.kv_heads, reader.IntOr("attention.head_count_kv", 1, kMaxHeads, config.heads));
  if (config.heads % config.kv_heads != 0) {
    return reader.Impossible("attention.head_count_kv", std::to_string(config.kv_heads) + " does not divide the " +
                                                            std::to_string(config.heads) + " heads of attention.head_count");
  }
  if (!reader.Has("attention.key_length") && config.d_model % config.heads != 0) {
    return reader.Impossible("attention.head_count", std::to_string(config.heads) + " does not divide embedding_length " +
                                                         std::to_string(config.d_model) + ", and there is no attention.key_length");
  }
  INFERD_ASSIGN_OR_RETURN(config.head_dim, reader.IntOr("attention.key_length", 2, 4096, config.d_model / config.heads));
  if (config.head_dim < 2 || config.head_dim % 2 != 0) {
    return reader.Impossible("attention.key_length",
                             "a head of " + std::to_string(config.head_dim) + " dimensions; expected an even number");
  }
  INFERD_ASSIGN_OR_RETURN(const int value_length, reader.IntOr("attention.value_length", 1, 4096, config.head_dim));
  if (value_length != config.head_dim) {
    return reader.Impossible("attention.value_length",
                             std::to_string(value_length) + ", expected the key length " + std::to_string(config.head_dim));
  }
  INFERD_ASSIGN_OR_RETURN(const int experts, reader.IntOr("expert_count", 0, 1 << 16, 0));
  if (experts != 0) {
    return Error(Code::kUnsupported, file.name() + ": " + reader.Key("expert_count") + " is " + std::to_string(experts) +
                                         "; mixture-of-experts models are not supported");
  }
  INFERD_ASSIGN_OR_RETURN(config.norm_epsilon, reader.FloatOr("attention.layer_norm_rms_epsilon", 1e-5F));
  INFERD_RETURN_IF_ERROR(ReadRope(file, reader, config));

  const gguf::Tensor* embedding = file.FindTensor("token_embd.weight");
  if (embedding == nullptr) return Error(Code::kCorrupt, file.name() + ": tensor token_embd.weight is missing");
  if (embedding->rows() < 1 || embedding->rows() > kMaxVocab) {
    return Error(Code::kCorrupt, file.name() + ": tensor token_embd.weight has " + std::to_string(embedding->rows()) +
                                     " rows, expected 1 to " + std::to_string(kMaxVocab));
  }
  config.vocab = static_cast<int>(embedding->rows());
  config.tied_embeddings = file.FindTensor("output.weight") == nullptr;
  return config;
}

}  // namespace inferd::model
