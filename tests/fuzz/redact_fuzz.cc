// Any text: no number of ten digits or more is left, however it is grouped, and nothing that looks like an address.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "logging/redact.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string out = inferd::logging::Redact({reinterpret_cast<const char*>(data), size});
  if (out.size() > size * 8) std::abort();
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_plain = [&](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  int run = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    run = is_digit(out[i]) ? run + 1 : 0;
    if (run >= 10) std::abort();
    // x@yy.z
    if (out[i] == '@' && i > 0 && is_plain(out[i - 1]) && i + 4 < out.size() && is_plain(out[i + 1]) && is_plain(out[i + 2]) &&
        out[i + 3] == '.' && is_plain(out[i + 4])) {
      std::abort();
    }
  }
  return 0;
}
