// Any bytes are either refused, each fault with a message, or become rules that can be judged over a few series within the query's limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "alerts/manager.h"
#include "alerts/rule_file.h"
#include "metrics/promql/memory_series.h"

using namespace inferd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto groups = alerts::ParseRules(std::string_view(reinterpret_cast<const char*>(data), size), "f.yml");
  if (!groups) {
    if (groups.error().empty()) std::abort();
    for (const alerts::RuleFault& fault : groups.error()) {
      if (fault.message.empty() || !fault.ToString().starts_with("f.yml")) std::abort();
    }
    return 0;
  }
  metrics::promql::MemorySeries series;
  for (metrics::Millis t = 0; t < 5; ++t) {
    series.Add({{"__name__", "a"}, {"x", "1"}}, {t * 15'000, static_cast<double>(t)});
    series.Add({{"__name__", "a"}, {"x", "2"}}, {t * 15'000, 2});
  }
  alerts::ManagerOptions options{.interval = 15'000, .tick = 15'000, .resend_delay = 60'000, .evaluator = {}};
  options.evaluator.engine.max_samples = 2'000;
  alerts::Manager manager(options, std::move(*groups));
  for (metrics::Millis t = 0; t < 3; ++t)
    manager.Evaluate(t * 15'000, series, [](metrics::Millis, std::span<const metrics::QuerySample>) {});
  return 0;
}
