// A whole file mapped read-only and shared: pages come from the page cache and are shared with other processes.
// Movable; the mapping lives as long as the object. bytes() may be read from any thread.
// If the file is truncated by somebody else while mapped, reading past its new end raises SIGBUS: model files are replaced by
// rename, not rewritten in place.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "runtime/base/status.h"

namespace inferd {

class MappedFile {
 public:
  // kNotFound, kIo (with errno's text), kInvalidArgument for something that is not a regular file.
  static Result<MappedFile> Open(const std::string& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }
  const std::string& path() const { return path_; }

  // Asks the kernel to read the whole file ahead.
  void WillNeed() const;
  // Keeps in memory what of it is read from now on; see LockMemory.
  Result<> Lock() const;

 private:
  std::string path_;
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace inferd
