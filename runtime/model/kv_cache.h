// Storage for attention keys and values in fixed-size blocks of positions. A sequence's positions are spread over blocks named by its
// block table; who owns which block is the engine's business (engine/block_pool.h), this is only the memory. Used by the engine thread
// and the compute threads it drives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "runtime/base/status.h"
#include "runtime/model/config.h"

namespace inferd::model {

using KvBlockId = std::int32_t;

enum class KvType : std::uint8_t { kF16, kF32 };
constexpr std::string_view KvTypeName(KvType type) { return type == KvType::kF16 ? "f16" : "f32"; }

// Positions in a block.
inline constexpr int kKvBlockTokens = 16;

class KvCache {
 public:
  // Bytes of one block over all layers, keys and values: the unit of accounting.
  static std::size_t BlockBytes(const ModelConfig& config, KvType type);

  // Reserves address space for `blocks` blocks; the kernel gives memory as blocks are first written. kResourceExhausted when it cannot.
  static Result<KvCache> Create(const ModelConfig& config, KvType type, int blocks);

  KvCache(KvCache&& other) noexcept;
  KvCache& operator=(KvCache&& other) noexcept;
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;
  ~KvCache();

  // Keeps in memory every block that is written from now on; see LockMemory.
  Result<> Lock();

  int blocks() const { return blocks_; }
  KvType type() const { return type_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t element_bytes() const { return type_ == KvType::kF16 ? 2 : 4; }

  // Start of the keys (values) of one layer and one key/value head in a block: kKvBlockTokens rows of head_dim elements.
  void* Keys(int layer, KvBlockId block, int kv_head) { return At(layer, block, kv_head, 0); }
  void* Values(int layer, KvBlockId block, int kv_head) { return At(layer, block, kv_head, 1); }

 private:
  KvCache() = default;
  void* At(int layer, KvBlockId block, int kv_head, int which) {
    const auto index = ((static_cast<std::size_t>(block) * static_cast<std::size_t>(layers_) + static_cast<std::size_t>(layer)) * 2 +
                        static_cast<std::size_t>(which)) *
                           static_cast<std::size_t>(kv_heads_) +
                       static_cast<std::size_t>(kv_head);
    return static_cast<std::byte*>(data_) + index * head_bytes_;
  }

  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t head_bytes_ = 0;  // kKvBlockTokens x head_dim elements
  int layers_ = 0, kv_heads_ = 0, blocks_ = 0;
  KvType type_ = KvType::kF16;
};

}  // namespace inferd::model
