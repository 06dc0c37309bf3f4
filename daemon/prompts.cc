#include "daemon/prompts.h"

#include <span>

#include "logging/event.h"
#include "logging/redact.h"
#include "runtime/base/sha256.h"

namespace inferd::daemon {

PromptLogging PromptLoggingOf(std::string_view name) {
  if (name == "hashed") return PromptLogging::kHashed;
  if (name == "redacted") return PromptLogging::kRedacted;
  if (name == "full") return PromptLogging::kFull;
  return PromptLogging::kNever;
}

std::string Logged(PromptLogging mode, std::string_view text) {
  if (text.empty()) return {};
  switch (mode) {
    case PromptLogging::kNever: return {};
    case PromptLogging::kHashed: return "sha256:" + Sha256Hex(std::as_bytes(std::span(text.data(), text.size())));
    // A little more than the log takes, so that nothing is cut in two before it is recognised.
    case PromptLogging::kRedacted: return logging::Redact(text.substr(0, logging::kMaxText + 256));
    case PromptLogging::kFull: return std::string(text);
  }
  return {};
}

}  // namespace inferd::daemon
