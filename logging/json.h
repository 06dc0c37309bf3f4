// Text as JSON (RFC 8259) that no reader can stumble over: whatever the bytes, the output is one valid string on one line. Control
// characters, DEL, the C1 controls and the line separators U+2028 and U+2029 become escapes, invalid UTF-8 becomes U+FFFD. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace inferd::logging {

// With its quotes.
void AppendJsonString(std::string_view text, std::string& out);

// null for what JSON cannot say: infinities and NaN.
void AppendJsonNumber(double number, std::string& out);

}  // namespace inferd::logging
