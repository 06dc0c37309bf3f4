#include "daemon/observability/gzip.h"

#include <zlib.h>

namespace inferd::daemon {

std::optional<std::string> Gzip(std::string_view text) {
  z_stream stream{};
  // Metrics are repetitive: the fastest level packs them to a tenth, the best one to little less in five times the time.
  constexpr int kGzipWindow = 15 + 16;  // 16 asks for gzip's header instead of zlib's
  constexpr int kMemoryLevel = 8;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib's interface does not know const
  stream.avail_in = static_cast<uInt>(text.size());
  // Room for what metrics take, and more where that is not enough: room for the worst case would be filled with zeros in vain.
  std::string packed;
  int result = Z_OK;
  while (result == Z_OK || result == Z_BUF_ERROR) {
    packed.resize(packed.size() + text.size() / 8 + 1024);
    stream.next_out = reinterpret_cast<Bytef*>(packed.data()) + stream.total_out;
    stream.avail_out = static_cast<uInt>(packed.size() - stream.total_out);
    result = deflate(&stream, Z_FINISH);
  }
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return std::nullopt;
  return packed;
}

}  // namespace inferd::daemon
