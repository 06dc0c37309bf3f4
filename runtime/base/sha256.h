// SHA-256 (FIPS 180-4) of bytes in memory, in lower-case hex. Pure; any thread. Reads every byte, about a gigabyte in a second.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

namespace inferd {

// `go_on` is told now and then how many bytes are done; the result is empty when it says no.
std::string Sha256Hex(std::span<const std::byte> bytes, const std::function<bool(std::size_t done)>& go_on = {});

}  // namespace inferd
