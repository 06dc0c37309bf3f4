#include "cli/value_scan.h"

#include <cstddef>
#include <cstring>

namespace inferd::cli {
namespace {

// A float of any of these formats is finite unless all bits of its exponent are set (IEEE 754, 3.4; bfloat16 has float32's exponent).
constexpr std::uint32_t kFloat32Exponent = 0x7F800000U;
constexpr std::uint16_t kFloat16Exponent = 0x7C00U;
constexpr std::uint16_t kBfloat16Exponent = 0x7F80U;

// Looks at one Bits-sized float at the start of every `stride` bytes.
template <typename Bits>
std::optional<std::uint64_t> Scan(std::span<const std::byte> bytes, std::size_t stride, Bits exponent) {
  for (std::size_t at = 0; at + sizeof(Bits) <= bytes.size(); at += stride) {
    Bits bits;
    std::memcpy(&bits, bytes.data() + at, sizeof(bits));
    if ((bits & exponent) == exponent) return at / stride;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> FindNonFinite(const gguf::Tensor& tensor) {
  switch (tensor.type) {
    case gguf::TensorType::kF32: return Scan<std::uint32_t>(tensor.bytes, 4, kFloat32Exponent);
    case gguf::TensorType::kF16: return Scan<std::uint16_t>(tensor.bytes, 2, kFloat16Exponent);
    case gguf::TensorType::kBF16: return Scan<std::uint16_t>(tensor.bytes, 2, kBfloat16Exponent);
    // The blocks of both begin with their float16 scale.
    case gguf::TensorType::kQ8_0:
    case gguf::TensorType::kQ4_0: return Scan<std::uint16_t>(tensor.bytes, gguf::GetTensorType(tensor.type).block_bytes, kFloat16Exponent);
  }
  return std::nullopt;
}

}  // namespace inferd::cli
