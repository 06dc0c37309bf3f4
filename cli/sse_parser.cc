#include "cli/sse_parser.h"

namespace inferd::cli {

bool SseParser::Feed(std::string_view bytes, const std::function<void(std::string_view data)>& on_data) {
  for (const char c : bytes) {
    if (broken_) return false;
    if (skip_newline_) {
      skip_newline_ = false;
      if (c == '\n') continue;
    }
    if (c == '\r' || c == '\n') {
      skip_newline_ = c == '\r';
      EndLine(on_data);
      continue;
    }
    line_.push_back(c);
    broken_ = line_.size() + data_.size() > kMaxBytes;
  }
  return !broken_;
}

void SseParser::EndLine(const std::function<void(std::string_view)>& on_data) {
  std::string_view line = line_;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (at_start_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  at_start_ = false;
  if (line.empty()) {
    if (has_data_) on_data(data_);
    data_.clear();
    has_data_ = false;
  } else if (line == "data" || line.starts_with("data:")) {
    line.remove_prefix(line == "data" ? 4 : 5);
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (has_data_) data_.push_back('\n');
    data_ += line;
    has_data_ = true;
  }
  // Comments and other fields carry nothing that is used here.
  line_.clear();
}

}  // namespace inferd::cli
