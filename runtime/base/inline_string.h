// A short string inside a record: no allocation, trivially copyable, always NUL-terminated. Longer text is cut, never in the
// middle of a UTF-8 code point.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace inferd {

template <std::size_t N>
class InlineString {
 public:
  constexpr InlineString() = default;
  constexpr InlineString(std::string_view text) {  // NOLINT(google-explicit-constructor): a record's field is assigned from text
    std::size_t n = std::min(text.size(), N - 1);
    if (n < text.size()) {
      while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0U) == 0x80U) --n;
    }
    std::copy_n(text.data(), n, data_.data());
    size_ = n;
  }
  constexpr std::string_view view() const { return {data_.data(), size_}; }
  constexpr bool empty() const { return size_ == 0; }

 private:
  std::array<char, N> data_{};
  std::size_t size_ = 0;
};

}  // namespace inferd
