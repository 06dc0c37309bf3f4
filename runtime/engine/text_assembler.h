// Turns the bytes of generated tokens into text that can be sent: whole code points only, and nothing that might turn out to be the
// beginning of a stop string. Pure state machine, one per choice; not thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inferd::engine {

class TextAssembler {
 public:
  // `stops` must outlive the assembler; none of them is empty.
  explicit TextAssembler(std::span<const std::string> stops) : stops_(stops) {}

  // Adds bytes and returns what can be sent now. Once a stop string is complete, stopped() is true and nothing more comes; the stop string
  // and what follows it are dropped.
  std::string Push(std::string_view bytes);

  // At the end of the output: what was held back. Bytes that never became a code point give U+FFFD.
  std::string Finish();

  bool stopped() const { return stopped_; }

 private:
  std::span<const std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace inferd::engine
