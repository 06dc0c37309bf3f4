// SHA-256 (FIPS 180-4) of bytes in memory, in lower-case hex. Pure; any thread. Reads every byte, about a gigabyte in a second.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <string>

namespace inferd {

// Empty when `stop` became true on the way.
std::string Sha256Hex(std::span<const std::byte> bytes, const std::atomic<bool>* stop = nullptr);

}  // namespace inferd
