// Samples of one series, compressed as in Pelkonen et al., Gorilla: A Fast, Scalable, In-Memory Time Series Database (VLDB 2015): the time
// as the change of the distance to the sample before, the value as the bits that differ from the value before. Every bit pattern of a
// double comes back, stale markers too.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "metrics/series/querier.h"

namespace inferd::metrics {

// An unchanging stretch of samples. Safe to read from any thread.
struct Chunk {
  Millis first = 0;
  Millis last = 0;
  std::uint32_t count = 0;
  std::vector<std::uint8_t> bytes;

  // Appends the samples with from <= time <= to. Bytes that are damaged end the reading early; they never lead outside of the buffer.
  void Read(Millis from, Millis to, std::vector<Sample>& out) const;

  // Whether exactly `count` samples can be read, with rising times from `first` to `last`.
  bool IsSound() const;
};

// Writes a chunk sample by sample. Not thread-safe.
class ChunkWriter {
 public:
  // Requires a time after the last one.
  void Append(Sample sample);
  std::uint32_t count() const { return chunk_.count; }
  Millis last() const { return chunk_.last; }
  std::size_t bytes() const { return chunk_.bytes.size(); }
  // What has been written so far.
  Chunk Copy() const { return chunk_; }
  // The finished chunk; the writer starts anew.
  std::shared_ptr<const Chunk> Take();

 private:
  void WriteBits(std::uint64_t value, int bits);
  void WriteTime(Millis time);
  void WriteValue(std::uint64_t value);

  Chunk chunk_;
  int free_bits_ = 0;  // of the last byte
  Millis delta_ = 0;
  std::uint64_t value_ = 0;
  int leading_ = -1;  // zero bits around the last difference; -1: none yet
  int trailing_ = 0;
};

}  // namespace inferd::metrics
