// Who owns which block of the KV cache, and which blocks hold text that another sequence may reuse. Exact accounting: every block is in
// one of three states: free, held (by one or more sequences), or cached (held by none, its content still good; taken again when
// nothing is free, longest unused first). Engine thread only.
//
// Prefix reuse: a full block's content is determined by its tokens and everything before them, so it is found by (content of the block
// before, its tokens). Tokens are compared, not only hashed: a collision cannot give a sequence somebody else's past.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "runtime/model/kv_cache.h"
#include "runtime/model/token.h"

namespace inferd::engine {

using model::kKvBlockTokens;
using model::KvBlockId;
using model::TokenId;

// Names the content of a full block together with everything before it; kNoContent stands for the empty beginning.
using ContentId = std::uint64_t;
inline constexpr ContentId kNoContent = 0;

class BlockPool {
 public:
  BlockPool(int blocks, bool prefix_cache);

  int total() const { return static_cast<int>(blocks_.size()); }
  int held() const { return total() - available(); }
  // Blocks that Allocate can give: free and cached.
  int available() const { return static_cast<int>(free_.size() + cached_.size()); }
  int cached() const { return static_cast<int>(cached_.size()); }

  // A block held once, or nothing when all are held.
  std::optional<KvBlockId> Allocate();
  void Release(KvBlockId block);
  // Whether releasing the block would make it available.
  bool HeldOnce(KvBlockId block) const { return blocks_[static_cast<std::size_t>(block)].holders == 1; }

  struct Prefix {
    std::vector<KvBlockId> blocks;
    ContentId content = kNoContent;  // of the last one
  };
  struct PrefixSize {
    int blocks = 0;
    int held_blocks = 0;  // of these, not available anyway
  };
  // The longest run of known blocks that starts `tokens`, at most `most` blocks. Peek only looks; Take holds them for the caller.
  PrefixSize PeekPrefix(std::span<const TokenId> tokens, int most) const;
  Prefix TakePrefix(std::span<const TokenId> tokens, int most);

  // Says what a full block that the caller holds contains, so that others can find it. Returns its content, to be passed for the next block
  // of the sequence. If the same content is known in another block, that one stays the known one.
  ContentId Publish(KvBlockId block, ContentId before, std::span<const TokenId, kKvBlockTokens> tokens);

 private:
  struct Key {
    ContentId before;
    std::array<TokenId, kKvBlockTokens> tokens;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Block {
    int holders = 0;
    ContentId content = kNoContent;              // set while published
    Key key{};                                   // valid while published
    std::list<KvBlockId>::iterator cached_at{};  // valid while cached
  };
  Block& At(KvBlockId block) { return blocks_[static_cast<std::size_t>(block)]; }
  static Key MakeKey(ContentId before, std::span<const TokenId> tokens);
  const KvBlockId* FindKnown(const Key& key) const;

  const bool prefix_cache_;
  std::vector<Block> blocks_;
  std::vector<KvBlockId> free_;
  std::list<KvBlockId> cached_;  // longest unused first
  std::unordered_map<Key, KvBlockId, KeyHash> known_;
  ContentId next_content_ = 1;
};

}  // namespace inferd::engine
