// What the log may say of prompts and answers: nothing by default. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace inferd::daemon {

enum class PromptLogging : std::uint8_t {
  kNever,
  kHashed,    // SHA-256: equal texts can be told, short ones can be guessed
  kRedacted,  // the text without what logging/redact.h recognises
  kFull,
};

// As in logs.prompts; requires one of never, hashed, redacted, full.
PromptLogging PromptLoggingOf(std::string_view name);

// What of `text` goes into the log; empty for nothing.
std::string Logged(PromptLogging mode, std::string_view text);

}  // namespace inferd::daemon
