#include "metrics/store/chunk.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace inferd::metrics {
namespace {

// How a change of the distance between samples is written: as many one bits as its class, a zero, and the value in that many bits. A ticker
// is off by a millisecond or two, rarely by more; a pause makes one large change.
constexpr std::array<int, 5> kTimeBits = {0, 4, 8, 14, 64};

// Two's complement, as many low bits as asked for.
std::uint64_t LowBits(std::uint64_t value, int bits) { return bits == 64 ? value : value & ((std::uint64_t{1} << bits) - 1); }
std::int64_t SignExtended(std::uint64_t value, int bits) {
  if (bits == 0) return 0;
  return static_cast<std::int64_t>(value << (64 - bits)) >> (64 - bits);
}
bool Fits(std::int64_t value, int bits) { return SignExtended(LowBits(static_cast<std::uint64_t>(value), bits), bits) == value; }

// Overflow wraps around: only damaged bytes lead there.
Millis Add(Millis a, Millis b) { return static_cast<Millis>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b)); }

// Reads what ChunkWriter wrote. A read past the end gives zeros and sets `failed`.
class Reader {
 public:
  explicit Reader(const Chunk& chunk) : bytes_(chunk.bytes) {}

  bool Next(Sample& sample) {
    if (first_) {
      sample_.time = static_cast<Millis>(Bits(64));
      value_ = Bits(64);
      first_ = false;
    } else {
      int kind = 0;
      while (kind + 1 < static_cast<int>(kTimeBits.size()) && Bits(1) != 0) ++kind;
      const int bits = kTimeBits[static_cast<std::size_t>(kind)];
      delta_ = Add(delta_, SignExtended(Bits(bits), bits));
      sample_.time = Add(sample_.time, delta_);
      if (Bits(1) != 0) {
        if (Bits(1) != 0) {
          leading_ = static_cast<int>(Bits(6));
          const int length = static_cast<int>(Bits(6)) + 1;
          trailing_ = 64 - leading_ - length;
        }
        if (leading_ < 0 || trailing_ < 0) return false;
        value_ ^= Bits(64 - leading_ - trailing_) << trailing_;
      }
    }
    sample_.value = std::bit_cast<double>(value_);
    sample = sample_;
    return !failed_;
  }

 private:
  std::uint64_t Bits(int count) {
    std::uint64_t value = 0;
    while (count > 0) {
      const std::size_t byte = position_ / 8;
      if (byte >= bytes_.size()) {
        failed_ = true;
        return 0;
      }
      const int offset = static_cast<int>(position_ % 8);
      const int taken = std::min(count, 8 - offset);
      const auto piece = static_cast<unsigned>(bytes_[byte] >> (8 - offset - taken)) & ((1U << taken) - 1);
      value = (value << taken) | piece;
      position_ += static_cast<std::size_t>(taken);
      count -= taken;
    }
    return value;
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;  // in bits
  bool failed_ = false;
  bool first_ = true;
  Sample sample_;
  Millis delta_ = 0;
  std::uint64_t value_ = 0;
  int leading_ = -1;
  int trailing_ = 0;
};

}  // namespace

void Chunk::Read(Millis from, Millis to, std::vector<Sample>& out) const {
  if (count == 0 || first > to || last < from) return;
  Reader reader(*this);
  Sample sample;
  for (std::uint32_t i = 0; i < count && reader.Next(sample) && sample.time <= to; ++i) {
    if (sample.time >= from) out.push_back(sample);
  }
}

bool Chunk::IsSound() const {
  Reader reader(*this);
  Sample sample;
  Millis previous = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!reader.Next(sample)) return false;
    if (i == 0 ? sample.time != first : sample.time <= previous) return false;
    previous = sample.time;
  }
  return count > 0 && previous == last;
}

void ChunkWriter::WriteBits(std::uint64_t value, int bits) {
  while (bits > 0) {
    if (free_bits_ == 0) {
      chunk_.bytes.push_back(0);
      free_bits_ = 8;
    }
    const int written = std::min(bits, free_bits_);
    const auto piece = static_cast<unsigned>(value >> (bits - written)) & ((1U << written) - 1);
    chunk_.bytes.back() = static_cast<std::uint8_t>(chunk_.bytes.back() | (piece << (free_bits_ - written)));
    bits -= written;
    free_bits_ -= written;
  }
}

void ChunkWriter::WriteTime(Millis time) {
  const Millis delta = time - chunk_.last;
  const Millis change = delta - delta_;
  int kind = 0;
  while (!Fits(change, kTimeBits[static_cast<std::size_t>(kind)])) ++kind;
  for (int i = 0; i < kind; ++i) WriteBits(1, 1);
  if (kind + 1 < static_cast<int>(kTimeBits.size())) WriteBits(0, 1);
  WriteBits(static_cast<std::uint64_t>(change), kTimeBits[static_cast<std::size_t>(kind)]);
  delta_ = delta;
}

void ChunkWriter::WriteValue(std::uint64_t value) {
  const std::uint64_t difference = value ^ value_;
  value_ = value;
  if (difference == 0) {
    WriteBits(0, 1);
    return;
  }
  const int leading = std::countl_zero(difference);
  const int trailing = std::countr_zero(difference);
  // The last window again, while a new one would not be so much smaller that its 12 bits pay.
  const bool fits = leading_ >= 0 && leading >= leading_ && trailing >= trailing_;
  if (fits && (leading - leading_) + (trailing - trailing_) <= 12) {
    WriteBits(0b10, 2);
  } else {
    leading_ = leading;
    trailing_ = trailing;
    WriteBits(0b11, 2);
    WriteBits(static_cast<std::uint64_t>(leading), 6);
    WriteBits(static_cast<std::uint64_t>(64 - leading - trailing - 1), 6);
  }
  WriteBits(difference >> trailing_, 64 - leading_ - trailing_);
}

void ChunkWriter::Append(Sample sample) {
  const auto value = std::bit_cast<std::uint64_t>(sample.value);
  if (chunk_.count == 0) {
    chunk_.first = sample.time;
    WriteBits(static_cast<std::uint64_t>(sample.time), 64);
    WriteBits(value, 64);
    value_ = value;
  } else {
    WriteTime(sample.time);
    WriteValue(value);
  }
  chunk_.last = sample.time;
  ++chunk_.count;
}

std::shared_ptr<const Chunk> ChunkWriter::Take() {
  chunk_.bytes.shrink_to_fit();
  auto taken = std::make_shared<const Chunk>(std::move(chunk_));
  *this = ChunkWriter();
  return taken;
}

}  // namespace inferd::metrics
