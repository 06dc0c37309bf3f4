#include "alerts/notify/silences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/fakes/manual_clock.h"

namespace inferd::alerts {
namespace {

using nlohmann::json;
using std::chrono::hours;
using ::testing::HasSubstr;

class SilencesTest : public ::testing::Test {
 protected:
  SilencesTest()
      : folder_(std::filesystem::temp_directory_path() / ("inferd-silences-test-" + std::to_string(::getpid()))),
        file_((folder_ / "silences.json").string()) {
    std::filesystem::create_directories(folder_);
  }
  ~SilencesTest() override { std::filesystem::remove_all(folder_); }

  Silence Make(const std::vector<std::string>& matchers, Duration begin = {}, Duration length = hours(1)) const {
    Silence silence;
    for (const std::string& text : matchers) silence.matchers.push_back(ParseMatcher(text).value());
    silence.starts_at = clock_.WallNow() + begin;
    silence.ends_at = silence.starts_at + length;
    silence.created_by = "ops";
    silence.comment = "why \"not\"";
    return silence;
  }
  std::string WhyNot(Silence silence) {
    const auto id = silences_.Set(std::move(silence));
    return id ? "" : id.error().message;
  }

  const std::filesystem::path folder_;
  const std::string file_;
  ManualClock clock_;
  Silences silences_{clock_, file_};
  const metrics::Labels labels_{{"alertname", "A"}, {"gpu", "0"}};
};

TEST_F(SilencesTest, HoldsWhileItLasts) {
  ASSERT_TRUE(silences_.Set(Make({"alertname=A", "gpu=~\"0|1\"", "model!=b", "x!~y.*"}, hours(1))));
  EXPECT_FALSE(silences_.Silenced(labels_)) << "it begins later";
  EXPECT_EQ(SilenceStateName(silences_.List()[0], clock_.WallNow()), "pending");
  clock_.Advance(hours(1));
  EXPECT_TRUE(silences_.Silenced(labels_));
  EXPECT_EQ(SilenceStateName(silences_.List()[0], clock_.WallNow()), "active");
  EXPECT_FALSE(silences_.Silenced(labels_.With("gpu", "2")));
  EXPECT_FALSE(silences_.Silenced(labels_.With("model", "b")));
  EXPECT_FALSE(silences_.Silenced(labels_.With("x", "yy")));
  clock_.Advance(hours(1));
  EXPECT_FALSE(silences_.Silenced(labels_)) << "it is over";
  EXPECT_EQ(SilenceStateName(silences_.List()[0], clock_.WallNow()), "expired");
}

TEST_F(SilencesTest, OutlivesARestart) {
  const std::string id = silences_.Set(Make({"alertname=A"})).value();
  Silences again(clock_, file_);
  ASSERT_TRUE(again.Load());
  ASSERT_EQ(again.List().size(), 1U);
  const Silence silence = again.Find(id).value();
  EXPECT_EQ(silence.comment, "why \"not\"");
  EXPECT_EQ(silence.created_by, "ops");
  EXPECT_TRUE(again.Silenced(labels_));
  EXPECT_EQ(silence.ends_at, clock_.WallNow() + hours(1));
  EXPECT_FALSE(std::filesystem::exists(file_ + ".new"));
}

TEST_F(SilencesTest, ADamagedFileIsSetAside) {
  for (const std::string& text :
       {std::string("{"), std::string("[{}]"), std::string("[1]"), std::string(100'000, '['), std::string("\0\0", 2)}) {
    std::ofstream(file_, std::ios::binary) << text;
    Silences again(clock_, file_);
    const auto loaded = again.Load();
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().message, HasSubstr("silences.json.damaged"));
    EXPECT_FALSE(std::filesystem::exists(file_));
    EXPECT_TRUE(again.Set(Make({"a=b"}))) << "everything works without it";
    std::filesystem::remove(file_);
  }
  Silences fresh(clock_, file_);
  EXPECT_TRUE(fresh.Load()) << "there need not be one";
}

TEST_F(SilencesTest, WhatCannotBeKeptChangesNothing) {
  Silences lost(clock_, (folder_ / "no" / "such" / "folder").string());
  const auto id = lost.Set(Make({"a=b"}));
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, Code::kIo);
  EXPECT_TRUE(lost.List().empty());
}

TEST_F(SilencesTest, CanBeChangedAndEnded) {
  Silence silence = Make({"alertname=A"});
  silence.id = silences_.Set(silence).value();
  silence.comment = "longer";
  EXPECT_EQ(silences_.Set(silence), silence.id);
  ASSERT_EQ(silences_.List().size(), 1U);
  EXPECT_EQ(silences_.List()[0].comment, "longer");
  ASSERT_TRUE(silences_.Expire(silence.id));
  EXPECT_FALSE(silences_.Silenced(labels_));
  EXPECT_EQ(silences_.Expire(silence.id).error().code, Code::kNotFound) << "it is over already";
  const auto next = silences_.Set(silence);
  ASSERT_TRUE(next);
  EXPECT_NE(*next, silence.id) << "what is over does not come back: a new one follows";
  silence.id = "unknown";
  EXPECT_EQ(silences_.Set(silence).error().code, Code::kNotFound);
  Silence later = Make({"alertname=A"}, hours(5));
  const std::string id = silences_.Set(later).value();
  ASSERT_TRUE(silences_.Expire(id));
  EXPECT_EQ(SilenceStateName(silences_.Find(id).value(), clock_.WallNow()), "expired");
}

TEST_F(SilencesTest, SaysWhatIsWrong) {
  EXPECT_THAT(WhyNot(Make({})), HasSubstr("at least one matcher"));
  EXPECT_THAT(WhyNot(Make({"a=~.*"})), HasSubstr("everything would be silenced"));
  EXPECT_THAT(WhyNot(Make({"a!=b"})), HasSubstr("everything would be silenced"));
  EXPECT_THAT(WhyNot(Make({"a=b"}, {}, -hours(1))), HasSubstr("endsAt must be after startsAt"));
  EXPECT_THAT(WhyNot(Make({"a=b"}, -hours(2))), HasSubstr("over already"));
  EXPECT_THAT(WhyNot(Make(std::vector<std::string>(33, "a=b"))), HasSubstr("at most 32"));
  Silence silence = Make({"a=b"});
  silence.comment = std::string(5000, 'x');
  EXPECT_THAT(WhyNot(silence), HasSubstr("too long"));
}

TEST_F(SilencesTest, ThereIsABoundAndOldOnesGo) {
  Silences many(clock_, "");
  for (std::size_t i = 0; i < kMaxSilences; ++i) ASSERT_TRUE(many.Set(Make({"a=b"}))) << i;
  EXPECT_EQ(many.Set(Make({"a=b"})).error().code, Code::kResourceExhausted);
  clock_.Advance(hours(2));
  EXPECT_TRUE(many.Set(Make({"a=b"}))) << "the others are over";
  EXPECT_EQ(many.List().size(), kMaxSilences + 1);
  clock_.Advance(kSilenceRetention);
  ASSERT_TRUE(many.Set(Make({"a=b"})));
  EXPECT_EQ(many.List().size(), 2U);
}

TEST(Matchers, AreRead) {
  const auto text = [](std::string_view t) {
    const auto matcher = ParseMatcher(t);
    return matcher ? matcher->name() + "|" + std::string(metrics::MatchKindName(matcher->kind())) + "|" + matcher->value() : "";
  };
  EXPECT_EQ(text("a=b"), "a|=|b");
  EXPECT_EQ(text("a=\"b c\""), "a|=|b c");
  EXPECT_EQ(text(R"(a="x\"y\\z")"), "a|=|x\"y\\z");
  EXPECT_EQ(text("a!=b"), "a|!=|b");
  EXPECT_EQ(text("a=~b.*"), "a|=~|b.*");
  EXPECT_EQ(text("a!~b=c"), "a|!~|b=c");
  EXPECT_EQ(text("a="), "a|=|");
  for (const char* bad : {"", "a", "=b", "a!b", "a b=c", "a=~(", "1a=b", "!"}) EXPECT_FALSE(ParseMatcher(bad)) << bad;
}

TEST_F(SilencesTest, AlertmanagersShape) {
  const std::string id = silences_.Set(Make({"alertname=A", "gpu!~1.*"})).value();
  const json all = json::parse(SilencesJson(silences_.List(), clock_.WallNow()));
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]["id"], id);
  EXPECT_EQ(all[0]["status"]["state"], "active");
  EXPECT_EQ(all[0]["matchers"][1], (json{{"name", "gpu"}, {"value", "1.*"}, {"isRegex", true}, {"isEqual", false}}));
  EXPECT_EQ(all[0]["createdBy"], "ops");
  EXPECT_EQ(ParseSilenceJson(SilenceJson(silences_.List()[0], clock_.WallNow())).value().id, id);

  const std::string good =
      R"({"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2020-01-01T01:00:00.000Z","createdBy":"me","comment":""})";
  ASSERT_TRUE(ParseSilenceJson(good));
  EXPECT_EQ(ParseSilenceJson(good)->matchers[0].kind(), metrics::MatchKind::kEqual) << "isEqual is true when it is left out";
  const auto why = [&](const std::string& key, const json& value) {
    json changed = json::parse(good);
    if (value.is_discarded()) {
      changed.erase(key);
    } else {
      changed[key] = value;
    }
    return ParseSilenceJson(changed.dump()).error().message;
  };
  const json gone(json::value_t::discarded);
  EXPECT_EQ(why("comment", gone), "comment is missing");
  EXPECT_EQ(why("createdBy", 5), "createdBy must be a text");
  EXPECT_EQ(why("startsAt", "today"), "startsAt is not a time such as 2026-01-31T12:00:00Z");
  EXPECT_EQ(why("matchers", "a=b"), "matchers must be an array");
  EXPECT_EQ(why("matchers", json::array({json{{"name", "a"}}})), "value is missing");
  EXPECT_THAT(why("matchers", json::array({json{{"name", "a"}, {"value", "("}, {"isRegex", true}}})), HasSubstr("("));
  EXPECT_EQ(ParseSilenceJson("{\"a\":").error().message, "the body is not valid JSON");
}

}  // namespace
}  // namespace inferd::alerts
