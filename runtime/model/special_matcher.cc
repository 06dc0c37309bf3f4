#include "runtime/model/special_matcher.h"

#include <cassert>

namespace inferd::model {

void SpecialMatcher::Add(std::string_view text, TokenId token) {
  assert(!text.empty() && text.size() <= kMaxBytes);
  starts_[static_cast<std::uint8_t>(text[0])] = true;
  Node node = 0;
  for (const char byte : text) {
    const auto [edge, is_new] = edges_.try_emplace(Edge(node, byte), static_cast<Node>(token_of_node_.size()));
    if (is_new) token_of_node_.push_back(-1);
    node = edge->second;
  }
  if (token_of_node_[node] < 0) token_of_node_[node] = token;
}

SpecialMatcher::Match SpecialMatcher::Find(std::string_view text, std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (!starts_[static_cast<std::uint8_t>(text[begin])]) continue;
    Match longest;
    Node node = 0;
    for (std::size_t i = begin; i < text.size(); ++i) {
      const auto edge = edges_.find(Edge(node, text[i]));
      if (edge == edges_.end()) break;
      node = edge->second;
      if (token_of_node_[node] >= 0) longest = {begin, i + 1, token_of_node_[node]};
    }
    if (longest.token >= 0) return longest;
  }
  return {};
}

}  // namespace inferd::model
