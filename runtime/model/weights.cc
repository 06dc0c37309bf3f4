#include "runtime/model/weights.h"

#include <set>
#include <string>

namespace inferd::model {
namespace {

std::string Shape(std::uint64_t rows, std::uint64_t columns) { return std::to_string(rows) + " x " + std::to_string(columns); }

// Takes tensors out of the file by name and remembers which were taken.
class Taker {
 public:
  explicit Taker(const gguf::GgufFile& file) : file_(file) {}

  Result<MatrixView> Matrix(const std::string& name, int rows, int columns) {
    INFERD_ASSIGN_OR_RETURN(const gguf::Tensor* tensor, Find(name));
    if (tensor->dimensions > 2 || tensor->rows() != static_cast<std::uint64_t>(rows) ||
        tensor->columns() != static_cast<std::uint64_t>(columns)) {
      return Error(Code::kCorrupt, file_.name() + ": tensor " + name + " is " + Shape(tensor->rows(), tensor->columns()) + ", expected " +
                                       Shape(static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns)) + " (rows x columns)");
    }
    return MatrixView{tensor->type, tensor->bytes.data(), rows, columns, gguf::RowBytes(tensor->type, tensor->columns())};
  }

  Result<Vector> Floats(const std::string& name, int n) {
    INFERD_ASSIGN_OR_RETURN(const MatrixView row, Matrix(name, 1, n));
    Vector values(static_cast<std::size_t>(n));
    kernels::DequantizeRow(row, 0, values.data());
    return values;
  }
  Result<Vector> FloatsIfPresent(const std::string& name, int n) {
    if (file_.FindTensor(name) == nullptr) return Vector();
    return Floats(name, n);
  }

  Result<void> NothingIsLeft(std::string_view architecture) const {
    for (const gguf::Tensor& tensor : file_.tensors()) {
      if (taken_.contains(tensor.name)) continue;
      return Error(Code::kUnsupported, file_.name() + ": tensor " + std::string(tensor.name) + " does not belong to a plain " +
                                           std::string(architecture) + " model; this variant is not supported");
    }
    return {};
  }

 private:
  Result<const gguf::Tensor*> Find(const std::string& name) {
    const gguf::Tensor* tensor = file_.FindTensor(name);
    if (tensor == nullptr) return Error(Code::kCorrupt, file_.name() + ": tensor " + name + " is missing");
    taken_.insert(tensor->name);
    return tensor;
  }

  const gguf::GgufFile& file_;
  std::set<std::string_view> taken_;
};

Result<LayerWeights> TakeLayer(Taker& take, const ModelConfig& config, int layer) {
  const std::string prefix = "blk." + std::to_string(layer) + ".";
  LayerWeights w;
  INFERD_ASSIGN_OR_RETURN(w.attention_norm, take.Floats(prefix + "attn_norm.weight", config.d_model));
  INFERD_ASSIGN_OR_RETURN(w.query, take.Matrix(prefix + "attn_q.weight", config.q_dim(), config.d_model));
  INFERD_ASSIGN_OR_RETURN(w.key, take.Matrix(prefix + "attn_k.weight", config.kv_dim(), config.d_model));
  INFERD_ASSIGN_OR_RETURN(w.value, take.Matrix(prefix + "attn_v.weight", config.kv_dim(), config.d_model));
  const bool biases = config.architecture == Architecture::kQwen2;
  const auto bias = [&](const std::string& name, int n) { return biases ? take.Floats(name, n) : take.FloatsIfPresent(name, n); };
  INFERD_ASSIGN_OR_RETURN(w.query_bias, bias(prefix + "attn_q.bias", config.q_dim()));
  INFERD_ASSIGN_OR_RETURN(w.key_bias, bias(prefix + "attn_k.bias", config.kv_dim()));
  INFERD_ASSIGN_OR_RETURN(w.value_bias, bias(prefix + "attn_v.bias", config.kv_dim()));
  if (config.architecture == Architecture::kQwen3) {
    INFERD_ASSIGN_OR_RETURN(w.query_norm, take.Floats(prefix + "attn_q_norm.weight", config.head_dim));
    INFERD_ASSIGN_OR_RETURN(w.key_norm, take.Floats(prefix + "attn_k_norm.weight", config.head_dim));
  }
  INFERD_ASSIGN_OR_RETURN(w.attention_output, take.Matrix(prefix + "attn_output.weight", config.d_model, config.q_dim()));
  INFERD_ASSIGN_OR_RETURN(w.ffn_norm, take.Floats(prefix + "ffn_norm.weight", config.d_model));
  INFERD_ASSIGN_OR_RETURN(w.gate, take.Matrix(prefix + "ffn_gate.weight", config.ffn, config.d_model));
  INFERD_ASSIGN_OR_RETURN(w.up, take.Matrix(prefix + "ffn_up.weight", config.ffn, config.d_model));
  INFERD_ASSIGN_OR_RETURN(w.down, take.Matrix(prefix + "ffn_down.weight", config.d_model, config.ffn));
  return w;
}

}  // namespace

Result<Weights> Weights::FromGguf(const gguf::GgufFile& file, const ModelConfig& config) {
  Taker take(file);
  Weights w;
  INFERD_ASSIGN_OR_RETURN(w.embedding, take.Matrix("token_embd.weight", config.vocab, config.d_model));
  w.layers.reserve(static_cast<std::size_t>(config.layers));
  for (int layer = 0; layer < config.layers; ++layer) {
    INFERD_ASSIGN_OR_RETURN(LayerWeights taken, TakeLayer(take, config, layer));
    w.layers.push_back(std::move(taken));
  }
  INFERD_ASSIGN_OR_RETURN(w.output_norm, take.Floats("output_norm.weight", config.d_model));
  if (config.tied_embeddings) {
    w.output = w.embedding;
  } else {
    INFERD_ASSIGN_OR_RETURN(w.output, take.Matrix("output.weight", config.vocab, config.d_model));
  }
  INFERD_ASSIGN_OR_RETURN(w.rope_factors, take.FloatsIfPresent("rope_freqs.weight", config.rope_dims / 2));
  for (const float factor : w.rope_factors) {
    if (!(factor > 0)) return Error(Code::kCorrupt, file.name() + ": tensor rope_freqs.weight has a factor that is not above 0");
  }
  INFERD_RETURN_IF_ERROR(take.NothingIsLeft(ArchitectureName(config.architecture)));
  return w;
}

}  // namespace inferd::model
