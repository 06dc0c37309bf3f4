#include "runtime/gguf/gguf.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/gguf_builder.h"

namespace inferd::gguf {
namespace {

using inferd::testing::GgufBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

GgufBuilder EveryType(std::uint32_t version) {
  GgufBuilder builder(version);
  builder.Add("u8", std::uint8_t{200}).Add("i8", std::int8_t{-5}).Add("u16", std::uint16_t{60000}).Add("i16", std::int16_t{-300});
  builder.Add("u32", std::uint32_t{4000000000}).Add("i32", std::int32_t{-70000}).Add("u64", std::uint64_t{1} << 40U);
  builder.Add("i64", std::int64_t{-1} << 40U).Add("f32", 1.5F).Add("f64", 2.25).Add("yes", true).Add("text", "grüße");
  builder.AddArray("strings", std::vector<std::string>{"a", "", "\xFF"});
  builder.AddArray("ints", std::vector<std::int32_t>{1, -2, 3});
  builder.AddArray("bytes", std::vector<std::uint8_t>{1, 255});
  builder.AddArray("floats", std::vector<float>{0.5F, -1});
  builder.AddArray("empty", std::vector<std::string>{});
  builder.AddF32("matrix", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  builder.AddTensor("blocks", TensorType::kQ8_0, {64, 2}, std::vector<std::byte>(4 * 34, std::byte{7}));
  return builder;
}

class GoodFile : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(GoodFile, EverythingIsFound) {
  const std::vector<std::byte> bytes = EveryType(GetParam()).Build();
  const auto file = GgufFile::Parse(bytes, "good.gguf");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->version(), GetParam());
  EXPECT_EQ(file->alignment(), 32U);
  EXPECT_EQ(file->size(), bytes.size());
  EXPECT_EQ(file->metadata().size(), 17U);
  EXPECT_EQ(file->metadata()[0].first, "u8");

  EXPECT_EQ(file->GetUint("u8"), 200U);
  EXPECT_EQ(file->GetUint("u64"), std::uint64_t{1} << 40U);
  EXPECT_EQ(file->GetFloat("f32"), 1.5);
  EXPECT_EQ(file->GetFloat("f64"), 2.25);
  EXPECT_EQ(file->GetFloat("i64"), -1099511627776.0);
  EXPECT_EQ(file->GetBool("yes"), true);
  EXPECT_EQ(file->GetString("text"), "grüße");
  EXPECT_THAT(*file->GetStrings("strings"), ElementsAre("a", "", "\xFF"));
  EXPECT_THAT(*file->GetInts("ints"), ElementsAre(1, -2, 3));
  EXPECT_THAT(*file->GetInts("bytes"), ElementsAre(1, 255));
  EXPECT_THAT(*file->GetFloats("floats"), ElementsAre(0.5F, -1.0F));
  EXPECT_TRUE(file->GetStrings("empty")->empty());
  EXPECT_FALSE(file->Has("missing"));

  const Tensor* matrix = file->FindTensor("matrix");
  ASSERT_NE(matrix, nullptr);
  EXPECT_EQ(matrix->columns(), 2U);
  EXPECT_EQ(matrix->rows(), 3U);
  EXPECT_EQ(matrix->bytes.size(), 24U);
  EXPECT_EQ(reinterpret_cast<const float*>(matrix->bytes.data())[5], 6.0F);
  const Tensor* blocks = file->FindTensor("blocks");
  ASSERT_NE(blocks, nullptr);
  EXPECT_EQ(blocks->bytes.size(), RowBytes(TensorType::kQ8_0, 64) * 2);
  EXPECT_EQ(blocks->bytes[0], std::byte{7});
  EXPECT_EQ(file->FindTensor("nothing"), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Versions, GoodFile, ::testing::Values(2U, 3U));

TEST(GgufFile, FaultsOfTypedAccessNameKeyAndTypes) {
  const std::vector<std::byte> bytes = EveryType(3).Build();
  const auto file = GgufFile::Parse(bytes, "good.gguf");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->GetUint("missing").error(), (Status{Code::kNotFound, "good.gguf: key 'missing' is missing"}));
  EXPECT_EQ(file->GetUint("text").error(), (Status{Code::kCorrupt, "good.gguf: key 'text': found string, expected an integer"}));
  EXPECT_EQ(file->GetUint("i8").error().message, "good.gguf: key 'i8': found -5, expected 0 or more");
  EXPECT_EQ(file->GetUint("yes").error().code, Code::kCorrupt);
  EXPECT_EQ(file->GetFloat("text").error().code, Code::kCorrupt);
  EXPECT_EQ(file->GetBool("u8").error().message, "good.gguf: key 'u8': found uint8, expected a bool");
  EXPECT_EQ(file->GetString("u8").error().code, Code::kCorrupt);
  EXPECT_EQ(file->GetStrings("ints").error().message, "good.gguf: key 'ints': found array of int32, expected an array of strings");
  EXPECT_EQ(file->GetInts("floats").error().code, Code::kCorrupt);
  EXPECT_EQ(file->GetFloats("ints").error().code, Code::kCorrupt);
}

TEST(GgufFile, OpensFromDisk) {
  const std::string path = ::testing::TempDir() + "/opens_from_disk.gguf";
  EveryType(3).WriteTo(path);
  auto file = GgufFile::Open(path);
  ASSERT_TRUE(file) << file.error().message;
  const GgufFile moved = std::move(*file);
  EXPECT_EQ(moved.name(), path);
  EXPECT_EQ(moved.GetString("text"), "grüße");
  EXPECT_EQ(moved.mapping().bytes().size(), moved.size());
  std::filesystem::remove(path);
  EXPECT_EQ(GgufFile::Open(path).error().code, Code::kNotFound);
}

TEST(GgufFile, KeepsItsOwnAlignment) {
  GgufBuilder builder;
  builder.Add("general.alignment", std::uint32_t{4096}).AddF32("a", {1}, std::vector<float>{1}).AddF32("b", {1}, std::vector<float>{2});
  const std::vector<std::byte> bytes = builder.Build();
  const auto file = GgufFile::Parse(bytes, "aligned.gguf");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->alignment(), 4096U);
  EXPECT_EQ(file->tensors()[1].bytes.data() - bytes.data(), 8192);
}

TEST(GgufFile, NeedsNoDataSectionWithoutTensors) {
  const auto header = inferd::testing::GgufBytes().Header(3, 0, 0);
  EXPECT_TRUE(GgufFile::Parse(header.bytes(), "empty.gguf"));
}

// Whatever byte a good file ends at, opening it is an error, never a crash or a partial file.
TEST(GgufFile, EveryTruncationIsRefused) {
  const std::vector<std::byte> bytes = EveryType(3).Build();
  const auto whole = GgufFile::Parse(bytes, "whole.gguf");
  const auto& last = whole->tensors().back().bytes;
  const auto end = static_cast<std::size_t>(last.data() + last.size() - bytes.data());
  for (std::size_t size = 0; size < end; ++size) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    const auto file = GgufFile::Parse(cut, "cut.gguf");
    ASSERT_FALSE(file) << size;
    EXPECT_EQ(file.error().code, Code::kCorrupt);
    EXPECT_THAT(file.error().message, HasSubstr("cut.gguf: at byte "));
  }
}

TEST(TensorTypes, AreDescribed) {
  EXPECT_EQ(SupportedTensorTypes(), "F32, F16, BF16, Q8_0, Q4_0");
  EXPECT_EQ(FindTensorType(12)->name, "Q4_K");
  EXPECT_FALSE(FindTensorType(12)->supported);
  EXPECT_EQ(FindTensorType(4), nullptr);
  EXPECT_EQ(FindTensorType(1000), nullptr);
  EXPECT_EQ(RowBytes(TensorType::kQ4_0, 64), 36U);
  EXPECT_EQ(RowBytes(TensorType::kBF16, 3), 6U);
}

}  // namespace
}  // namespace inferd::gguf
