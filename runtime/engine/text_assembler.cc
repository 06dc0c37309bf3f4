#include "runtime/engine/text_assembler.h"

#include <algorithm>
#include <utility>

#include "runtime/base/utf8.h"

namespace inferd::engine {
namespace {

// Length of the longest suffix of `text` that is a proper prefix of `stop`.
std::size_t PartialMatch(std::string_view text, std::string_view stop) {
  for (std::size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n) {
    if (text.substr(text.size() - n) == stop.substr(0, n)) return n;
  }
  return 0;
}

}  // namespace

std::string TextAssembler::Push(std::string_view bytes) {
  if (stopped_) return {};
  held_ += bytes;
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, held_.find(stop));
  if (first != std::string::npos) {
    stopped_ = true;
    held_.resize(first);
    return ReplaceInvalidUtf8(std::exchange(held_, {}));
  }
  std::size_t keep = IncompleteUtf8Suffix(held_);
  for (const std::string& stop : stops_) keep = std::max(keep, PartialMatch(held_, stop));
  // A stop string may begin inside a code point's bytes only if it is not UTF-8 itself; cut before the whole code point all the same.
  while (keep > 0 && keep < held_.size() && (static_cast<unsigned char>(held_[held_.size() - keep]) & 0xC0U) == 0x80U) ++keep;
  std::string ready = ReplaceInvalidUtf8(std::string_view(held_).substr(0, held_.size() - keep));
  held_.erase(0, held_.size() - keep);
  return ready;
}

std::string TextAssembler::Finish() { return ReplaceInvalidUtf8(std::exchange(held_, {})); }

}  // namespace inferd::engine
