// Any bytes are either refused with a message, or silences, or what notifiers kept; what is taken comes back from its own JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "alerts/notify/queue_json.h"
#include "alerts/notify/silences.h"

using namespace inferd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto silence = alerts::ParseSilenceJson(text)) {
    const std::string json = alerts::SilenceJson(*silence, silence->starts_at);
    const auto again = alerts::ParseSilenceJson(json);
    if (!again || alerts::SilenceJson(*again, silence->starts_at) != json) std::abort();
    const metrics::Labels labels{{"alertname", "A"}, {"severity", "critical"}};
    bool silenced = true;
    for (const metrics::Matcher& matcher : silence->matchers) silenced = silenced && metrics::MatchesAll({&matcher, 1}, labels);
    if (silenced != metrics::MatchesAll(silence->matchers, labels)) std::abort();
  } else if (silence.error().message.empty()) {
    std::abort();
  }
  if (const auto silences = alerts::ParseSilencesJson(text)) {
    const std::string json = alerts::SilencesJson(*silences, {});
    const auto again = alerts::ParseSilencesJson(json);
    if (!again || alerts::SilencesJson(*again, {}) != json) std::abort();
  }
  if (const auto queues = alerts::ParseQueuesJson(text)) {
    if (!alerts::ParseQueuesJson(alerts::QueuesJson(*queues))) std::abort();
  } else if (queues.error().message.empty()) {
    std::abort();
  }
  return 0;
}
