// Writes the seed corpora: make_seeds FOLDER makes FOLDER/<target>/<name>.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/gguf/gguf.h"
#include "tests/fakes/gguf_builder.h"

namespace {

using inferd::gguf::TensorType;
using inferd::testing::GgufBuilder;

void WriteGgufSeeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  GgufBuilder(2).WriteTo(folder / "empty_v2");
  GgufBuilder(3).Add("general.architecture", "llama").Add("general.alignment", std::uint32_t{64}).WriteTo(folder / "keys");

  GgufBuilder scalars;
  scalars.Add("u8", std::uint8_t{1}).Add("i8", std::int8_t{-1}).Add("u16", std::uint16_t{1}).Add("i16", std::int16_t{-1});
  scalars.Add("u32", std::uint32_t{1}).Add("i32", -1).Add("u64", std::uint64_t{1}).Add("i64", std::int64_t{-1});
  scalars.Add("f32", 1.5F).Add("f64", 1.5).Add("bool", true).Add("string", "text");
  scalars.WriteTo(folder / "scalars");

  GgufBuilder arrays;
  arrays.AddArray("strings", std::vector<std::string>{"a", "", "ccc"}).AddArray("ints", std::vector<std::int32_t>{1, 2});
  arrays.AddArray("floats", std::vector<float>{1}).AddArray("bytes", std::vector<std::uint8_t>{1, 2, 3});
  arrays.WriteTo(folder / "arrays");

  GgufBuilder tensors;
  tensors.AddF32("norm", {4}, std::vector<float>(4));
  tensors.AddTensor("f16", TensorType::kF16, {3, 2}, std::vector<std::byte>(12));
  tensors.AddTensor("q8", TensorType::kQ8_0, {32, 2, 1, 1}, std::vector<std::byte>(68));
  tensors.AddTensor("q4", TensorType::kQ4_0, {64}, std::vector<std::byte>(36));
  tensors.WriteTo(folder / "tensors");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path root = argv[1];
  WriteGgufSeeds(root / "gguf_fuzz");
  return 0;
}
