// Any bytes as the texts of an event: the JSON line is valid, on one line and says the same; the line for terminals has no control
// characters. The first byte says where the rest is cut into two texts.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "logging/events.h"
#include "logging/format.h"
#include "runtime/base/utf8.h"

using namespace inferd;
using namespace inferd::logging;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t cut = text.empty() ? 0 : data[0] % text.size();
  RequestEnded event;
  event.method = text.substr(0, cut);
  event.path = text.substr(cut);
  event.prompt = text;
  std::string bytes;
  Encode(event, data[0], {.request_id = text, .trace_id = event.method, .model = event.path}, bytes);
  Line line;
  if (!Decode(bytes, line)) std::abort();

  std::string out;
  AppendJsonLine(line, out);
  if (out.find('\n') != std::string::npos || out.find("\xE2\x80\xA8") != std::string::npos) std::abort();
  const nlohmann::json parsed = nlohmann::json::parse(out, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object()) std::abort();
  if (text.size() <= kMaxText && parsed["prompt"] != ReplaceInvalidUtf8(text)) std::abort();

  out.clear();
  AppendTextLine(line, false, out);
  for (const char c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) std::abort();
  }
  for (const std::string& field : JournalFields(line)) {
    if (field.find('=') == std::string::npos) std::abort();
  }
  return 0;
}
