#include "metrics/store/chunk.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace inferd::metrics {
namespace {

constexpr Millis kFirst = std::numeric_limits<Millis>::min();
constexpr Millis kLast = std::numeric_limits<Millis>::max();

Chunk Compressed(const std::vector<Sample>& samples) {
  ChunkWriter writer;
  for (const Sample& sample : samples) writer.Append(sample);
  return writer.Copy();
}

void ExpectSame(const std::vector<Sample>& wanted, const std::vector<Sample>& got) {
  ASSERT_EQ(wanted.size(), got.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_EQ(wanted[i].time, got[i].time) << i;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(wanted[i].value), std::bit_cast<std::uint64_t>(got[i].value)) << i;
  }
}

void ExpectRoundTrip(const std::vector<Sample>& samples) {
  const Chunk chunk = Compressed(samples);
  EXPECT_TRUE(chunk.IsSound());
  EXPECT_EQ(chunk.count, samples.size());
  std::vector<Sample> read;
  chunk.Read(kFirst, kLast, read);
  ExpectSame(samples, read);
}

TEST(Chunk, GivesBackEveryBit) {
  const double denormal = std::numeric_limits<double>::denorm_min();
  const double infinity = std::numeric_limits<double>::infinity();
  ExpectRoundTrip({{5, 1}});
  ExpectRoundTrip({{0, 0.0}, {1, -0.0}, {2, denormal}, {3, infinity}, {4, -infinity}, {5, std::nan("")}, {6, kStaleMarker}, {7, 0.1}});
  ExpectRoundTrip({{-1'000'000'000'000, 1}, {0, 2}, {1, 3}, {4'000'000'000'000, 4}, {4'000'000'000'001, 4}});
  ExpectRoundTrip({{0, std::bit_cast<double>(~std::uint64_t{0})}, {1, 0}, {2, std::bit_cast<double>(~std::uint64_t{0})}});
}

TEST(Chunk, GivesBackRandomSamples) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Sample> samples;
    Millis time = static_cast<Millis>(random() % 2'000'000'000'000);
    double value = 0;
    const std::uint64_t time_bits = random() % 40;
    for (int i = 0; i < 300; ++i) {
      time += 1 + static_cast<Millis>(random() & ((std::uint64_t{1} << time_bits) - 1));
      switch (random() % 4) {
        case 0: break;
        case 1: value += static_cast<double>(random() % 100); break;
        case 2: value = std::bit_cast<double>(random()); break;
        default: value *= 1.001;
      }
      samples.push_back({time, value});
    }
    ExpectRoundTrip(samples);
  }
}

TEST(Chunk, ReadsARange) {
  const Chunk chunk = Compressed({{10, 1}, {20, 2}, {30, 3}, {40, 4}});
  std::vector<Sample> read;
  chunk.Read(20, 30, read);
  ExpectSame({{20, 2}, {30, 3}}, read);
  read.clear();
  chunk.Read(41, 100, read);
  chunk.Read(0, 9, read);
  chunk.Read(21, 29, read);
  EXPECT_TRUE(read.empty());
}

TEST(Chunk, DamagedBytesAreNoticedAndHarmless) {
  std::vector<Sample> samples;
  for (int i = 0; i < 100; ++i) samples.push_back({i * 5000 + i % 3, i * 0.37});
  const Chunk sound = Compressed(samples);
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    Chunk damaged = sound;
    damaged.bytes[random() % damaged.bytes.size()] ^= static_cast<std::uint8_t>(1U << (random() % 8));
    if (round % 2 == 0) damaged.bytes.resize(random() % damaged.bytes.size());
    std::vector<Sample> read;
    damaged.Read(kFirst, kLast, read);
    EXPECT_LE(read.size(), samples.size());
    static_cast<void>(damaged.IsSound());
  }
  Chunk cut = sound;
  cut.bytes.resize(cut.bytes.size() / 2);
  EXPECT_FALSE(cut.IsSound());
  Chunk wrong_end = sound;
  wrong_end.last += 1;
  EXPECT_FALSE(wrong_end.IsSound());
}

// A scrape's shares: most series stand still, counters move by whole numbers, a few values are noise; the ticker is off by a millisecond.
TEST(Chunk, TakesAtMostTwoBytesASampleOfAUsualScrape) {
  std::mt19937 random(1);
  std::size_t bytes = 0;
  std::size_t samples = 0;
  for (int series = 0; series < 100; ++series) {
    ChunkWriter writer;
    double value = static_cast<double>(random() % 1000);
    for (int i = 0; i < 240; ++i) {
      if (series >= 60 && series < 90) value += static_cast<double>(random() % 20);
      if (series >= 90) value = static_cast<double>(random() % 10'000) / 10'000;
      writer.Append({1'700'000'000'000 + i * 5000 + static_cast<Millis>(random() % 2), value});
    }
    bytes += writer.bytes();
    samples += writer.count();
  }
  EXPECT_LE(static_cast<double>(bytes) / static_cast<double>(samples), 2.0);
}

TEST(ChunkWriter, StartsAnew) {
  ChunkWriter writer;
  writer.Append({1, 1});
  const auto first = writer.Take();
  EXPECT_EQ(first->count, 1U);
  EXPECT_EQ(writer.count(), 0U);
  writer.Append({2, 2});
  writer.Append({3, 2});
  std::vector<Sample> read;
  writer.Copy().Read(kFirst, kLast, read);
  ExpectSame({{2, 2}, {3, 2}}, read);
}

}  // namespace
}  // namespace inferd::metrics
