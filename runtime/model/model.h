// A model ready to compute: its configuration, its weights (views into the mapped file) and the forward pass.
//
// Forward computes a batch of tokens of any mix of sequences, reading every weight once. It is called by one thread at a time (the
// engine's); the work inside is spread over the model's own compute threads. The result for one token does not depend, bit for bit, on
// what else is in the batch or on how a prompt was cut into chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/status.h"
#include "runtime/gguf/gguf.h"
#include "runtime/model/config.h"
#include "runtime/model/kv_cache.h"
#include "runtime/model/token.h"

namespace inferd::model {

struct ModelOptions {
  int threads = 0;      // 0: one per physical core that the process may use
  std::string kernels;  // "scalar", "avx2", "avx512"; empty: the best this machine has
};

// Consecutive new tokens of one sequence. Positions before `position` are in the KV cache already, in the blocks of `table`, which
// must be long enough for position + tokens.size() positions.
struct BatchEntry {
  std::span<const TokenId> tokens;
  int position = 0;
  std::span<const KvBlockId> table;
  bool want_logits = false;      // of the last token
  bool want_all_logits = false;  // of every token (tests, scoring)
};

class Model {
 public:
  // Maps and checks the file: shapes of every tensor against the configuration, types. kUnsupported, kCorrupt, kNotFound, kIo.
  static Result<std::unique_ptr<Model>> Load(const std::string& path, const ModelOptions& options);
  // The file's bytes must stay alive as long as the model if it was parsed from memory.
  static Result<std::unique_ptr<Model>> FromGguf(gguf::GgufFile file, const ModelOptions& options);
  virtual ~Model() = default;

  // Logits of the wanted rows, in order: `logits` holds (wanted rows) x vocab floats. Keys and values of the new tokens are written to
  // `cache`.
  virtual void Forward(std::span<const BatchEntry> batch, KvCache& cache, std::span<float> logits) = 0;

  // `progress` is called by Forward's own thread after each part of a layer, a few times in a layer, with the bytes of weights that the
  // part streamed: the sign of life of a long step, and how far it is. Over one Forward they add up to at most weight_bytes().
  using Progress = std::function<void(std::uint64_t weight_bytes)>;
  virtual void OnProgress(Progress progress) = 0;

  // How long each compute thread but Forward's own was busy in the last Forward; the rest of that time it waited. By the thread that called
  // it; valid until it is called again.
  virtual std::span<const Duration> worker_busy() const = 0;
  // Binds compute thread i to cpus[i]; `cpus` has one for each of threads(), thread 0 is the one that calls Forward and binds itself. kIo.
  virtual Result<> PinThreads(std::span<const int> cpus) = 0;

  virtual const ModelConfig& config() const = 0;
  virtual const gguf::GgufFile& file() const = 0;
  virtual int threads() const = 0;
  virtual std::string_view kernels() const = 0;
  virtual std::uint64_t parameters() const = 0;
  // Bytes of weights that one step streams (the embedding table only where it is also the output projection), and the multiply-adds
  // of one token in the matrix products (without attention).
  virtual std::uint64_t weight_bytes() const = 0;
  virtual double flops_per_token() const = 0;
  // The most common matrix type, by bytes: "Q8_0".
  virtual std::string_view quantization() const = 0;
};

}  // namespace inferd::model
