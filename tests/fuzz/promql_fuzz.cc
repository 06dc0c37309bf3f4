// Any bytes are either refused, with a position, or become a tree that prints as text of the same meaning and that can be evaluated within
// its limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "metrics/promql/engine.h"
#include "metrics/promql/memory_series.h"
#include "metrics/promql/parser.h"

using namespace inferd::metrics;
using namespace inferd::metrics::promql;

namespace {

MemorySeries SomeSeries() {
  MemorySeries series;
  for (Millis t = 0; t < 20; ++t) {
    series.Add({{"__name__", "a"}, {"x", "1"}}, {t * 15'000, static_cast<double>(t % 7)});
    series.Add({{"__name__", "a"}, {"x", "2"}}, {t * 15'000, t == 9 ? kStaleMarker : 1.5});
    series.Add({{"__name__", "b_bucket"}, {"le", t % 2 == 0 ? "1" : "+Inf"}}, {t * 15'000, static_cast<double>(t)});
  }
  return series;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  const auto node = Parse(query);
  if (!node) {
    const std::string& message = node.error().message;
    if (message.empty() || message[0] < '1' || message[0] > '9' || message.find(": parse error: ") == std::string::npos) std::abort();
    return 0;
  }
  const std::string printed = Print(**node);
  if (printed.size() <= kMaxQueryBytes) {
    const auto again = Parse(printed);
    if (!again || Print(**again) != printed) std::abort();
  }
  static const MemorySeries series = SomeSeries();
  const EngineOptions options{.max_samples = 20'000};
  static_cast<void>(QueryInstant(**node, series, 200'000, options));
  static_cast<void>(QueryRange(**node, series, 0, 300'000, 30'000, options));
  return 0;
}
