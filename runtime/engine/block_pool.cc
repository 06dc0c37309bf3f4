#include "runtime/engine/block_pool.h"

#include <algorithm>
#include <cassert>

namespace inferd::engine {

BlockPool::BlockPool(int blocks, bool prefix_cache) : prefix_cache_(prefix_cache), blocks_(static_cast<std::size_t>(blocks)) {
  // Handed out from the back: low numbers first, so that a lightly loaded cache touches little memory.
  for (int i = blocks - 1; i >= 0; --i) free_.push_back(i);
}

std::optional<KvBlockId> BlockPool::Allocate() {
  KvBlockId id = 0;
  if (!free_.empty()) {
    id = free_.back();
    free_.pop_back();
  } else if (!cached_.empty()) {
    id = cached_.front();
    cached_.pop_front();
    known_.erase(At(id).key);
    At(id).content = kNoContent;
  } else {
    return std::nullopt;
  }
  At(id).holders = 1;
  return id;
}

void BlockPool::Release(KvBlockId id) {
  Block& block = At(id);
  assert(block.holders > 0);
  if (--block.holders > 0) return;
  if (block.content == kNoContent) {
    free_.push_back(id);
  } else {
    block.cached_at = cached_.insert(cached_.end(), id);
  }
}

BlockPool::PrefixSize BlockPool::PeekPrefix(std::span<const TokenId> tokens, int most) const {
  PrefixSize size;
  ContentId before = kNoContent;
  for (int i = 0; prefix_cache_ && i < most; ++i) {
    const KvBlockId* id = FindKnown(MakeKey(before, tokens.subspan(static_cast<std::size_t>(i) * kKvBlockTokens)));
    if (id == nullptr) break;
    const Block& block = blocks_[static_cast<std::size_t>(*id)];
    before = block.content;
    ++size.blocks;
    if (block.holders > 0) ++size.held_blocks;
  }
  return size;
}

BlockPool::Prefix BlockPool::TakePrefix(std::span<const TokenId> tokens, int most) {
  Prefix prefix;
  for (int i = 0; prefix_cache_ && i < most; ++i) {
    const KvBlockId* id = FindKnown(MakeKey(prefix.content, tokens.subspan(static_cast<std::size_t>(i) * kKvBlockTokens)));
    if (id == nullptr) break;
    Block& block = At(*id);
    if (block.holders++ == 0) cached_.erase(block.cached_at);
    prefix.blocks.push_back(*id);
    prefix.content = block.content;
  }
  return prefix;
}

ContentId BlockPool::Publish(KvBlockId id, ContentId before, std::span<const TokenId, kKvBlockTokens> tokens) {
  if (!prefix_cache_) return kNoContent;
  const Key key = MakeKey(before, tokens);
  if (const KvBlockId* known = FindKnown(key)) return At(*known).content;
  Block& block = At(id);
  assert(block.holders > 0 && block.content == kNoContent);
  block.content = next_content_++;
  block.key = key;
  known_.emplace(key, id);
  return block.content;
}

BlockPool::Key BlockPool::MakeKey(ContentId before, std::span<const TokenId> tokens) {
  Key key{before, {}};
  std::copy_n(tokens.begin(), kKvBlockTokens, key.tokens.begin());
  return key;
}

const KvBlockId* BlockPool::FindKnown(const Key& key) const {
  const auto it = known_.find(key);
  return it == known_.end() ? nullptr : &it->second;
}

// FNV-1a over the words of the key.
std::size_t BlockPool::KeyHash::operator()(const Key& key) const {
  std::uint64_t hash = 0xCBF29CE484222325ULL ^ key.before;
  for (const TokenId token : key.tokens) hash = (hash ^ static_cast<std::uint64_t>(token)) * 0x100000001B3ULL;
  return hash ^ (hash >> 32U);
}

}  // namespace inferd::engine
