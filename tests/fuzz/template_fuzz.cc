// Any bytes are either refused or expand to a text, whatever the labels hold; what is refused without data is refused with them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "alerts/template.h"

using namespace inferd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const alerts::TemplateData values{.labels = {{"x", "1"}, {"path", "/a{{b}}\n"}},
                                    .value = 1234.5,
                                    .external_labels = {{"site", "s"}},
                                    .external_url = "http://h",
                                    .query = [](const std::string&) -> Result<std::vector<metrics::QuerySample>> {
                                      return std::vector<metrics::QuerySample>{{{{"q", "1"}}, 1}, {{{"q", "2"}}, 2}};
                                    }};
  const auto checked = alerts::CheckTemplate(text);
  const auto expanded = alerts::ExpandTemplate(text, values);
  if (!checked && (expanded || checked.error().message.empty())) std::abort();
  return 0;
}
