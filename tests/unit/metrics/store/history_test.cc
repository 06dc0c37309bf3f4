#include "metrics/store/history.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace inferd::metrics {
namespace {

constexpr Millis kTick = 5000;

Labels Named(const std::string& name, int i) { return {{"__name__", name}, {"i", std::to_string(i)}}; }

std::vector<SeriesValue> Round(int series, double value) {
  std::vector<SeriesValue> round;
  for (int i = 0; i < series; ++i) round.push_back({Named("m", i), value});
  return round;
}

std::vector<Sample> ReadAll(const History& history, const Labels& labels, Millis from = 0, Millis to = 1'000'000'000'000) {
  std::vector<Matcher> matchers;
  for (const Label& label : labels.pairs()) matchers.push_back(Matcher::Make(MatchKind::kEqual, label.name, label.value).value());
  const auto set = history.Select(matchers, from, to);
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < set->size(); ++i) set->Read(i, from, to, samples);
  return samples;
}

TEST(History, GivesBackWhatWasAppended) {
  History history({});
  for (int tick = 0; tick < 1000; ++tick) history.Append(tick * kTick, Round(3, tick));
  const auto samples = ReadAll(history, Named("m", 1));
  ASSERT_EQ(samples.size(), 1000U);
  for (int tick = 0; tick < 1000; ++tick) {
    EXPECT_EQ(samples[static_cast<std::size_t>(tick)].time, tick * kTick);
    EXPECT_EQ(samples[static_cast<std::size_t>(tick)].value, tick);
  }
  EXPECT_EQ(ReadAll(history, Named("m", 1), 10 * kTick, 12 * kTick).size(), 3U);
  EXPECT_EQ(history.status().series, 3U);
  EXPECT_EQ(history.status().samples, 3000U);
}

TEST(History, SelectsByMatchersSortedByLabels) {
  History history({});
  history.Append(0, std::vector<SeriesValue>{{Named("b", 2), 1}, {Named("a", 1), 1}, {Named("b", 1), 1}, {Named("c", 3), 1}});
  history.Append(kTick, std::vector<SeriesValue>{{Named("b", 0), 1}});
  const std::vector<Matcher> matchers = {Matcher::Make(MatchKind::kRegex, "__name__", "a|b").value(),
                                         Matcher::Make(MatchKind::kNotEqual, "i", "2").value()};
  const auto set = history.Select(matchers, 0, kTick);
  ASSERT_EQ(set->size(), 3U);
  EXPECT_EQ(set->labels(0), Named("a", 1));
  EXPECT_EQ(set->labels(1), Named("b", 0));
  EXPECT_EQ(set->labels(2), Named("b", 1));
  EXPECT_EQ(history.Select(matchers, 2 * kTick, 3 * kTick)->size(), 0U);
}

TEST(History, WhatVanishesIsMarkedStaleOnce) {
  History history({});
  history.Append(0, Round(2, 1));
  history.Append(kTick, Round(1, 1));
  history.Append(2 * kTick, Round(1, 1));
  auto samples = ReadAll(history, Named("m", 1));
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_TRUE(IsStale(samples[1].value));
  EXPECT_EQ(samples[1].time, kTick);
  history.Append(3 * kTick, Round(2, 7));
  samples = ReadAll(history, Named("m", 1));
  ASSERT_EQ(samples.size(), 3U);
  EXPECT_EQ(samples[2].value, 7);
}

TEST(History, WhatIsAddedEndsByItsOwnMarker) {
  History history({});
  const auto add = [&](int tick, std::string name, double value) {
    history.Add(tick * kTick, std::vector<SeriesValue>{{Named(std::move(name), 0), value}});
  };
  for (int tick = 0; tick < 3; ++tick) {
    history.Append(tick * kTick, Round(1, 1));
    if (tick == 0) add(tick, "rule", 1);
  }
  EXPECT_EQ(ReadAll(history, Named("rule", 0)).size(), 1U) << "no scrape and no other rules end it";
  add(3, "rule", kStaleMarker);
  add(3, "rule", 5);
  add(3, "nobody", kStaleMarker);
  const auto ended = ReadAll(history, Named("rule", 0));
  ASSERT_EQ(ended.size(), 2U) << "the first holds";
  EXPECT_TRUE(IsStale(ended.back().value));
  EXPECT_FALSE(IsStale(ReadAll(history, Named("m", 0)).back().value));
  EXPECT_EQ(history.status().series, 2U) << "what never was does not end";
  EXPECT_EQ(history.status().late_samples, 1U);
  add(4, "rule", 1);
  add(4, "rule", kStaleMarker);
  EXPECT_EQ(ReadAll(history, Named("rule", 0)).size(), 3U) << "it goes on elsewhere";
  EXPECT_EQ(history.status().late_samples, 1U);
}

TEST(History, LeavesOutWhatComesLateOrTwice) {
  History history({});
  history.Append(kTick, std::vector<SeriesValue>{{Named("m", 0), 1}, {Named("m", 0), 2}});
  history.Append(kTick, Round(1, 3));
  history.Append(0, Round(1, 4));
  const auto samples = ReadAll(history, Named("m", 0), -kTick);
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_EQ(samples[0].value, 1);
  EXPECT_EQ(history.status().late_samples, 3U);
}

TEST(History, ForgetsWhatIsTooOld) {
  History history({.retention = 1000 * kTick});
  history.Append(0, std::vector<SeriesValue>{{Named("gone", 0), 1}});
  for (int tick = 1; tick <= 3000; ++tick) history.Append(tick * kTick, Round(2, tick));
  const auto samples = ReadAll(history, Named("m", 0));
  EXPECT_GE(samples.size(), 1000U);
  EXPECT_LE(samples.size(), 1000U + 240U);  // chunks go as a whole
  EXPECT_EQ(samples.back().value, 3000);
  EXPECT_TRUE(ReadAll(history, Named("gone", 0)).empty());
  EXPECT_EQ(history.status().series, 2U) << "a series that ended is forgotten with its last sample";
  EXPECT_EQ(history.status().samples, samples.size() + ReadAll(history, Named("m", 1)).size());
}

TEST(History, SeriesThatBeginTogetherSealTheirChunksInDifferentRounds) {
  constexpr std::size_t kSeries = 480;
  History history({.retention = 300 * kTick});
  std::vector<std::uint64_t> left;
  for (int tick = 0; tick < 900; ++tick) {
    const std::uint64_t before = history.status().samples;
    history.Append(tick * kTick, Round(kSeries, tick));
    left.push_back(before + kSeries - history.status().samples);
  }
  // Chunks leave as they were sealed: were it in one round, all 480 of them would go at once, 240 samples each.
  EXPECT_GT(*std::ranges::max_element(left), 0U);
  EXPECT_LT(*std::ranges::max_element(left), kSeries * 240 / 10);
}

TEST(History, KeepsWithinItsBytes) {
  constexpr std::size_t kBytes = 200'000;
  History history({.retention = 1'000'000 * kTick, .max_bytes = kBytes});
  for (int tick = 0; tick < 10'000; ++tick) {
    std::vector<SeriesValue> round;
    for (int i = 0; i < 10; ++i) round.push_back({Named("noise", i), 1.0 / (tick * 7 % 1009 + i + 1)});
    history.Append(tick * kTick, round);
    ASSERT_LE(history.status().bytes, kBytes + 10 * 10 * 240);  // what is still being written
  }
  const auto samples = ReadAll(history, Named("noise", 3));
  EXPECT_GT(samples.size(), 1000U);
  EXPECT_LT(samples.size(), 10'000U);
  EXPECT_EQ(samples.back().time, 9'999 * kTick) << "the oldest goes first";
}

TEST(History, RefusesMoreSeriesThanItMayHave) {
  History history({.max_series = 10});
  history.Append(0, Round(15, 1));
  EXPECT_EQ(history.status().series, 10U);
  EXPECT_EQ(history.status().refused_series, 5U);
}

TEST(History, ASelectionStaysAsItWas) {
  History history({.retention = 300 * kTick});
  history.Append(0, Round(1, 1));
  const std::vector<Matcher> matchers = {Matcher::Make(MatchKind::kEqual, "__name__", "m").value()};
  const auto set = history.Select(matchers, 0, 10'000 * kTick);
  for (int tick = 1; tick < 5000; ++tick) history.Append(tick * kTick, Round(1, tick));
  std::vector<Sample> samples;
  set->Read(0, 0, 10'000 * kTick, samples);
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_EQ(samples[0].value, 1);
}

// Under a sanitizer this is what shows that readers and the writer share nothing by accident.
TEST(History, IsReadWhileItIsWritten) {
  History history({.retention = 500 * kTick});
  std::atomic<bool> done{false};
  std::atomic<int> reads{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      do {
        const auto samples = ReadAll(history, Named("m", 1));
        for (std::size_t i = 1; i < samples.size(); ++i) {
          ASSERT_LT(samples[i - 1].time, samples[i].time);
          ASSERT_EQ(samples[i].value * kTick, static_cast<double>(samples[i].time));
        }
        static_cast<void>(history.Snapshot());
        static_cast<void>(history.status());
        ++reads;
      } while (!done);
    });
  }
  for (int tick = 0; tick < 3000 || reads < 4; ++tick) {
    auto round = Round(20, tick);
    round.push_back({Named("come and go", tick / 100), 1});
    history.Append(tick * kTick, round);
  }
  done = true;
  for (auto& reader : readers) reader.join();
}

}  // namespace
}  // namespace inferd::metrics
