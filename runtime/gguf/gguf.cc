#include "runtime/gguf/gguf.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/base/utf8.h"

namespace inferd::gguf {

static_assert(std::endian::native == std::endian::little, "GGUF scalars are read as they lie in the file");

// ---- Parsing -------------------------------------------------------------------------------------------------------------------

namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint32_t kDefaultAlignment = 32;
constexpr std::uint32_t kMinAlignment = 8;  // "must be a multiple of 8"
constexpr std::uint32_t kMaxAlignment = 1U << 20U;

// Caps far above any published file, so that a hostile one is refused before it costs anything.
constexpr std::uint64_t kMaxKeys = 1U << 16U;
constexpr std::uint64_t kMaxTensors = 1U << 18U;
constexpr std::uint64_t kMaxKeyBytes = 65535;      // the format's own
constexpr std::uint64_t kMaxTensorNameBytes = 64;  // the format's own
constexpr std::uint64_t kMaxStringBytes = 64U << 20U;
constexpr std::uint64_t kMaxArrayElements = 1U << 26U;
constexpr std::uint32_t kMaxDimensions = 4;

// The fewest bytes that one key/value pair (length, one byte of key, type, one byte of value) and one tensor description (length, one
// byte of name, dimension count, one dimension, type, offset) take: a count beyond remaining / minimum cannot be true.
constexpr std::uint64_t kMinKeyValueBytes = 8 + 1 + 4 + 1;
constexpr std::uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

// Numbers of the metadata value types; equal to the indices of gguf::Value.
enum ValueType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};
struct ValueTypeInfo {
  std::string_view name;
  std::uint32_t bytes;  // 0: not of fixed size
};
constexpr std::array<ValueTypeInfo, 13> kValueTypes{{{"uint8", 1},
                                                     {"int8", 1},
                                                     {"uint16", 2},
                                                     {"int16", 2},
                                                     {"uint32", 4},
                                                     {"int32", 4},
                                                     {"float32", 4},
                                                     {"bool", 1},
                                                     {"string", 0},
                                                     {"array", 0},
                                                     {"uint64", 8},
                                                     {"int64", 8},
                                                     {"float64", 8}}};
static_assert(std::variant_size_v<Value> == kValueTypes.size());
static_assert(std::is_same_v<std::variant_alternative_t<kArray, Value>, Array>);
static_assert(std::is_same_v<std::variant_alternative_t<kFloat64, Value>, double>);

// A name from the file, fit for a message: cut, and without control characters.
std::string Quote(std::string_view text) {
  constexpr std::size_t kShown = 80;
  std::string out = "'";
  for (const char c : ReplaceInvalidUtf8(text.substr(0, kShown))) {
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c);
  }
  if (text.size() > kShown) out += "...";
  return out + "'";
}

std::optional<std::uint64_t> CheckedMultiply(std::uint64_t a, std::uint64_t b) {
  if (b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b) return std::nullopt;
  return a * b;
}

}  // namespace

// Reads the file front to back. `position_` never passes the end, and every read first compares what it wants with what remains.
class Parser {
 public:
  explicit Parser(GgufFile& file) : file_(file), bytes_(file.bytes_) {}

  Result<> Run() {
    INFERD_RETURN_IF_ERROR(ReadHeader());
    INFERD_RETURN_IF_ERROR(ReadMetadata());
    INFERD_RETURN_IF_ERROR(ReadAlignment());
    INFERD_RETURN_IF_ERROR(ReadTensors());
    return PlaceTensors();
  }

 private:
  std::uint64_t Remaining() const { return bytes_.size() - position_; }

  // "model.gguf: at byte 24: key 'general.name': <what>"
  tl::unexpected<Status> Fail(Code code, std::uint64_t offset, std::string what) const {
    std::string message = file_.name_ + ": at byte " + std::to_string(offset) + ": ";
    if (!subject_.empty()) message += subject_ + ": ";
    return Error(code, message + std::move(what));
  }
  tl::unexpected<Status> Corrupt(std::uint64_t offset, std::string what) const { return Fail(Code::kCorrupt, offset, std::move(what)); }

  Result<> Need(std::uint64_t count, std::string_view what) const {
    if (count <= Remaining()) return {};
    return Corrupt(position_, "expected " + std::string(what) + " (" + std::to_string(count) + " bytes), but only " +
                                  std::to_string(Remaining()) + " bytes remain in the file");
  }

  template <typename T>
  Result<T> Read(std::string_view what) {
    INFERD_RETURN_IF_ERROR(Need(sizeof(T), what));
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  Result<std::string_view> ReadString(std::string_view what, std::uint64_t max_bytes) {
    const std::uint64_t start = position_;
    INFERD_ASSIGN_OR_RETURN(const auto length, Read<std::uint64_t>(std::string(what) + " length"));
    if (length > max_bytes) {
      return Corrupt(start, std::string(what) + " of " + std::to_string(length) + " bytes: expected at most " + std::to_string(max_bytes));
    }
    INFERD_RETURN_IF_ERROR(Need(length, what));
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data() + position_), length);
    position_ += length;
    return text;
  }

  Result<std::uint64_t> ReadCount(std::string_view what, std::uint64_t cap) {
    const std::uint64_t start = position_;
    INFERD_ASSIGN_OR_RETURN(const auto count, Read<std::uint64_t>(std::string(what) + " count"));
    if (count > cap) {
      return Corrupt(start, std::string(what) + " count " + std::to_string(count) + ": expected at most " + std::to_string(cap));
    }
    return count;
  }

  Result<> CountFits(std::uint64_t offset, std::string_view what, std::uint64_t count, std::uint64_t min_bytes) const {
    if (count <= Remaining() / min_bytes) return {};
    return Corrupt(offset, std::string(what) + " count " + std::to_string(count) + ": expected at most " +
                               std::to_string(Remaining() / min_bytes) + ", which is what the remaining " + std::to_string(Remaining()) +
                               " bytes can hold");
  }

  Result<> ReadHeader() {
    if (bytes_.empty()) return Corrupt(0, "expected magic 'GGUF', but the file is empty");
    INFERD_RETURN_IF_ERROR(Need(kMagic.size(), "magic 'GGUF'"));
    if (std::memcmp(bytes_.data(), kMagic.data(), kMagic.size()) != 0) {
      return Corrupt(
          0, "expected magic 'GGUF', found " + Quote({reinterpret_cast<const char*>(bytes_.data()), kMagic.size()}) + ": not a GGUF file");
    }
    position_ = kMagic.size();
    INFERD_ASSIGN_OR_RETURN(file_.version_, Read<std::uint32_t>("version"));
    if (file_.version_ != 2 && file_.version_ != 3) {
      if (file_.version_ == 0x02000000U || file_.version_ == 0x03000000U) {
        return Fail(Code::kUnsupported, 4, "the file is big-endian: expected a little-endian file");
      }
      return Fail(Code::kUnsupported, 4, "version " + std::to_string(file_.version_) + ": expected 2 or 3");
    }
    INFERD_ASSIGN_OR_RETURN(tensor_count_, ReadCount("tensor", kMaxTensors));
    INFERD_ASSIGN_OR_RETURN(key_count_, ReadCount("key", kMaxKeys));
    INFERD_RETURN_IF_ERROR(CountFits(8, "tensor", tensor_count_, kMinTensorBytes));
    return CountFits(16, "key", key_count_, kMinKeyValueBytes);
  }

  Result<> ReadMetadata() {
    file_.metadata_.reserve(key_count_);
    file_.key_index_.reserve(key_count_);
    for (std::uint64_t i = 0; i < key_count_; ++i) {
      const std::uint64_t start = position_;
      subject_ = "key " + std::to_string(i);
      INFERD_ASSIGN_OR_RETURN(const std::string_view key, ReadString("key", kMaxKeyBytes));
      subject_ = "key " + Quote(key);
      if (key.empty()) return Corrupt(start, "expected a name, found an empty one");
      if (!IsValidUtf8(key)) return Corrupt(start, "expected a name in UTF-8");
      if (!file_.key_index_.emplace(key, file_.metadata_.size()).second) {
        return Corrupt(start, "expected each key once, found it again");
      }
      INFERD_ASSIGN_OR_RETURN(Value value, ReadValue());
      file_.metadata_.emplace_back(key, std::move(value));
    }
    subject_.clear();
    return {};
  }

  template <typename T>
  Result<Value> ReadScalar(std::uint32_t type) {
    INFERD_ASSIGN_OR_RETURN(const T value, Read<T>(kValueTypes[type].name));
    return Value(value);
  }

  Result<Value> ReadValue() {
    const std::uint64_t start = position_;
    INFERD_ASSIGN_OR_RETURN(const auto type, Read<std::uint32_t>("value type"));
    switch (type) {
      case kUint8: return ReadScalar<std::uint8_t>(type);
      case kInt8: return ReadScalar<std::int8_t>(type);
      case kUint16: return ReadScalar<std::uint16_t>(type);
      case kInt16: return ReadScalar<std::int16_t>(type);
      case kUint32: return ReadScalar<std::uint32_t>(type);
      case kInt32: return ReadScalar<std::int32_t>(type);
      case kFloat32: return ReadScalar<float>(type);
      case kUint64: return ReadScalar<std::uint64_t>(type);
      case kInt64: return ReadScalar<std::int64_t>(type);
      case kFloat64: return ReadScalar<double>(type);
      case kBool: {
        INFERD_ASSIGN_OR_RETURN(const auto value, Read<std::uint8_t>("bool"));
        if (value > 1) return Corrupt(position_ - 1, "bool " + std::to_string(value) + ": expected 0 or 1");
        return Value(value == 1);
      }
      case kString: {
        const std::uint64_t at = position_;
        INFERD_ASSIGN_OR_RETURN(const std::string_view text, ReadString("string", kMaxStringBytes));
        if (!IsValidUtf8(text)) return Corrupt(at, "expected a string in UTF-8");
        return Value(text);
      }
      case kArray: return ReadArray();
      default: return Corrupt(start, "value type " + std::to_string(type) + ": expected 0 to 12");
    }
  }

  // Strings in arrays may be any bytes: vocabularies in the wild hold tokens that are parts of code points.
  Result<Value> ReadArray() {
    const std::uint64_t start = position_;
    Array array;
    INFERD_ASSIGN_OR_RETURN(array.element_type, Read<std::uint32_t>("array element type"));
    if (array.element_type == kArray) {
      return Fail(Code::kUnsupported, start, "array of arrays: expected an array of scalars or strings");
    }
    if (array.element_type >= kValueTypes.size()) {
      return Corrupt(start, "array element type " + std::to_string(array.element_type) + ": expected 0 to 12");
    }
    INFERD_ASSIGN_OR_RETURN(array.count, ReadCount("array element", kMaxArrayElements));
    if (array.element_type == kString) {
      INFERD_RETURN_IF_ERROR(CountFits(start + 4, "array element", array.count, sizeof(std::uint64_t)));
      array.strings.reserve(array.count);
      for (std::uint64_t i = 0; i < array.count; ++i) {
        INFERD_ASSIGN_OR_RETURN(const std::string_view text, ReadString("array string", kMaxStringBytes));
        array.strings.push_back(text);
      }
      return Value(std::move(array));
    }
    const std::uint64_t element_bytes = kValueTypes[array.element_type].bytes;
    INFERD_RETURN_IF_ERROR(CountFits(start + 4, "array element", array.count, element_bytes));
    array.bytes = bytes_.subspan(position_, array.count * element_bytes);
    if (array.element_type == kBool) {
      for (const std::byte value : array.bytes) {
        if (std::to_integer<int>(value) > 1) {
          return Corrupt(position_, "array with a bool " + std::to_string(std::to_integer<int>(value)) + ": expected 0 or 1");
        }
      }
    }
    position_ += array.bytes.size();
    return Value(std::move(array));
  }

  Result<> ReadAlignment() {
    constexpr std::string_view kKey = "general.alignment";
    const Value* value = file_.Find(kKey);
    if (value == nullptr) return {};
    subject_ = "key " + Quote(kKey);
    const auto* alignment = std::get_if<std::uint32_t>(value);
    const auto offset = static_cast<std::uint64_t>(
        reinterpret_cast<const std::byte*>(file_.metadata_[file_.key_index_.at(kKey)].first.data()) - bytes_.data());
    if (alignment == nullptr) {
      return Corrupt(offset, "expected uint32, found " + std::string(kValueTypes[value->index()].name));
    }
    if (!std::has_single_bit(*alignment) || *alignment < kMinAlignment || *alignment > kMaxAlignment) {
      return Corrupt(offset, "alignment " + std::to_string(*alignment) + ": expected a power of two from " + std::to_string(kMinAlignment) +
                                 " to " + std::to_string(kMaxAlignment));
    }
    file_.alignment_ = *alignment;
    subject_.clear();
    return {};
  }

  // A tensor description whose data has not been looked up yet.
  struct Pending {
    std::uint64_t described_at;  // byte offset of the description
    std::uint64_t offset;        // of the data, from the start of the data section
    std::uint64_t bytes;
  };

  Result<> ReadTensors() {
    // The header's check knew nothing of the metadata between: compare again with what is really left.
    INFERD_RETURN_IF_ERROR(CountFits(8, "tensor", tensor_count_, kMinTensorBytes));
    file_.tensors_.reserve(tensor_count_);
    file_.tensor_index_.reserve(tensor_count_);
    pending_.reserve(tensor_count_);
    for (std::uint64_t i = 0; i < tensor_count_; ++i) {
      subject_ = "tensor " + std::to_string(i);
      INFERD_RETURN_IF_ERROR(ReadTensor());
    }
    subject_.clear();
    return {};
  }

  Result<> ReadTensor() {
    Tensor tensor;
    Pending pending{.described_at = position_, .offset = 0, .bytes = 0};
    INFERD_ASSIGN_OR_RETURN(tensor.name, ReadString("tensor name", kMaxTensorNameBytes));
    subject_ = "tensor " + Quote(tensor.name);
    if (tensor.name.empty()) return Corrupt(pending.described_at, "expected a name, found an empty one");
    if (!IsValidUtf8(tensor.name)) return Corrupt(pending.described_at, "expected a name in UTF-8");
    if (!file_.tensor_index_.emplace(tensor.name, file_.tensors_.size()).second) {
      return Corrupt(pending.described_at, "expected each tensor once, found it again");
    }

    const std::uint64_t shape_at = position_;
    INFERD_ASSIGN_OR_RETURN(tensor.dimensions, Read<std::uint32_t>("number of dimensions"));
    if (tensor.dimensions < 1 || tensor.dimensions > kMaxDimensions) {
      return Corrupt(shape_at, std::to_string(tensor.dimensions) + " dimensions: expected 1 to " + std::to_string(kMaxDimensions));
    }
    std::uint64_t elements = 1;
    for (std::uint32_t d = 0; d < tensor.dimensions; ++d) {
      INFERD_ASSIGN_OR_RETURN(tensor.shape[d], Read<std::uint64_t>("dimension"));
      if (tensor.shape[d] == 0) return Corrupt(position_ - 8, "dimension " + std::to_string(d) + " is 0: expected at least 1");
      const auto product = CheckedMultiply(elements, tensor.shape[d]);
      if (!product || *product > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return Corrupt(position_ - 8, "dimension " + std::to_string(d) + " is " + std::to_string(tensor.shape[d]) +
                                          ": expected a product of dimensions below 2^63");
      }
      elements = *product;
    }

    const std::uint64_t type_at = position_;
    INFERD_ASSIGN_OR_RETURN(const auto number, Read<std::uint32_t>("tensor type"));
    const TensorTypeInfo* type = FindTensorType(number);
    if (type == nullptr) {
      return Corrupt(type_at, "tensor type " + std::to_string(number) + " is not defined: expected one of " + SupportedTensorTypes());
    }
    if (!type->supported) {
      return Fail(Code::kUnsupported, type_at,
                  "tensor type " + std::string(type->name) + " is not supported: expected one of " + SupportedTensorTypes());
    }
    tensor.type = type->type;
    if (tensor.columns() % type->block_elements != 0) {
      return Corrupt(shape_at, "a row of " + std::to_string(tensor.columns()) + " elements of type " + std::string(type->name) +
                                   ": expected a multiple of " + std::to_string(type->block_elements));
    }
    const auto size = CheckedMultiply(elements / type->block_elements, type->block_bytes);
    if (!size) return Corrupt(shape_at, "expected a size in bytes below 2^64");
    pending.bytes = *size;

    const std::uint64_t offset_at = position_;
    INFERD_ASSIGN_OR_RETURN(pending.offset, Read<std::uint64_t>("tensor data offset"));
    if (pending.offset % file_.alignment_ != 0) {
      return Corrupt(offset_at, "data offset " + std::to_string(pending.offset) + ": expected a multiple of the alignment " +
                                    std::to_string(file_.alignment_));
    }
    file_.tensors_.push_back(tensor);
    pending_.push_back(pending);
    return {};
  }

  // The data section begins at the first aligned byte after the descriptions. Every tensor lies inside the file, none on another.
  Result<> PlaceTensors() {
    if (pending_.empty()) return {};
    const std::uint64_t data_start = (position_ + file_.alignment_ - 1) / file_.alignment_ * file_.alignment_;
    const std::uint64_t available = bytes_.size() > data_start ? bytes_.size() - data_start : 0;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      const Pending& pending = pending_[i];
      subject_ = "tensor " + Quote(file_.tensors_[i].name);
      if (pending.offset > available || pending.bytes > available - pending.offset) {
        return Corrupt(pending.described_at, "data of " + std::to_string(pending.bytes) + " bytes at offset " +
                                                 std::to_string(pending.offset) + " of the data section: expected it inside the " +
                                                 std::to_string(available) + " bytes that the section has");
      }
      file_.tensors_[i].bytes = bytes_.subspan(data_start + pending.offset, pending.bytes);
    }
    std::vector<std::size_t> order(pending_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::sort(order, {}, [this](std::size_t i) { return pending_[i].offset; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const Pending& before = pending_[order[i - 1]];
      const Pending& after = pending_[order[i]];
      if (before.bytes > after.offset - before.offset) {
        subject_ = "tensor " + Quote(file_.tensors_[order[i]].name);
        return Corrupt(after.described_at, "data at offset " + std::to_string(after.offset) + " overlaps that of tensor " +
                                               Quote(file_.tensors_[order[i - 1]].name) + ": expected it at " +
                                               std::to_string(before.offset + before.bytes) + " or later");
      }
    }
    subject_.clear();
    return {};
  }

  GgufFile& file_;
  const std::span<const std::byte> bytes_;
  std::uint64_t position_ = 0;
  std::string subject_;  // what is being read, for messages
  std::uint64_t tensor_count_ = 0;
  std::uint64_t key_count_ = 0;
  std::vector<Pending> pending_;
};

Result<GgufFile> GgufFile::Open(const std::string& path) {
  INFERD_ASSIGN_OR_RETURN(MappedFile mapping, MappedFile::Open(path));
  INFERD_ASSIGN_OR_RETURN(GgufFile file, Parse(mapping.bytes(), path));
  // Moving a mapping does not move its bytes: the views stay good.
  file.mapping_ = std::move(mapping);
  return file;
}

Result<GgufFile> GgufFile::Parse(std::span<const std::byte> bytes, std::string name) {
  GgufFile file;
  file.name_ = std::move(name);
  file.bytes_ = bytes;
  file.alignment_ = kDefaultAlignment;
  INFERD_RETURN_IF_ERROR(Parser(file).Run());
  return file;
}

// ---- Typed access --------------------------------------------------------------------------------------------------------------

const Value* GgufFile::Find(std::string_view key) const {
  const auto found = key_index_.find(key);
  return found == key_index_.end() ? nullptr : &metadata_[found->second].second;
}

const Tensor* GgufFile::FindTensor(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

namespace {

std::string TypeName(const Value& value) {
  if (const auto* array = std::get_if<Array>(&value)) {
    return "array of " + std::string(kValueTypes[array->element_type].name);
  }
  return std::string(kValueTypes[value.index()].name);
}

tl::unexpected<Status> MissingKey(const GgufFile& file, std::string_view key) {
  return Error(Code::kNotFound, file.name() + ": key " + Quote(key) + " is missing");
}

tl::unexpected<Status> WrongType(const GgufFile& file, std::string_view key, const Value& found, std::string_view expected) {
  return Error(Code::kCorrupt, file.name() + ": key " + Quote(key) + ": found " + TypeName(found) + ", expected " + std::string(expected));
}

template <typename T>
constexpr bool kIsInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

// Elements of an array of numbers, one after the other as T; they are not aligned in the file.
template <typename T, typename Visit>
void ForEachNumber(const Array& array, Visit visit) {
  for (std::uint64_t i = 0; i < array.count; ++i) {
    T value;
    std::memcpy(&value, array.bytes.data() + i * sizeof(T), sizeof(T));
    visit(value);
  }
}

}  // namespace

Result<std::uint64_t> GgufFile::GetUint(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return MissingKey(*this, key);
  return std::visit(
      [&]<typename T>(const T& v) -> Result<std::uint64_t> {
        if constexpr (kIsInteger<T>) {
          if (!std::in_range<std::uint64_t>(v)) {
            return Error(Code::kCorrupt, name_ + ": key " + Quote(key) + ": found " + std::to_string(v) + ", expected 0 or more");
          }
          return static_cast<std::uint64_t>(v);
        } else {
          return WrongType(*this, key, *value, "an integer");
        }
      },
      *value);
}

Result<double> GgufFile::GetFloat(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return MissingKey(*this, key);
  return std::visit(
      [&]<typename T>(const T& v) -> Result<double> {
        if constexpr (kIsInteger<T> || std::is_floating_point_v<T>) {
          return static_cast<double>(v);
        } else {
          return WrongType(*this, key, *value, "a number");
        }
      },
      *value);
}

Result<bool> GgufFile::GetBool(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return MissingKey(*this, key);
  const bool* found = std::get_if<bool>(value);
  if (found == nullptr) return WrongType(*this, key, *value, "a bool");
  return *found;
}

Result<std::string_view> GgufFile::GetString(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return MissingKey(*this, key);
  const auto* found = std::get_if<std::string_view>(value);
  if (found == nullptr) return WrongType(*this, key, *value, "a string");
  return *found;
}

Result<std::span<const std::string_view>> GgufFile::GetStrings(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return MissingKey(*this, key);
  const auto* array = std::get_if<Array>(value);
  if (array == nullptr || array->element_type != kString) return WrongType(*this, key, *value, "an array of strings");
  return std::span<const std::string_view>(array->strings);
}

Result<std::vector<std::int64_t>> GgufFile::GetInts(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return MissingKey(*this, key);
  const auto* array = std::get_if<Array>(value);
  if (array == nullptr) return WrongType(*this, key, *value, "an array of integers");
  std::vector<std::int64_t> out;
  out.reserve(array->count);
  bool fits = true;
  const auto add = [&](auto number) {
    fits = fits && std::in_range<std::int64_t>(number);
    out.push_back(static_cast<std::int64_t>(number));
  };
  switch (array->element_type) {
    case kUint8: ForEachNumber<std::uint8_t>(*array, add); break;
    case kInt8: ForEachNumber<std::int8_t>(*array, add); break;
    case kUint16: ForEachNumber<std::uint16_t>(*array, add); break;
    case kInt16: ForEachNumber<std::int16_t>(*array, add); break;
    case kUint32: ForEachNumber<std::uint32_t>(*array, add); break;
    case kInt32: ForEachNumber<std::int32_t>(*array, add); break;
    case kUint64: ForEachNumber<std::uint64_t>(*array, add); break;
    case kInt64: ForEachNumber<std::int64_t>(*array, add); break;
    default: return WrongType(*this, key, *value, "an array of integers");
  }
  if (!fits) return Error(Code::kCorrupt, name_ + ": key " + Quote(key) + ": expected integers below 2^63");
  return out;
}

Result<std::vector<float>> GgufFile::GetFloats(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return MissingKey(*this, key);
  const auto* array = std::get_if<Array>(value);
  if (array == nullptr || (array->element_type != kFloat32 && array->element_type != kFloat64)) {
    return WrongType(*this, key, *value, "an array of floats");
  }
  std::vector<float> out;
  out.reserve(array->count);
  const auto add = [&](auto number) { out.push_back(static_cast<float>(number)); };
  if (array->element_type == kFloat32) {
    ForEachNumber<float>(*array, add);
  } else {
    ForEachNumber<double>(*array, add);
  }
  return out;
}

}  // namespace inferd::gguf
