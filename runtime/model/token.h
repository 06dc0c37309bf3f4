// A token is an index into the model's vocabulary.
#pragma once

#include <cstdint>

namespace inferd::model {

using TokenId = std::int32_t;

}  // namespace inferd::model
