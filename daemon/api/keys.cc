#include "daemon/api/keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "runtime/base/errno_text.h"

namespace inferd::daemon {
namespace {

constexpr std::array<Role, 3> kRoles{Role::kUser, Role::kMetrics, Role::kAdmin};
constexpr std::size_t kMaxFileBytes = 1U << 20U;
constexpr std::size_t kMaxNameBytes = 63;  // what a record holds

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-' || c == '@';
  });
}

}  // namespace

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kUser: return "user";
    case Role::kMetrics: return "metrics";
    case Role::kAdmin: return "admin";
  }
  return "user";
}

Result<KeyStore> KeyStore::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(errno == ENOENT ? Code::kNotFound : Code::kIo, path + ": cannot be read: " + ErrnoText(errno));
  // Not by an istreambuf_iterator: that one throws for a directory.
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.gcount() == 0 && !file.eof())) return Error(Code::kIo, path + ": cannot be read: not a regular file?");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) return Error(Code::kInvalidArgument, path + ": is larger than 1 MiB: not a keys file");
  return Parse(text, path);
}

Result<KeyStore> KeyStore::Parse(std::string_view text, std::string_view path) {
  KeyStore store;
  std::string faults;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto fault = [&](const std::string& message) {
      if (!faults.empty()) faults += '\n';
      faults += std::string(path) + ":" + std::to_string(number) + ": " + message;
    };
    // The line itself is never repeated in a message: it may be a key that somebody put here by mistake.
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) {
      fault("is not of the form name:role:sha256");
      continue;
    }
    Entry entry;
    const std::string_view name = line.substr(0, first);
    const std::string_view role_name = line.substr(first + 1, second - first - 1);
    const std::string_view hex = line.substr(second + 1);
    const auto role = std::find_if(kRoles.begin(), kRoles.end(), [&](Role r) { return RoleName(r) == role_name; });
    if (!IsName(name)) {
      fault("the name is not 1 to 63 letters, digits and ._-@");
    } else if (role == kRoles.end()) {
      fault("the role is not one of: user, metrics, admin");
    } else if (hex.size() != 64 || !std::all_of(hex.begin(), hex.end(), [](char c) { return HexDigit(c) >= 0; })) {
      fault("the digest is not 64 hexadecimal digits; `printf %s \"$KEY\" | sha256sum` makes it");
    } else if (std::any_of(store.entries_.begin(), store.entries_.end(), [&](const Entry& e) { return e.holder.name == name; })) {
      fault("the name is given twice");
    } else {
      entry.holder = {std::string(name), *role};
      for (std::size_t i = 0; i < entry.digest.size(); ++i) {
        entry.digest[i] = static_cast<unsigned char>(HexDigit(hex[2 * i]) * 16 + HexDigit(hex[2 * i + 1]));
      }
      store.entries_.push_back(std::move(entry));
    }
  }
  if (!faults.empty()) return Error(Code::kInvalidArgument, std::move(faults));
  if (store.entries_.empty()) return Error(Code::kInvalidArgument, std::string(path) + ": holds no key, so that nobody could ask anything");
  return store;
}

std::optional<KeyStore::Holder> KeyStore::Find(std::string_view key) const {
  Digest digest{};
  unsigned int length = 0;
  if (EVP_Digest(key.data(), key.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) return std::nullopt;
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    if (CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0) found = &entry;
  }
  if (found == nullptr) return std::nullopt;
  return found->holder;
}

}  // namespace inferd::daemon
