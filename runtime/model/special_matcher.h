// Finds the special tokens of a vocabulary in text: the leftmost match, and of those that begin there the longest. One pass over the
// text; each position looks at no more bytes than the longest special token has (kMaxBytes). Immutable once built.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/model/token.h"

namespace inferd::model {

class SpecialMatcher {
 public:
  static constexpr std::size_t kMaxBytes = 256;

  // `text` has 1 to kMaxBytes bytes. The first token added for a text keeps it.
  void Add(std::string_view text, TokenId token);

  struct Match {
    std::size_t begin = std::string_view::npos;  // npos: nothing was found
    std::size_t end = std::string_view::npos;
    TokenId token = -1;
  };
  Match Find(std::string_view text, std::size_t from) const;

 private:
  using Node = std::uint32_t;
  static std::uint64_t Edge(Node node, char byte) { return std::uint64_t{node} << 8U | static_cast<std::uint8_t>(byte); }

  std::array<bool, 256> starts_{};                 // bytes that begin some token
  std::unordered_map<std::uint64_t, Node> edges_;  // a trie
  std::vector<TokenId> token_of_node_{-1};         // -1: no token ends here; node 0 is the root
};

}  // namespace inferd::model
