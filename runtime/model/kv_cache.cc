#include "runtime/model/kv_cache.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "runtime/base/errno_text.h"
#include "runtime/base/memory_lock.h"

namespace inferd::model {

std::size_t KvCache::BlockBytes(const ModelConfig& config, KvType type) {
  const std::size_t element = type == KvType::kF16 ? 2 : 4;
  return static_cast<std::size_t>(kKvBlockTokens) * static_cast<std::size_t>(config.layers) * 2 *
         static_cast<std::size_t>(config.kv_dim()) * element;
}

Result<KvCache> KvCache::Create(const ModelConfig& config, KvType type, int blocks) {
  KvCache cache;
  cache.layers_ = config.layers;
  cache.kv_heads_ = config.kv_heads;
  cache.blocks_ = blocks;
  cache.type_ = type;
  cache.head_bytes_ = static_cast<std::size_t>(kKvBlockTokens) * static_cast<std::size_t>(config.head_dim) * cache.element_bytes();
  cache.bytes_ = BlockBytes(config, type) * static_cast<std::size_t>(blocks);
  void* data = ::mmap(nullptr, cache.bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    cache.bytes_ = 0;
    return Error(Code::kResourceExhausted, "cannot reserve " + std::to_string(blocks) + " KV cache blocks of " +
                                               std::to_string(BlockBytes(config, type)) + " bytes: " + ErrnoText(errno));
  }
  ::madvise(data, cache.bytes_, MADV_HUGEPAGE);
  cache.data_ = data;
  return cache;
}

Result<> KvCache::Lock() { return LockMemory(data_, bytes_, "KV cache"); }

KvCache::KvCache(KvCache&& other) noexcept { *this = std::move(other); }

KvCache& KvCache::operator=(KvCache&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(head_bytes_, other.head_bytes_);
  std::swap(layers_, other.layers_);
  std::swap(kv_heads_, other.kv_heads_);
  std::swap(blocks_, other.blocks_);
  std::swap(type_, other.type_);
  return *this;
}

KvCache::~KvCache() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

}  // namespace inferd::model
