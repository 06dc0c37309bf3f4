// Kernel files (proc(5), sysfs) as text and numbers. Nothing is returned for what cannot be read. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inferd::metrics {

std::optional<std::string> ReadText(const std::string& path);
// The same without the line end.
std::optional<std::string> ReadLine(const std::string& path);
// A file that holds one number.
std::optional<double> ReadNumber(const std::string& path);
// The number that follows `key` at the beginning of a line.
std::optional<double> NumberAfter(std::string_view text, std::string_view key);

}  // namespace inferd::metrics
