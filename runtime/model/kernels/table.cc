#include <array>
#include <cstring>

#include "runtime/model/kernels/blocks.h"
#include "runtime/model/kernels/kernels.h"

namespace inferd::kernels {

#if defined(__x86_64__)
extern const Table kAvx2Table;
extern const Table kAvx512Table;
#endif

namespace {

struct Tables {
  std::array<const Table*, 3> all{};
  std::size_t count = 0;
};

const Tables& Detected() {
  static const Tables tables = [] {
    Tables found;
    found.all[found.count++] = &ScalarTable();
#if defined(__x86_64__)
    // Every CPU with AVX2 has F16C; clang 14 has no name for it here.
    const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    if (avx2) found.all[found.count++] = &kAvx2Table;
    if (avx2 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
        __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vnni") != 0) {
      found.all[found.count++] = &kAvx512Table;
    }
#endif
    return found;
  }();
  return tables;
}

}  // namespace

std::span<const Table* const> AvailableTables() { return {Detected().all.data(), Detected().count}; }

const Table* FindTable(std::string_view name) {
  const auto tables = AvailableTables();
  if (name.empty()) return tables.back();
  for (const Table* table : tables) {
    if (table->name == name) return table;
  }
  return nullptr;
}

void DequantizeRow(const MatrixView& weights, int row, float* out) {
  const std::byte* data = weights.data + static_cast<std::size_t>(row) * weights.row_bytes;
  const auto half_at = [data](int i) {
    std::uint16_t h = 0;
    std::memcpy(&h, data + static_cast<std::size_t>(i) * sizeof(h), sizeof(h));
    return h;
  };
  switch (weights.type) {
    case gguf::TensorType::kF32: std::memcpy(out, data, static_cast<std::size_t>(weights.k) * sizeof(float)); return;
    case gguf::TensorType::kF16:
      for (int i = 0; i < weights.k; ++i) out[i] = HalfToFloat(half_at(i));
      return;
    case gguf::TensorType::kBF16:
      for (int i = 0; i < weights.k; ++i) out[i] = Bf16ToFloat(half_at(i));
      return;
    case gguf::TensorType::kQ8_0:
      for (int block = 0; block < weights.k / kBlockElements; ++block) {
        BlockQ8_0 b;
        std::memcpy(&b, data + static_cast<std::size_t>(block) * sizeof(b), sizeof(b));
        const float d = HalfToFloat(b.d);
        for (int i = 0; i < kBlockElements; ++i) *out++ = d * static_cast<float>(b.q[i]);
      }
      return;
    case gguf::TensorType::kQ4_0:
      for (int block = 0; block < weights.k / kBlockElements; ++block) {
        BlockQ4_0 b;
        std::memcpy(&b, data + static_cast<std::size_t>(block) * sizeof(b), sizeof(b));
        const float d = HalfToFloat(b.d);
        for (int i = 0; i < kBlockElements / 2; ++i) out[i] = d * static_cast<float>((b.q[i] & 0x0F) - 8);
        for (int i = 0; i < kBlockElements / 2; ++i) out[i + kBlockElements / 2] = d * static_cast<float>((b.q[i] >> 4) - 8);
        out += kBlockElements;
      }
      return;
  }
}

}  // namespace inferd::kernels
