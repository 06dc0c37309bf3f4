#include "daemon/observability/gzip.h"

#include <libdeflate.h>

#include <memory>

namespace inferd::daemon {

std::optional<std::string> Gzip(std::string_view text) {
  // Metrics are repetitive: the fastest level packs them to a tenth, the best one to little less in many times the time.
  constexpr int kFastest = 1;
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(libdeflate_alloc_compressor(kFastest),
                                                                                                 &libdeflate_free_compressor);
  if (compressor == nullptr) return std::nullopt;
  std::string packed;
  // Room for what metrics take, and where that is not enough for the worst case: filling that with zeros is in vain else.
  for (const std::size_t room : {text.size() / 8 + 1024, libdeflate_gzip_compress_bound(compressor.get(), text.size())}) {
    packed.resize(room);
    const std::size_t size = libdeflate_gzip_compress(compressor.get(), text.data(), text.size(), packed.data(), room);
    if (size != 0) {
      packed.resize(size);
      return packed;
    }
  }
  return std::nullopt;
}

}  // namespace inferd::daemon
