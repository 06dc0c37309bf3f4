// Reader of GGUF model files, versions 2 and 3 (format: ggml's docs/gguf.md), over a read-only mapping.
// A file is checked whole when it is opened: every count, length, offset and alignment is compared with the bytes that are really
// there before it is used, nothing is allocated by a number that was not checked, and a refusal names the file, the byte offset,
// the key or tensor, and what was expected. After Open the object is immutable and may be read from any thread; everything it
// hands out (string views, spans) lives as long as it does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "runtime/base/mapped_file.h"
#include "runtime/base/status.h"

namespace inferd::gguf {

// Tensor types by their number in the file (ggml.h, enum ggml_type). Types that are known to the format but not to this engine
// can be described (name, block size), so that a refusal can name them.
enum class TensorType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ8_0 = 8,
  kBF16 = 30,
};

struct TensorTypeInfo {
  TensorType type;
  std::string_view name;         // "Q8_0"
  std::uint32_t block_elements;  // elements in a block
  std::uint32_t block_bytes;     // bytes in a block
  bool supported;                // whether the engine computes with it
};

// nullptr for a number that the format does not define.
const TensorTypeInfo* FindTensorType(std::uint32_t number);
const TensorTypeInfo& GetTensorType(TensorType type);
// "F32, F16, BF16, Q8_0, Q4_0"
std::string SupportedTensorTypes();

// Bytes of one row of `columns` elements; requires columns % block_elements == 0.
std::size_t RowBytes(TensorType type, std::size_t columns);

struct Array;
using Value = std::variant<std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t, std::int32_t, float, bool,
                           std::string_view, Array, std::uint64_t, std::int64_t, double>;

// An array of scalars or strings. Numbers stay in the file (unaligned); strings are indexed at open.
struct Array {
  std::uint32_t element_type = 0;  // the format's number of the element type
  std::uint64_t count = 0;
  std::span<const std::byte> bytes;       // the elements' bytes, for number types
  std::vector<std::string_view> strings;  // for strings
};

struct Tensor {
  std::string_view name;
  TensorType type = TensorType::kF32;
  std::uint32_t dimensions = 0;                    // 1 to 4
  std::array<std::uint64_t, 4> shape{1, 1, 1, 1};  // innermost first: a matrix is {columns, rows}
  std::span<const std::byte> bytes;                // row after row, no padding between rows

  std::uint64_t columns() const { return shape[0]; }
  std::uint64_t rows() const { return shape[1] * shape[2] * shape[3]; }
};

class GgufFile {
 public:
  // kNotFound, kIo, kCorrupt (breaks the format), kUnsupported (version or tensor type).
  static Result<GgufFile> Open(const std::string& path);
  // The same over bytes in memory, which must outlive the result; `name` stands for the path in messages.
  static Result<GgufFile> Parse(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const { return name_; }
  std::uint32_t version() const { return version_; }
  std::uint32_t alignment() const { return alignment_; }
  std::size_t size() const { return bytes_.size(); }
  const MappedFile& mapping() const { return mapping_; }

  // nullptr when there is no such key.
  const Value* Find(std::string_view key) const;
  bool Has(std::string_view key) const { return Find(key) != nullptr; }

  // Typed access. Integers of any width convert when the value fits; a wrong type or range is kCorrupt and names key, the type found
  // and the type expected; a missing key is kNotFound.
  Result<std::uint64_t> GetUint(std::string_view key) const;
  Result<double> GetFloat(std::string_view key) const;  // accepts float32, float64 and integers
  Result<bool> GetBool(std::string_view key) const;
  Result<std::string_view> GetString(std::string_view key) const;
  // Arrays. Integer arrays of any width; float arrays of either width.
  Result<std::span<const std::string_view>> GetStrings(std::string_view key) const;
  Result<std::vector<std::int64_t>> GetInts(std::string_view key) const;
  Result<std::vector<float>> GetFloats(std::string_view key) const;

  // In file order.
  std::span<const std::pair<std::string_view, Value>> metadata() const { return metadata_; }
  std::span<const Tensor> tensors() const { return tensors_; }
  const Tensor* FindTensor(std::string_view name) const;  // nullptr when there is none

 private:
  GgufFile() = default;

  std::string name_;
  MappedFile mapping_;
  std::span<const std::byte> bytes_;
  std::uint32_t version_ = 0;
  std::uint32_t alignment_ = 32;
  std::vector<std::pair<std::string_view, Value>> metadata_;
  std::unordered_map<std::string_view, std::size_t> key_index_;
  std::vector<Tensor> tensors_;
  std::unordered_map<std::string_view, std::size_t> tensor_index_;

  friend class Parser;
};

}  // namespace inferd::gguf
