// API keys: a file of lines "name:role:sha256", the SHA-256 of each key in hexadecimal ("#" begins a comment). The keys themselves are
// nowhere on the server. Immutable; any thread may ask. Looking a key up takes the same time whichever entry matches, or none.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/status.h"

namespace inferd::daemon {

enum class Role : std::uint8_t { kUser, kMetrics, kAdmin };
std::string_view RoleName(Role role);

class KeyStore {
 public:
  struct Holder {
    std::string name;
    Role role;
  };

  // kNotFound, kIo; kInvalidArgument for lines that are not of the form, each as "file:line: message", joined by newlines.
  static Result<KeyStore> Load(const std::string& path);
  static Result<KeyStore> Parse(std::string_view text, std::string_view path);

  // Who holds `key`, if anybody.
  std::optional<Holder> Find(std::string_view key) const;
  std::size_t size() const { return entries_.size(); }

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Entry {
    Holder holder;
    Digest digest{};
  };
  std::vector<Entry> entries_;
};

}  // namespace inferd::daemon
