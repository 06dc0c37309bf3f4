#include "runtime/base/replace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "runtime/base/errno_text.h"

namespace inferd {
namespace {

// The errno of the first step that fails, or 0.
int WriteWhole(const char* path, std::string_view text) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return errno;
  int error = 0;
  while (error == 0 && !text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  ::close(fd);
  return error;
}

}  // namespace

Result<> ReplaceFile(const std::filesystem::path& path, std::string_view text) {
  const std::string aside = path.string() + ".new";
  int error = WriteWhole(aside.c_str(), text);
  if (error == 0 && ::rename(aside.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return {};
  ::unlink(aside.c_str());
  return Error(Code::kIo, path.string() + ": cannot be written: " + ErrnoText(error));
}

}  // namespace inferd
