// How samples are asked for, whoever keeps them. Times are milliseconds since 1970 (UTC), as Prometheus counts them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "metrics/series/labels.h"
#include "metrics/series/matcher.h"

namespace inferd::metrics {

using Millis = std::int64_t;

struct Sample {
  Millis time = 0;
  double value = 0;
};

// The value that says "this series has ended here": a NaN of its own bits, the ones that Prometheus uses.
inline constexpr std::uint64_t kStaleBits = 0x7ff0000000000002ULL;
inline const double kStaleMarker = std::bit_cast<double>(kStaleBits);
inline bool IsStale(double value) { return std::bit_cast<std::uint64_t>(value) == kStaleBits; }

// What a selection found: an unchanging view. Safe to read from any thread; keeps alive what it reads from.
class SeriesSet {
 public:
  virtual ~SeriesSet() = default;
  virtual std::size_t size() const = 0;
  virtual const Labels& labels(std::size_t series) const = 0;
  // Appends the samples of one series with from <= time <= to, in rising order of time, stale markers included.
  virtual void Read(std::size_t series, Millis from, Millis to, std::vector<Sample>& out) const = 0;
};

// Thread-safe.
class Querier {
 public:
  virtual ~Querier() = default;
  // Every series that meets all matchers and may have samples in [from, to], each once, sorted by labels.
  virtual std::unique_ptr<SeriesSet> Select(std::span<const Matcher> matchers, Millis from, Millis to) const = 0;
};

}  // namespace inferd::metrics
