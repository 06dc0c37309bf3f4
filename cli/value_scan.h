// Looks for values that are no finite numbers in tensors: every element of the float types, every block's scale of the block types.
// One NaN among the weights turns every answer into nonsense. Pure function.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/gguf/gguf.h"

namespace inferd::cli {

// Index of the first element (of a float type) or block (of a block type) that is infinite or not a number.
std::optional<std::uint64_t> FindNonFinite(const gguf::Tensor& tensor);

}  // namespace inferd::cli
