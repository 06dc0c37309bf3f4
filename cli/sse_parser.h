// Server-sent events (WHATWG HTML, 9.2.6 "Interpreting an event stream"), as far as an API stream uses them: the data of each event.
// Bytes may arrive cut anywhere. One object per stream; not thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace inferd::cli {

class SseParser {
 public:
  // A line longer than this, or an event with more data, breaks the stream.
  static constexpr std::size_t kMaxBytes = 16U << 20U;

  // Calls `on_data` for each event that `bytes` complete. False, for ever after, once the stream is broken.
  bool Feed(std::string_view bytes, const std::function<void(std::string_view data)>& on_data);

 private:
  void EndLine(const std::function<void(std::string_view)>& on_data);

  std::string line_;
  std::string data_;
  bool has_data_ = false;
  bool skip_newline_ = false;  // a carriage return ended the line; a line feed right after it belongs to it
  bool at_start_ = true;
  bool broken_ = false;
};

}  // namespace inferd::cli
