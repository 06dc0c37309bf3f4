// The format's table of tensor types.
#include <algorithm>
#include <array>
#include <cassert>

#include "runtime/gguf/gguf.h"

namespace inferd::gguf {
namespace {

// Numbers, block sizes and byte sizes of ggml.h and ggml-common.h. Numbers that are missing (4, 5, 31 to 33, 36 to 38) were taken
// back by the format.
constexpr TensorType Number(std::uint32_t number) { return static_cast<TensorType>(number); }
constexpr std::array<TensorTypeInfo, 33> kTensorTypes{{
    {TensorType::kF32, "F32", 1, 4, true},     {TensorType::kF16, "F16", 1, 2, true},   {TensorType::kQ4_0, "Q4_0", 32, 18, true},
    {Number(3), "Q4_1", 32, 20, false},        {Number(6), "Q5_0", 32, 22, false},      {Number(7), "Q5_1", 32, 24, false},
    {TensorType::kQ8_0, "Q8_0", 32, 34, true}, {Number(9), "Q8_1", 32, 36, false},      {Number(10), "Q2_K", 256, 84, false},
    {Number(11), "Q3_K", 256, 110, false},     {Number(12), "Q4_K", 256, 144, false},   {Number(13), "Q5_K", 256, 176, false},
    {Number(14), "Q6_K", 256, 210, false},     {Number(15), "Q8_K", 256, 292, false},   {Number(16), "IQ2_XXS", 256, 66, false},
    {Number(17), "IQ2_XS", 256, 74, false},    {Number(18), "IQ3_XXS", 256, 98, false}, {Number(19), "IQ1_S", 256, 50, false},
    {Number(20), "IQ4_NL", 32, 18, false},     {Number(21), "IQ3_S", 256, 110, false},  {Number(22), "IQ2_S", 256, 82, false},
    {Number(23), "IQ4_XS", 256, 136, false},   {Number(24), "I8", 1, 1, false},         {Number(25), "I16", 1, 2, false},
    {Number(26), "I32", 1, 4, false},          {Number(27), "I64", 1, 8, false},        {Number(28), "F64", 1, 8, false},
    {Number(29), "IQ1_M", 256, 56, false},     {TensorType::kBF16, "BF16", 1, 2, true}, {Number(34), "TQ1_0", 256, 54, false},
    {Number(35), "TQ2_0", 256, 66, false},     {Number(39), "MXFP4", 32, 17, false},    {Number(40), "NVFP4", 64, 36, false},
}};

}  // namespace

const TensorTypeInfo* FindTensorType(std::uint32_t number) {
  const auto* found = std::ranges::find(kTensorTypes, Number(number), &TensorTypeInfo::type);
  return found == kTensorTypes.end() ? nullptr : found;
}

const TensorTypeInfo& GetTensorType(TensorType type) {
  const TensorTypeInfo* info = FindTensorType(static_cast<std::uint32_t>(type));
  assert(info != nullptr);
  return *info;
}

std::string SupportedTensorTypes() {
  std::string names;
  // From the exact to the small, as people look for them.
  for (const TensorType type : {TensorType::kF32, TensorType::kF16, TensorType::kBF16, TensorType::kQ8_0, TensorType::kQ4_0}) {
    if (!names.empty()) names += ", ";
    names += GetTensorType(type).name;
  }
  return names;
}

std::size_t RowBytes(TensorType type, std::size_t columns) {
  const TensorTypeInfo& info = GetTensorType(type);
  assert(columns % info.block_elements == 0);
  return columns / info.block_elements * info.block_bytes;
}

}  // namespace inferd::gguf
