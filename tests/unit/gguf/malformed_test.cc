// Files that break the format, one kind a row: what is wrong with each, and what the refusal must say. Every message names the file
// and the byte; those about a key or a tensor name it.
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/gguf/gguf.h"
#include "tests/fakes/gguf_builder.h"

namespace inferd::gguf {
namespace {

using inferd::testing::GgufBytes;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

struct Malformed {
  std::string name;
  GgufBytes bytes;
  Code code;
  std::uint64_t offset;                // that the message names
  std::vector<std::string> fragments;  // that the message holds besides
};

std::ostream& operator<<(std::ostream& out, const Malformed& c) { return out << c.name; }

// A file of one key, whose pair begins at byte 24 and whose type number is at byte 33.
GgufBytes OneKey() { return GgufBytes().Header(3, 0, 1).String("k"); }

// A file of one tensor "t", described from byte 24: dimension count at 33, first dimension at 37.
GgufBytes OneTensor() { return GgufBytes().Header(3, 1, 0).String("t"); }

// The whole description of a one-dimensional F32 tensor.
GgufBytes Described(std::string_view name, std::uint64_t columns, std::uint64_t offset) {
  return GgufBytes().String(name).U32(1).U64(columns).U32(0).U64(offset);
}

std::vector<Malformed> Cases() {
  const std::vector<std::string> on_key{"key 'k'"};
  return {
      // Header.
      {"Empty", GgufBytes(), Code::kCorrupt, 0, {"empty", "GGUF"}},
      {"ShortMagic", GgufBytes().Raw("GG"), Code::kCorrupt, 0, {"magic", "only 2 bytes"}},
      {"WrongMagic", GgufBytes().Raw("ggml").Zeros(40), Code::kCorrupt, 0, {"expected magic 'GGUF'", "'ggml'"}},
      {"WrongBinaryMagic",
       GgufBytes()
           .Raw("\x7F"
                "ELF")
           .Zeros(40),
       Code::kCorrupt,
       0,
       {"'?ELF'"}},
      {"NoVersion", GgufBytes().Raw("GGUF"), Code::kCorrupt, 4, {"version"}},
      {"Version1", GgufBytes().Header(1, 0, 0), Code::kUnsupported, 4, {"version 1", "expected 2 or 3"}},
      {"Version4", GgufBytes().Header(4, 0, 0), Code::kUnsupported, 4, {"version 4", "expected 2 or 3"}},
      {"BigEndian", GgufBytes().Header(0x03000000, 0, 0), Code::kUnsupported, 4, {"big-endian"}},
      {"NoTensorCount", GgufBytes().Raw("GGUF").U32(3).U32(0), Code::kCorrupt, 8, {"tensor count", "8 bytes"}},
      {"NoKeyCount", GgufBytes().Raw("GGUF").U32(3).U64(0), Code::kCorrupt, 16, {"key count"}},
      {"TooManyTensors", GgufBytes().Header(3, kHuge, 0), Code::kCorrupt, 8, {"tensor count", "at most 262144"}},
      {"TooManyKeys", GgufBytes().Header(3, 0, kHuge), Code::kCorrupt, 16, {"key count", "at most 65536"}},
      {"MoreTensorsThanBytes", GgufBytes().Header(3, 1000, 0).Zeros(330), Code::kCorrupt, 8, {"tensor count 1000", "at most 10"}},
      {"MoreKeysThanBytes", GgufBytes().Header(3, 0, 1000).Zeros(140), Code::kCorrupt, 16, {"key count 1000", "at most 10"}},

      // Keys.
      {"KeyLengthBeyondCap", GgufBytes().Header(3, 0, 1).U64(65536).Zeros(70000), Code::kCorrupt, 24, {"key 0", "at most 65535"}},
      {"KeyLengthBeyondFile", GgufBytes().Header(3, 0, 1).U64(100).Zeros(20), Code::kCorrupt, 32, {"key 0", "only 20 bytes"}},
      {"KeyLengthHuge", GgufBytes().Header(3, 0, 1).U64(kHuge).Zeros(20), Code::kCorrupt, 24, {"key 0"}},
      {"EmptyKey", GgufBytes().Header(3, 0, 1).String("").U32(0).U8(1).Zeros(8), Code::kCorrupt, 24, {"key ''", "empty"}},
      {"KeyNotUtf8", GgufBytes().Header(3, 0, 1).String("\xC0\x80").U32(0).U8(1), Code::kCorrupt, 24, {"UTF-8"}},
      {"DuplicateKey",
       GgufBytes().Header(3, 0, 2).String("k").U32(0).U8(1).String("k").U32(0).U8(1),
       Code::kCorrupt,
       38,
       {"key 'k'", "once"}},
      {"LongKeyIsCutInMessage",
       GgufBytes().Header(3, 0, 1).String(std::string(200, 'x')).U32(99).Zeros(8),
       Code::kCorrupt,
       232,
       {"xxx...'"}},

      // Values.
      {"NoValueType", GgufBytes().Header(3, 0, 1).String("a long key").Raw("123"), Code::kCorrupt, 42, {"key 'a long key'", "value type"}},
      {"UnknownValueType", OneKey().U32(13).Zeros(8), Code::kCorrupt, 33, {"key 'k'", "value type 13"}},
      {"NoValue", OneKey().U32(4).Raw("12"), Code::kCorrupt, 37, {"key 'k'", "uint32"}},
      {"ShortUint64", OneKey().U32(10).Raw("1234567"), Code::kCorrupt, 37, {"key 'k'", "uint64", "only 7 bytes"}},
      {"BoolOfTwo", OneKey().U32(7).U8(2), Code::kCorrupt, 37, {"key 'k'", "bool 2"}},
      {"StringBeyondFile", OneKey().U32(8).U64(5).Raw("1234"), Code::kCorrupt, 45, {"key 'k'", "string", "only 4 bytes"}},
      {"StringLengthHuge", OneKey().U32(8).U64(kHuge), Code::kCorrupt, 37, {"key 'k'", "string", "at most"}},
      {"StringNotUtf8", OneKey().U32(8).String("a\xFF"), Code::kCorrupt, 37, {"key 'k'", "UTF-8"}},
      {"StringWithSurrogate", OneKey().U32(8).String("\xED\xA0\x80"), Code::kCorrupt, 37, {"key 'k'", "UTF-8"}},

      // Arrays.
      {"NoElementType", OneKey().U32(9).U8(1), Code::kCorrupt, 37, {"key 'k'", "array element type"}},
      {"UnknownElementType", OneKey().U32(9).U32(77).U64(0), Code::kCorrupt, 37, {"key 'k'", "element type 77"}},
      {"ArrayOfArrays", OneKey().U32(9).U32(9).U64(1).U32(0).U64(0), Code::kUnsupported, 37, {"key 'k'", "array of arrays"}},
      {"NoElementCount", OneKey().U32(9).U32(4).U32(0), Code::kCorrupt, 41, {"key 'k'", "element count"}},
      {"ElementCountHuge", OneKey().U32(9).U32(4).U64(kHuge / 4 + 2), Code::kCorrupt, 41, {"key 'k'", "at most"}},
      {"ElementsBeyondFile", OneKey().U32(9).U32(4).U64(3).Zeros(11), Code::kCorrupt, 41, {"key 'k'", "count 3", "at most 2"}},
      {"StringsBeyondFile", OneKey().U32(9).U32(8).U64(1000000).Zeros(80), Code::kCorrupt, 41, {"key 'k'", "at most 10"}},
      {"ArrayStringBeyondFile", OneKey().U32(9).U32(8).U64(2).String("x").U64(9), Code::kCorrupt, 66, {"key 'k'", "array string"}},
      {"ArrayBoolOfThree", OneKey().U32(9).U32(7).U64(2).U8(1).U8(3), Code::kCorrupt, 49, {"key 'k'", "bool 3"}},

      // Alignment.
      {"AlignmentZero",
       GgufBytes().Header(3, 0, 1).String("general.alignment").U32(4).U32(0),
       Code::kCorrupt,
       32,
       {"key 'general.alignment'", "alignment 0", "power of two"}},
      {"AlignmentOdd",
       GgufBytes().Header(3, 0, 1).String("general.alignment").U32(4).U32(24),
       Code::kCorrupt,
       32,
       {"alignment 24", "power of two"}},
      {"AlignmentTiny", GgufBytes().Header(3, 0, 1).String("general.alignment").U32(4).U32(4), Code::kCorrupt, 32, {"alignment 4"}},
      {"AlignmentGiant",
       GgufBytes().Header(3, 0, 1).String("general.alignment").U32(4).U32(1U << 31U),
       Code::kCorrupt,
       32,
       {"alignment 2147483648"}},
      {"AlignmentOfWrongType",
       GgufBytes().Header(3, 0, 1).String("general.alignment").U32(8).String("32"),
       Code::kCorrupt,
       32,
       {"expected uint32", "found string"}},

      // Tensor descriptions.
      {"TensorNameBeyondCap", GgufBytes().Header(3, 1, 0).U64(65).Zeros(200), Code::kCorrupt, 24, {"tensor 0", "at most 64"}},
      {"TensorNameBeyondFile", GgufBytes().Header(3, 1, 0).U64(60).Zeros(30), Code::kCorrupt, 32, {"tensor 0", "only 30 bytes"}},
      {"EmptyTensorName", GgufBytes().Header(3, 1, 0).Append(Described("", 1, 0)).Zeros(40), Code::kCorrupt, 24, {"tensor ''", "empty"}},
      {"TensorNameNotUtf8", GgufBytes().Header(3, 1, 0).Append(Described("\x80", 1, 0)).Zeros(40), Code::kCorrupt, 24, {"UTF-8"}},
      {"DuplicateTensor",
       GgufBytes().Header(3, 2, 0).Append(Described("t", 1, 0)).Append(Described("t", 1, 32)).Zeros(128),
       Code::kCorrupt,
       57,
       {"tensor 't'", "once"}},
      {"TensorsAfterLongMetadata",
       GgufBytes().Header(3, 2, 1).String("k").U32(8).String(std::string(100, 'v')).Append(Described("t", 1, 0)),
       Code::kCorrupt,
       8,
       {"tensor count 2", "at most 1"}},
      {"NoDimensions", OneTensor().U32(0).Zeros(40), Code::kCorrupt, 33, {"tensor 't'", "0 dimensions", "1 to 4"}},
      {"FiveDimensions", OneTensor().U32(5).Zeros(80), Code::kCorrupt, 33, {"tensor 't'", "5 dimensions", "1 to 4"}},
      {"DimensionMissing", OneTensor().U32(4).U64(1).U64(1).U64(1), Code::kCorrupt, 61, {"tensor 't'", "dimension"}},
      {"DimensionZero", OneTensor().U32(2).U64(4).U64(0).Zeros(40), Code::kCorrupt, 45, {"tensor 't'", "dimension 1 is 0"}},
      {"DimensionProductOverflows",
       OneTensor().U32(2).U64(1ULL << 33U).U64(1ULL << 33U).Zeros(40),
       Code::kCorrupt,
       45,
       {"tensor 't'", "product", "2^63"}},
      {"SizeInBytesOverflows", OneTensor().U32(1).U64(1ULL << 62U).U32(0).U64(0), Code::kCorrupt, 33, {"tensor 't'", "size in bytes"}},
      {"TypeMissing", OneTensor().U32(3).U64(4).U64(1).U64(1).U8(0), Code::kCorrupt, 61, {"tensor 't'", "tensor type"}},
      {"UnknownType",
       OneTensor().U32(1).U64(4).U32(4).U64(0).Zeros(64),
       Code::kCorrupt,
       45,
       {"tensor 't'", "type 4 is not defined", "F32, F16, BF16, Q8_0, Q4_0"}},
      {"UnsupportedType",
       OneTensor().U32(1).U64(256).U32(12).U64(0).Zeros(256),
       Code::kUnsupported,
       45,
       {"tensor 't'", "Q4_K", "F32, F16, BF16, Q8_0, Q4_0"}},
      {"RowNotWholeBlocks",
       OneTensor().U32(1).U64(33).U32(8).U64(0).Zeros(128),
       Code::kCorrupt,
       33,
       {"tensor 't'", "33 elements of type Q8_0", "multiple of 32"}},
      {"OffsetMissing", OneTensor().U32(2).U64(4).U64(1).U32(0).U32(0), Code::kCorrupt, 57, {"tensor 't'", "data offset"}},
      {"OffsetUnaligned",
       OneTensor().U32(1).U64(4).U32(0).U64(16).Zeros(128),
       Code::kCorrupt,
       49,
       {"tensor 't'", "offset 16", "alignment 32"}},

      // Tensor data.
      {"DataMissing", OneTensor().U32(1).U64(4).U32(0).U64(0), Code::kCorrupt, 24, {"tensor 't'", "16 bytes", "0 bytes"}},
      {"DataCut", OneTensor().U32(1).U64(4).U32(0).U64(0).PadTo(32).Zeros(15), Code::kCorrupt, 24, {"tensor 't'", "the 15 bytes"}},
      {"DataBeyondFile",
       OneTensor().U32(1).U64(4).U32(0).U64(64).PadTo(32).Zeros(64),
       Code::kCorrupt,
       24,
       {"tensor 't'", "offset 64", "the 64 bytes"}},
      {"DataOffsetHuge", OneTensor().U32(1).U64(4).U32(0).U64(kHuge - 31).PadTo(32).Zeros(64), Code::kCorrupt, 24, {"tensor 't'"}},
      {"DataOverlaps",
       GgufBytes().Header(3, 2, 0).Append(Described("a", 9, 0)).Append(Described("b", 1, 32)).PadTo(32).Zeros(128),
       Code::kCorrupt,
       57,
       {"tensor 'b'", "overlaps", "'a'", "36"}},
      {"DataShared",
       GgufBytes().Header(3, 2, 0).Append(Described("a", 1, 32)).Append(Described("b", 1, 32)).PadTo(32).Zeros(128),
       Code::kCorrupt,
       57,
       {"overlaps"}},
  };
}

class MalformedFile : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedFile, IsRefusedWithTheReason) {
  const Malformed& c = GetParam();
  const auto file = GgufFile::Parse(c.bytes.bytes(), "dir/bad.gguf");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, c.code) << file.error().message;
  EXPECT_THAT(file.error().message, StartsWith("dir/bad.gguf: at byte " + std::to_string(c.offset) + ": "));
  for (const std::string& fragment : c.fragments) EXPECT_THAT(file.error().message, HasSubstr(fragment));
}

INSTANTIATE_TEST_SUITE_P(Table, MalformedFile, ::testing::ValuesIn(Cases()), [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace inferd::gguf
