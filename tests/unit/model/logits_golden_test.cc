// The forward pass against Hugging Face transformers, float32 (tests/golden/make_goldens.py says how the data is made).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/model/kernels/kernels.h"
#include "runtime/model/model.h"

namespace inferd::model {
namespace {

const std::filesystem::path kData = INFERD_SOURCE_DIR "/tests/golden/data/logits";

struct Golden {
  int vocab = 0;
  std::vector<TokenId> tokens;
  std::vector<float> logits;    // of the weights as the file holds them
  std::vector<float> original;  // of the weights before quantisation; empty for F32 files
};

Golden ReadGolden(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(bytes.substr(0, 4), "IGL1") << path;
  const char* at = bytes.data() + 4;
  const auto take = [&at](void* to, std::size_t n) {
    std::memcpy(to, at, n);
    at += n;
  };
  std::uint32_t tokens = 0, vocab = 0, has_original = 0;
  take(&tokens, 4);
  take(&vocab, 4);
  take(&has_original, 4);
  Golden golden;
  golden.vocab = static_cast<int>(vocab);
  golden.tokens.resize(tokens);
  golden.logits.resize(static_cast<std::size_t>(tokens) * vocab);
  take(golden.tokens.data(), golden.tokens.size() * 4);
  take(golden.logits.data(), golden.logits.size() * 4);
  if (has_original != 0) {
    golden.original.resize(golden.logits.size());
    take(golden.original.data(), golden.original.size() * 4);
  }
  EXPECT_EQ(at, bytes.data() + bytes.size()) << path;
  return golden;
}

// Computes the logits of every position, the prompt cut into pieces of `chunk`, the KV blocks in a scattered order.
std::vector<float> Compute(Model& model, const Golden& golden, KvType kv_type, std::size_t chunk) {
  const int blocks = static_cast<int>(golden.tokens.size()) / kKvBlockTokens + 1;
  KvCache cache = KvCache::Create(model.config(), kv_type, blocks).value();
  std::vector<KvBlockId> table;
  for (int i = 0; i < blocks; ++i) table.push_back(blocks - 1 - i);
  std::vector<float> logits(golden.logits.size());
  const auto vocab = static_cast<std::size_t>(golden.vocab);
  for (std::size_t first = 0; first < golden.tokens.size(); first += chunk) {
    BatchEntry entry;
    entry.tokens = std::span(golden.tokens).subspan(first, std::min(chunk, golden.tokens.size() - first));
    entry.position = static_cast<int>(first);
    entry.table = table;
    entry.want_all_logits = true;
    model.Forward(std::span(&entry, 1), cache, std::span(logits).subspan(first * vocab, entry.tokens.size() * vocab));
  }
  return logits;
}

double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

double RmsDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - b[i], 2);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

std::vector<std::filesystem::path> Files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(kData)) {
    if (entry.path().extension() == ".gguf") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string TestName(const ::testing::TestParamInfo<std::filesystem::path>& param_info) {
  std::string name = param_info.param.stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

class LogitsGolden : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(LogitsGolden, AgreesWithTransformersOnEveryTable) {
  const Golden golden = ReadGolden(std::filesystem::path(GetParam()).replace_extension(".logits"));
  const bool quantised = GetParam().stem().extension() == ".Q8_0" || GetParam().stem().extension() == ".Q4_0";
  for (const kernels::Table* table : kernels::AvailableTables()) {
    auto model = Model::Load(GetParam().string(), {.threads = 2, .kernels = std::string(table->name)});
    ASSERT_TRUE(model) << model.error().message;
    const std::vector<float> logits = Compute(**model, golden, KvType::kF32, golden.tokens.size());
    if (quantised) {
      // Activations are rounded to int8 too, which costs about what Q8_0 weights cost: the error must stay within that of the weights'
      // own rounding.
      EXPECT_LT(RmsDifference(logits, golden.logits), RmsDifference(golden.logits, golden.original) * 1.25) << table->name;
    } else {
      EXPECT_LT(LargestDifference(logits, golden.logits), 1e-3) << table->name;
    }
  }
}

TEST_P(LogitsGolden, ChunksOfThePromptGiveTheSameBits) {
  const Golden golden = ReadGolden(std::filesystem::path(GetParam()).replace_extension(".logits"));
  auto model = Model::Load(GetParam().string(), {.threads = 2, .kernels = ""});
  ASSERT_TRUE(model) << model.error().message;
  const std::vector<float> whole = Compute(**model, golden, KvType::kF16, golden.tokens.size());
  for (const std::size_t chunk : {1U, 3U, 16U, 29U}) {
    EXPECT_EQ(Compute(**model, golden, KvType::kF16, chunk), whole) << "chunks of " << chunk;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, LogitsGolden, ::testing::ValuesIn(Files()), TestName);

}  // namespace
}  // namespace inferd::model
