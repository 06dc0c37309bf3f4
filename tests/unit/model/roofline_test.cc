#include "runtime/model/roofline.h"

#include "gtest/gtest.h"

namespace inferd::model {
namespace {

TEST(Roofline, IsMeasuredForEveryTypeOfWeights) {
  const SystemClock clock{};
  for (const char* type : {"F32", "F16", "BF16", "Q8_0", "Q4_0"}) {
    const auto model =
        Model::Load(std::string(INFERD_SOURCE_DIR "/tests/golden/data/logits/llama-gqa4.") + type + ".gguf", {.threads = 2, .kernels = ""});
    ASSERT_TRUE(model) << model.error().message;
    const Roofline roofline = MeasureRoofline(**model, clock, std::chrono::milliseconds(4));
    EXPECT_GT(roofline.bytes_per_second, 1e6) << type;
    EXPECT_GT(roofline.flops_per_second, 1e6) << type;
  }
}

}  // namespace
}  // namespace inferd::model
