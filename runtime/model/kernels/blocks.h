// Bit layouts of the tensor types and their conversion to and from float32. Scalar; the vector forms are beside the kernels.
// Q8_0: a block of 32 weights is one float16 scale d and 32 int8 q; weight = d * q.
// Q4_0: a block of 32 weights is one float16 scale d and 16 bytes; weight i is d * (low nibble of byte i - 8) for i < 16, and
// d * (high nibble of byte i - 16, - 8) after. (ggml's quantisation formats, docs/gguf.md of ggml.)
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/model/kernels/kernels.h"

namespace inferd::kernels {

struct BlockQ8_0 {
  std::uint16_t d;
  std::int8_t q[kBlockElements];
};
static_assert(sizeof(BlockQ8_0) == 34);

struct BlockQ4_0 {
  std::uint16_t d;
  std::uint8_t q[kBlockElements / 2];
};
static_assert(sizeof(BlockQ4_0) == 18);

// IEEE 754 binary16 to binary32, exact.
inline float HalfToFloat(std::uint16_t h) {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000U) << 16U;
  const std::uint32_t magnitude = h & 0x7FFFU;
  if (magnitude >= 0x7C00U) return std::bit_cast<float>(sign | 0x7F800000U | ((magnitude & 0x3FFU) << 13U));
  if (magnitude < 0x0400U) {  // zero or subnormal: the significand counts units of 2^-24
    const float value = static_cast<float>(magnitude) * 0x1p-24F;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
  }
  return std::bit_cast<float>(sign | ((magnitude << 13U) + 0x38000000U));
}

// IEEE 754 binary32 to binary16, round to nearest even.
inline std::uint16_t FloatToHalf(float f) {
  const auto bits = std::bit_cast<std::uint32_t>(f);
  const std::uint32_t sign = (bits >> 16U) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);
  if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // rounds to 2^16 or more
  if (magnitude < 0x38800000U) {                                                    // subnormal: let float addition round
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;                   // 0.5 has an ulp of 2^-24
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
  }
  const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13U) & 1U);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000U) >> 13U));
}

// bfloat16 is the upper half of a binary32.
inline float Bf16ToFloat(std::uint16_t b) { return std::bit_cast<float>(static_cast<std::uint32_t>(b) << 16U); }

}  // namespace inferd::kernels
