// What others may see of values that can hold a secret: in logs, in a bundle for a bug report. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace inferd {

// Stands where something was left out.
inline constexpr std::string_view kHidden = "(hidden)";

// Of an http or https address the scheme, host and port: user and password before them and everything behind them, where services like to
// put a token, are hidden. "https://hooks.example.com/services/T0/XYZ" is "https://hooks.example.com/(hidden)". What cannot be understood
// is hidden altogether.
std::string HideInUrl(std::string_view url);

// A text in which nothing is left of what HideInUrl hides behind the host: servers like to say which path they do not know.
std::string HideUrlIn(std::string text, std::string_view url);

// Of a command its program: "/usr/bin/curl -u me:word" is "/usr/bin/curl (hidden)".
std::string HideArguments(std::string_view command);

}  // namespace inferd
