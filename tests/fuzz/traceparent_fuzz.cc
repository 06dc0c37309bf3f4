// Any header: what is taken is a sound trace that comes back from its own header, and what is not is refused.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "daemon/api/trace_context.h"

using namespace inferd::daemon;

namespace {

void CheckId(std::string_view id, std::size_t digits) {
  const bool hex = std::all_of(id.begin(), id.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (id.size() != digits || !hex || id.find_first_not_of('0') == std::string_view::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (IsSaneRequestId(text) && (size == 0 || size > 64)) std::abort();
  const auto trace = ParseTraceparent(text);
  if (!trace) return 0;
  CheckId(trace->trace_id, 32);
  CheckId(trace->span_id, 16);
  CheckId(trace->parent_span_id, 16);
  if (text.substr(3, 32) != trace->trace_id || text.substr(36, 16) != trace->parent_span_id) std::abort();
  const std::string ours = FormatTraceparent(*trace);
  const auto again = ParseTraceparent(ours);
  if (!again || again->trace_id != trace->trace_id || again->parent_span_id != trace->span_id || again->sampled != trace->sampled)
    std::abort();
  return 0;
}
