// Makes GGUF files for tests. GgufBytes writes the format's primitives, for files that are wrong on purpose; GgufBuilder lays out a
// good file from keys and tensors.
//
//   GgufBuilder builder;
//   builder.Add("general.architecture", "llama").Add("llama.block_count", std::uint32_t{2}).AddF32("output_norm.weight", {8}, values);
//   std::vector<std::byte> bytes = builder.Build();
//   Result<GgufFile> file = GgufFile::Parse(bytes, "test.gguf");   // `bytes` must outlive `file`
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/gguf/gguf.h"

namespace inferd::testing {

class GgufBytes {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T> GgufBytes& Put(T value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof(T));
    return *this;
  }
  GgufBytes& U8(std::uint8_t value) { return Put(value); }
  GgufBytes& U32(std::uint32_t value) { return Put(value); }
  GgufBytes& U64(std::uint64_t value) { return Put(value); }
  GgufBytes& Raw(std::string_view text) {
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), bytes, bytes + text.size());
    return *this;
  }
  GgufBytes& String(std::string_view text) { return U64(text.size()).Raw(text); }
  GgufBytes& Append(const GgufBytes& other) {
    bytes_.insert(bytes_.end(), other.bytes_.begin(), other.bytes_.end());
    return *this;
  }
  GgufBytes& Zeros(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }
  GgufBytes& PadTo(std::size_t alignment) { return Zeros((alignment - bytes_.size() % alignment) % alignment); }
  GgufBytes& Header(std::uint32_t version, std::uint64_t tensors, std::uint64_t keys) {
    return Raw("GGUF").U32(version).U64(tensors).U64(keys);
  }

  const std::vector<std::byte>& bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }

 private:
  std::vector<std::byte> bytes_;
};

class GgufBuilder {
 public:
  explicit GgufBuilder(std::uint32_t version = 3) : version_(version) {}

  // Scalars. The C++ type chooses the type in the file.
  template <typename T>
  requires std::is_arithmetic_v<T> GgufBuilder& Add(std::string_view key, T value) {
    if (key == "general.alignment") alignment_ = static_cast<std::size_t>(value);
    Key(key, TypeNumber<T>()).Put(value);
    return *this;
  }
  GgufBuilder& Add(std::string_view key, std::string_view value) {
    Key(key, kStringType).String(value);
    return *this;
  }
  GgufBuilder& Add(std::string_view key, const char* value) { return Add(key, std::string_view(value)); }

  template <typename T>
  requires std::is_arithmetic_v<T> GgufBuilder& AddArray(std::string_view key, const std::vector<T>& values) {
    Key(key, kArrayType).U32(TypeNumber<T>()).U64(values.size());
    for (const T value : values) metadata_.Put(value);
    return *this;
  }
  GgufBuilder& AddArray(std::string_view key, const std::vector<std::string>& values) {
    Key(key, kArrayType).U32(kStringType).U64(values.size());
    for (const std::string& value : values) metadata_.String(value);
    return *this;
  }

  // `shape` innermost first. `data` must have the size that type and shape ask for; nothing checks it here.
  GgufBuilder& AddTensor(std::string_view name, gguf::TensorType type, std::vector<std::uint64_t> shape, std::span<const std::byte> data) {
    tensors_.push_back({std::string(name), type, std::move(shape), {data.begin(), data.end()}});
    return *this;
  }
  GgufBuilder& AddF32(std::string_view name, std::vector<std::uint64_t> shape, std::span<const float> values) {
    return AddTensor(name, gguf::TensorType::kF32, std::move(shape), std::as_bytes(values));
  }

  std::vector<std::byte> Build() const {
    GgufBytes out;
    out.Header(version_, tensors_.size(), keys_).Append(metadata_);
    std::uint64_t offset = 0;
    for (const TensorData& tensor : tensors_) {
      out.String(tensor.name).U32(static_cast<std::uint32_t>(tensor.shape.size()));
      for (const std::uint64_t dimension : tensor.shape) out.U64(dimension);
      out.U32(static_cast<std::uint32_t>(tensor.type)).U64(offset);
      offset += (tensor.data.size() + alignment_ - 1) / alignment_ * alignment_;
    }
    for (const TensorData& tensor : tensors_) {
      out.PadTo(alignment_);
      out.Raw({reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()});
    }
    return out.PadTo(alignment_).bytes();
  }

  void WriteTo(const std::string& path) const {
    const std::vector<std::byte> bytes = Build();
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }

 private:
  static constexpr std::uint32_t kStringType = 8;
  static constexpr std::uint32_t kArrayType = 9;

  struct TensorData {
    std::string name;
    gguf::TensorType type;
    std::vector<std::uint64_t> shape;
    std::vector<std::byte> data;
  };

  template <typename T>
  static constexpr std::uint32_t TypeNumber() {
    if constexpr (std::same_as<T, bool>) return 7;
    if constexpr (std::same_as<T, float>) return 6;
    if constexpr (std::same_as<T, double>) return 12;
    if constexpr (std::integral<T>) {
      constexpr std::uint32_t kSigned = std::is_signed_v<T> ? 1 : 0;
      if constexpr (sizeof(T) == 1) return 0 + kSigned;
      if constexpr (sizeof(T) == 2) return 2 + kSigned;
      if constexpr (sizeof(T) == 4) return 4 + kSigned;
      if constexpr (sizeof(T) == 8) return 10 + kSigned;
    }
  }

  GgufBytes& Key(std::string_view key, std::uint32_t type) {
    ++keys_;
    return metadata_.String(key).U32(type);
  }

  std::uint32_t version_;
  std::size_t alignment_ = 32;
  std::uint64_t keys_ = 0;
  GgufBytes metadata_;
  std::vector<TensorData> tensors_;
};

}  // namespace inferd::testing
