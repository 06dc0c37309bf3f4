// Any bytes either parse or are refused; what parses can be read everywhere without leaving the buffer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "runtime/gguf/gguf.h"

using inferd::gguf::GgufFile;

namespace {

std::uint64_t Touch(std::span<const std::byte> bytes) {
  std::uint64_t sum = 0;
  for (const std::byte b : bytes) sum += std::to_integer<std::uint64_t>(b);
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = GgufFile::Parse(std::as_bytes(std::span(data, size)), "fuzz");
  if (!file) {
    if (file.error().message.find("fuzz: at byte ") != 0) std::abort();
    return 0;
  }
  volatile std::uint64_t sum = 0;
  for (const auto& [key, value] : file->metadata()) {
    if (file->Find(key) != &value) std::abort();
    static_cast<void>(file->GetUint(key));
    static_cast<void>(file->GetFloat(key));
    static_cast<void>(file->GetBool(key));
    if (const auto text = file->GetString(key)) sum = sum + Touch(std::as_bytes(std::span(*text)));
    if (const auto strings = file->GetStrings(key)) {
      for (const auto text : *strings) sum = sum + Touch(std::as_bytes(std::span(text)));
    }
    static_cast<void>(file->GetInts(key));
    static_cast<void>(file->GetFloats(key));
  }
  for (const auto& tensor : file->tensors()) {
    if (file->FindTensor(tensor.name) != &tensor) std::abort();
    if (tensor.bytes.size() != inferd::gguf::RowBytes(tensor.type, tensor.columns()) * tensor.rows()) std::abort();
    sum = sum + Touch(tensor.bytes);
  }
  return 0;
}
