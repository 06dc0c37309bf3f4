#include "runtime/model/model.h"

#include <utility>

#include "runtime/model/compute_pool.h"
#include "runtime/model/kernels/kernels.h"
#include "runtime/model/transformer.h"
#include "runtime/model/weights.h"

namespace inferd::model {

Result<std::unique_ptr<Model>> Model::Load(const std::string& path, const ModelOptions& options) {
  INFERD_ASSIGN_OR_RETURN(gguf::GgufFile file, gguf::GgufFile::Open(path));
  file.mapping().WillNeed();
  return FromGguf(std::move(file), options);
}

Result<std::unique_ptr<Model>> Model::FromGguf(gguf::GgufFile file, const ModelOptions& options) {
  const kernels::Table* table = kernels::FindTable(options.kernels);
  if (table == nullptr) {
    std::string names;
    for (const kernels::Table* available : kernels::AvailableTables()) names += (names.empty() ? "" : ", ") + std::string(available->name);
    return Error(Code::kInvalidArgument, "kernels \"" + options.kernels + "\" cannot run on this machine; available: " + names);
  }
  INFERD_ASSIGN_OR_RETURN(ModelConfig config, ModelConfig::FromGguf(file));
  INFERD_ASSIGN_OR_RETURN(Weights weights, Weights::FromGguf(file, config));
  const int threads = options.threads > 0 ? options.threads : DefaultThreads();
  return std::make_unique<Transformer>(std::move(file), std::move(config), std::move(weights), *table, threads);
}

}  // namespace inferd::model
