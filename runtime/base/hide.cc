#include "runtime/base/hide.h"

#include <algorithm>

namespace inferd {
namespace {

bool IsHostOrPort(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(".-_:[]").find(c) != std::string_view::npos;
}

}  // namespace

std::string HideInUrl(std::string_view url) {
  const std::size_t scheme = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  if (scheme == 0) return std::string(kHidden);
  const std::string_view authority = url.substr(scheme, url.find_first_of("/?#\\", scheme) - scheme);
  const std::string_view rest = url.substr(scheme + authority.size());
  const std::size_t at = authority.rfind('@');
  const std::string_view host = at == std::string_view::npos ? authority : authority.substr(at + 1);
  std::string shown(url.substr(0, scheme));
  // An @ behind the host may as well end a password with a slash in it: then this is no host.
  if (!std::all_of(host.begin(), host.end(), IsHostOrPort) || rest.find('@') != std::string_view::npos) return shown += kHidden;
  if (at != std::string_view::npos) shown.append(kHidden).append("@");
  shown += host;
  if (rest.empty() || rest == "/") return shown += rest;
  return shown.append("/").append(kHidden);
}

std::string HideUrlIn(std::string text, std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t path = std::min(url.find_first_of("/?#", scheme == std::string_view::npos ? 0 : scheme + 3), url.size());
  const std::size_t query = std::min(url.find('?', path), url.size());
  for (const std::string_view part : {url.substr(path), url.substr(path, query - path), url.substr(std::min(query + 1, url.size()))}) {
    if (part.empty() || part == "/") continue;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + kHidden.size()))
      text.replace(at, part.size(), kHidden);
  }
  return text;
}

std::string HideArguments(std::string_view command) {
  const std::size_t end = command.find_first_of(" \t\r\n");
  if (end == std::string_view::npos) return std::string(command);
  return std::string(command.substr(0, end)).append(" ").append(kHidden);
}

}  // namespace inferd
