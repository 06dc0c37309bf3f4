// Puts a text into a file so that whoever opens it finds the old whole or the new whole, also after a crash or a power cut. For one path
// from one thread at a time.
#pragma once

#include <filesystem>
#include <string_view>

#include "runtime/base/status.h"

namespace inferd {

// Writes PATH.new, flushes it to the disk and renames it. kIo names the path and leaves what was there as it was.
Result<> ReplaceFile(const std::filesystem::path& path, std::string_view text);

}  // namespace inferd
