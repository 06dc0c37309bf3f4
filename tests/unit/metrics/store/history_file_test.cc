#include "metrics/store/history_file.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace inferd::metrics {
namespace {

using ::testing::HasSubstr;

constexpr Millis kPeriod = 5000;

class HistoryFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "history_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ / "history";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static void Fill(History& history, int ticks = 500) {
    for (int tick = 0; tick < ticks; ++tick) {
      std::vector<SeriesValue> round;
      for (int i = 0; i < 5; ++i) round.push_back({{{"__name__", "m"}, {"i", std::to_string(i)}}, tick * 0.5 + i});
      history.Append(tick * kPeriod, round);
    }
  }
  static std::vector<Sample> ReadAll(const History& history) {
    const auto set = history.Select(std::vector{Matcher::Make(MatchKind::kEqual, "i", "3").value()}, 0, 1'000'000'000);
    std::vector<Sample> samples;
    for (std::size_t i = 0; i < set->size(); ++i) set->Read(i, 0, 1'000'000'000, samples);
    return samples;
  }
  std::string Content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Write(const std::string& content) const { std::ofstream(path_, std::ios::binary) << content; }

  // Restores from `content` and expects it to be refused and set aside.
  void ExpectSetAside(const std::string& content, const std::string& reason) {
    Write(content);
    History history({});
    const auto restored = RestoreHistory(history, path_, 500 * kPeriod);
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_THAT(restored->set_aside, HasSubstr(reason));
    EXPECT_EQ(history.status().series, 0U);
    EXPECT_FALSE(std::filesystem::exists(path_));
    EXPECT_TRUE(std::filesystem::exists(path_.string() + ".unreadable"));
    history.Append(0, std::vector<SeriesValue>{{{{"__name__", "m"}}, 1}});
    EXPECT_TRUE(SaveHistory(history, path_)) << "life goes on";
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(HistoryFile, ItsBytesCanBeHadWithoutAFile) {
  History history({});
  Fill(history);
  const auto bytes = HistoryBytes(history, 1U << 30U);
  ASSERT_TRUE(bytes);
  ASSERT_TRUE(SaveHistory(history, path_));
  EXPECT_EQ(*bytes, Content());
  EXPECT_TRUE(HistoryBytes(history, bytes->size()));
  EXPECT_FALSE(HistoryBytes(history, bytes->size() - 1));
  EXPECT_FALSE(HistoryBytes(history, 0));
}

TEST_F(HistoryFile, BringsEverythingBack) {
  History before({});
  Fill(before);
  ASSERT_TRUE(SaveHistory(before, path_));
  EXPECT_FALSE(std::filesystem::exists(path_.string() + ".new"));

  History after({});
  const auto restored = RestoreHistory(after, path_, 500 * kPeriod);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->set_aside, "");
  EXPECT_EQ(restored->series, 5U);
  EXPECT_EQ(restored->samples, 2500U);
  const auto samples = ReadAll(after);
  ASSERT_EQ(samples.size(), 500U);
  EXPECT_EQ(samples[499].value, 499 * 0.5 + 3);

  // It goes on where it was, and what does not come back has ended.
  for (const Millis tick : {600, 601}) after.Append(tick * kPeriod, std::vector<SeriesValue>{{{{"__name__", "m"}, {"i", "0"}}, 1}});
  const auto ended = ReadAll(after);
  ASSERT_EQ(ended.size(), 501U);
  EXPECT_TRUE(IsStale(ended.back().value));
}

TEST_F(HistoryFile, SavedAndRestoredAgainAndAgainStaysWhole) {
  for (int round = 0; round < 5; ++round) {
    History history({});
    ASSERT_TRUE(RestoreHistory(history, path_, 1'000 * kPeriod));
    EXPECT_EQ(ReadAll(history).size(), static_cast<std::size_t>(round));
    history.Append((round + 1) * kPeriod, std::vector<SeriesValue>{{{{"__name__", "m"}, {"i", "3"}}, 1}});
    ASSERT_TRUE(SaveHistory(history, path_));
  }
}

TEST_F(HistoryFile, WithoutAFileThereIsNothingToSay) {
  History history({});
  const auto restored = RestoreHistory(history, path_, 0);
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->set_aside, "");
  EXPECT_EQ(restored->series, 0U);
}

TEST_F(HistoryFile, LeavesOutWhatIsTooOldOrOfTheFuture) {
  History before({});
  Fill(before);
  ASSERT_TRUE(SaveHistory(before, path_));
  History later({.retention = 100 * kPeriod});
  ASSERT_TRUE(RestoreHistory(later, path_, 10'000 * kPeriod));
  EXPECT_EQ(later.status().samples, 0U);
  // The clock was set back: samples that lie ahead would keep out those that come.
  History earlier({});
  ASSERT_TRUE(RestoreHistory(earlier, path_, 300 * kPeriod));
  EXPECT_LE(ReadAll(earlier).back().time, 300 * kPeriod);
  EXPECT_GT(ReadAll(earlier).back().time, (300 - 240) * kPeriod) << "chunks go as a whole";
}

TEST_F(HistoryFile, ADamagedFileIsSetAside) {
  History before({});
  Fill(before, 50);
  ASSERT_TRUE(SaveHistory(before, path_));
  const std::string sound = Content();
  std::string changed = sound;
  changed[sound.size() / 2] ^= 1;
  ExpectSetAside(changed, "checksum");
  ExpectSetAside(sound.substr(0, sound.size() - 10), "ends inside record");
  ExpectSetAside(sound.substr(0, sound.size() - 4), "ends inside record");
  ExpectSetAside(sound + "x", "something behind its end");
  ExpectSetAside("", "no history file");
  ExpectSetAside("something else", "no history file");
  std::string older = sound;
  older[7] = '0';
  ExpectSetAside(older, "another version");
}

// Whatever bit is flipped, the answer is the whole history or none.
TEST_F(HistoryFile, NoDamageGoesUnnoticed) {
  History before({});
  Fill(before, 20);
  ASSERT_TRUE(SaveHistory(before, path_));
  const std::string sound = Content();
  for (std::size_t i = 0; i < sound.size(); i += 7) {
    std::string changed = sound;
    changed[i] ^= static_cast<char>(1 << (i % 8));
    Write(changed);
    History history({});
    const auto restored = RestoreHistory(history, path_, 500 * kPeriod);
    ASSERT_TRUE(restored);
    EXPECT_NE(restored->set_aside, "") << "byte " << i;
  }
}

TEST_F(HistoryFile, AFailedSaveLeavesTheOldFile) {
  History history({});
  Fill(history, 5);
  ASSERT_TRUE(SaveHistory(history, path_));
  const std::string sound = Content();
  std::filesystem::create_directory(path_.string() + ".new");  // nothing can be written there
  const auto saved = SaveHistory(history, path_);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, Code::kIo);
  EXPECT_EQ(Content(), sound);
  EXPECT_FALSE(SaveHistory(history, folder_ / "no such folder" / "history"));
}

}  // namespace
}  // namespace inferd::metrics
