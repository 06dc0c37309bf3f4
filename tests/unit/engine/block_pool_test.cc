#include "runtime/engine/block_pool.h"

#include <numeric>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace inferd::engine {
namespace {

std::vector<TokenId> Tokens(int n, TokenId first = 0) {
  std::vector<TokenId> tokens(static_cast<std::size_t>(n));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

// Allocates and publishes the full blocks of a text.
std::vector<KvBlockId> Fill(BlockPool& pool, const std::vector<TokenId>& tokens) {
  std::vector<KvBlockId> blocks;
  ContentId content = kNoContent;
  for (std::size_t at = 0; at + kKvBlockTokens <= tokens.size(); at += kKvBlockTokens) {
    blocks.push_back(pool.Allocate().value());
    content = pool.Publish(blocks.back(), content, std::span<const TokenId, kKvBlockTokens>(tokens.data() + at, kKvBlockTokens));
  }
  return blocks;
}

void Release(BlockPool& pool, const std::vector<KvBlockId>& blocks) {
  for (auto it = blocks.rbegin(); it != blocks.rend(); ++it) pool.Release(*it);
}

TEST(BlockPool, GivesEveryBlockOnceAndNoMore) {
  BlockPool pool(3, true);
  const auto a = pool.Allocate(), b = pool.Allocate(), c = pool.Allocate();
  ASSERT_TRUE(a && b && c);
  EXPECT_NE(*a, *b);
  EXPECT_NE(*b, *c);
  EXPECT_FALSE(pool.Allocate());
  EXPECT_EQ(pool.held(), 3);
  pool.Release(*b);
  EXPECT_EQ(pool.available(), 1);
  EXPECT_EQ(pool.Allocate(), b);
}

TEST(BlockPool, FindsTheLongestKnownPrefixAndSharesIt) {
  BlockPool pool(8, true);
  const std::vector<TokenId> text = Tokens(48);
  const std::vector<KvBlockId> blocks = Fill(pool, text);
  std::vector<TokenId> other = text;
  other[40] = 999;
  EXPECT_EQ(pool.PeekPrefix(other, 3).blocks, 2);
  EXPECT_EQ(pool.PeekPrefix(other, 3).held_blocks, 2);
  const BlockPool::Prefix prefix = pool.TakePrefix(other, 3);
  EXPECT_EQ(prefix.blocks, (std::vector<KvBlockId>{blocks[0], blocks[1]}));
  EXPECT_FALSE(pool.HeldOnce(blocks[0]));
  EXPECT_TRUE(pool.HeldOnce(blocks[2]));
  Release(pool, blocks);
  EXPECT_EQ(pool.held(), 2);
  Release(pool, prefix.blocks);
  EXPECT_EQ(pool.held(), 0);
  EXPECT_EQ(pool.cached(), 3);
  EXPECT_EQ(pool.PeekPrefix(text, 3).held_blocks, 0);
}

TEST(BlockPool, SameTokensAfterAnotherBeginningAreAnotherContent) {
  BlockPool pool(8, true);
  std::vector<TokenId> text = Tokens(32);
  Fill(pool, text);
  std::vector<TokenId> other = Tokens(16, 100);
  other.insert(other.end(), text.begin() + 16, text.end());
  EXPECT_EQ(pool.PeekPrefix(other, 2).blocks, 0);
  Fill(pool, other);
  EXPECT_EQ(pool.PeekPrefix(other, 2).blocks, 2);
}

TEST(BlockPool, TakesTheLongestUnusedCachedBlockLast) {
  BlockPool pool(4, true);
  const std::vector<TokenId> first = Tokens(32), second = Tokens(32, 500);
  const auto a = Fill(pool, first), b = Fill(pool, second);
  Release(pool, a);
  Release(pool, b);
  EXPECT_EQ(pool.available(), 4);
  ASSERT_TRUE(pool.Allocate());  // the tail of the first text goes first
  EXPECT_EQ(pool.PeekPrefix(first, 2).blocks, 1);
  EXPECT_EQ(pool.PeekPrefix(second, 2).blocks, 2);
}

TEST(BlockPool, WithoutPrefixCacheNothingIsKept) {
  BlockPool pool(4, false);
  const std::vector<TokenId> text = Tokens(32);
  Release(pool, Fill(pool, text));
  EXPECT_EQ(pool.cached(), 0);
  EXPECT_EQ(pool.PeekPrefix(text, 2).blocks, 0);
}

TEST(BlockPool, RandomUseKeepsTheAccounts) {
  std::mt19937 random(3);
  BlockPool pool(16, true);
  std::vector<std::vector<KvBlockId>> held;
  for (int i = 0; i < 20000; ++i) {
    if (random() % 2 == 0) {
      const std::vector<TokenId> text = Tokens(static_cast<int>(random() % 5) * kKvBlockTokens, static_cast<TokenId>(random() % 4) * 1000);
      const int whole = static_cast<int>(text.size()) / kKvBlockTokens;
      BlockPool::Prefix prefix = pool.TakePrefix(text, whole);
      std::vector<KvBlockId> blocks = prefix.blocks;
      ContentId content = prefix.content;
      for (int b = static_cast<int>(blocks.size()); b < whole; ++b) {
        const auto block = pool.Allocate();
        if (!block) break;
        blocks.push_back(*block);
        content = pool.Publish(*block, content, std::span<const TokenId, kKvBlockTokens>(text.data() + b * kKvBlockTokens, kKvBlockTokens));
      }
      held.push_back(blocks);
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      Release(pool, held.back());
      held.pop_back();
    }
    std::vector<int> counted(16, 0);
    for (const auto& blocks : held) {
      for (const KvBlockId block : blocks) ++counted[static_cast<std::size_t>(block)];
    }
    int distinct = 0;
    for (const int n : counted) distinct += n > 0 ? 1 : 0;
    ASSERT_EQ(pool.held(), distinct);
  }
  for (const auto& blocks : held) Release(pool, blocks);
  EXPECT_EQ(pool.held(), 0);
}

}  // namespace
}  // namespace inferd::engine
