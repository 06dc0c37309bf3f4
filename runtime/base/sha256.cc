#include "runtime/base/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

namespace inferd {

std::string Sha256Hex(std::span<const std::byte> bytes, const std::function<bool(std::size_t done)>& go_on) {
  constexpr std::size_t kPiece = 16U << 20U;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, 32> digest{};
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    if (go_on && !go_on(at)) return "";
    EVP_DigestUpdate(context.get(), bytes.data() + at, std::min(kPiece, bytes.size() - at));
  }
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 0xFU];
  }
  return hex;
}

}  // namespace inferd
