// From an event to a line: JSON, text for terminals, journal fields; and the table of events itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <string>

#include "logging/json.h"
#include "runtime/base/utf8.h"
#include "tests/unit/logging/lines.h"

namespace inferd::logging {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(JsonLine, HoldsWhatEveryLineHasAndTheEventsOwnFields) {
  const json line = json::parse(
      JsonOf(Sample{.text = "hello", .integer = -3, .number = 2.5, .yes = false, .wait = Duration(1'234'567'890), .maybe = {}, .count = 12},
             {.request_id = "req-1", .trace_id = "0af7651916cd43dd8448eb211c80319c", .model = "demo"}));
  EXPECT_EQ(line["time"], "2026-11-22T04:50:00.123456Z");
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["event"], "sample");
  EXPECT_EQ(line["component"], "daemon");
  EXPECT_EQ(line["seq"], 1);
  EXPECT_EQ(line["message"], "sample hello");  // and nothing of the field without a value
  EXPECT_EQ(line["request_id"], "req-1");
  EXPECT_EQ(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(line["model"], "demo");
  EXPECT_EQ(line["integer"], -3);
  EXPECT_EQ(line["number"], 2.5);
  EXPECT_EQ(line["yes"], false);
  EXPECT_EQ(line["wait_seconds"], 1.234568);
  EXPECT_EQ(line["count"], 12);
  EXPECT_FALSE(line.contains("maybe"));
}

TEST(JsonLine, LeavesOutWhatALineIsNotAbout) {
  const json line = json::parse(JsonOf(Sample{.text = "x", .maybe = "y", .count = {}}));
  EXPECT_FALSE(line.contains("request_id"));
  EXPECT_FALSE(line.contains("model"));
  EXPECT_FALSE(line.contains("count"));
  EXPECT_EQ(line["message"], "sample x, maybe y");
}

TEST(JsonLine, AnAlertWithoutASeverityFiresAllTheSame) {
  EXPECT_EQ(json::parse(JsonOf(AlertFires{.alertname = "Hot", .severity = "page", .summary = "in the attic", .labels = "{}"}))["message"],
            "alert Hot fires: in the attic, severity page");
  EXPECT_EQ(json::parse(JsonOf(AlertFires{.alertname = "Hot", .summary = "in the attic", .labels = "{}"}))["message"],
            "alert Hot fires: in the attic");
  EXPECT_EQ(json::parse(JsonOf(AlertResolved{.alertname = "Hot", .labels = "{}"}))["message"], "alert Hot is resolved: {}");
}

TEST(JsonLine, ANoteDoesNotSayItsTextTwice) {
  const json line = json::parse(JsonOf(Note{.text = "once"}));
  EXPECT_EQ(line["message"], "once");
  EXPECT_FALSE(line.contains("text"));
}

TEST(JsonLine, AnyBytesStayOneLineOfValidJson) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (std::size_t n = random() % 40; n > 0; --n) bytes += static_cast<char>(random() % 256);
    const std::string line = JsonOf(Note{.text = bytes}, {.request_id = bytes, .model = bytes});
    EXPECT_THAT(line, Not(HasSubstr("\n")));
    EXPECT_TRUE(IsValidUtf8(line));
    const json parsed = json::parse(line, nullptr, false);
    ASSERT_FALSE(parsed.is_discarded()) << line;
    EXPECT_EQ(parsed["message"], ReplaceInvalidUtf8(bytes));
  }
}

TEST(JsonLine, EscapesWhatReadersStumbleOver) {
  const std::string line = JsonOf(Note{.text = "a\"b\\c\x01\x1b[31m\x7f\n\xE2\x80\xA8\xE2\x80\xA9\xC2\x85 \xFF\xC3 \xF0\x9F\x99\x82 é"});
  EXPECT_THAT(line, HasSubstr("a\\\"b\\\\c\\u0001\\u001b[31m\\u007f\\n\\u2028\\u2029\\u0085 \\ufffd\\ufffd \xF0\x9F\x99\x82 é"));
}

TEST(JsonLine, NumbersThatJsonCannotSayAreNull) {
  EXPECT_TRUE(json::parse(JsonOf(Sample{.text = "", .number = std::nan("")}))["number"].is_null());
  EXPECT_TRUE(json::parse(JsonOf(Sample{.text = "", .number = std::numeric_limits<double>::infinity()}))["number"].is_null());
  EXPECT_EQ(json::parse(JsonOf(Sample{.text = "", .number = 1e300}))["number"], 1e300);
}

TEST(JsonLine, CutsAVeryLongTextAtACodePoint) {
  std::string text(kMaxText - 1, 'x');
  text += "é and more";
  const std::string said = json::parse(JsonOf(Note{.text = text}))["message"];
  EXPECT_EQ(said, std::string(kMaxText - 1, 'x') + "...");
}

TEST(JsonLine, CountsOverTheSignedRangeStayAtItsEnd) {
  const json line = json::parse(JsonOf(Sample{.text = "", .count = std::numeric_limits<std::uint64_t>::max()}));
  EXPECT_EQ(line["count"], std::numeric_limits<std::int64_t>::max());
}

TEST(TimeText, CoversLeapDaysAndBeforeTheEpoch) {
  const auto text = [](std::int64_t s, std::int64_t ns = 0) {
    std::string out;
    AppendTime(WallTime(std::chrono::seconds(s)) + Duration(ns), out);
    return out;
  };
  EXPECT_EQ(text(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(text(951'782'400), "2000-02-29T00:00:00.000000Z");
  EXPECT_EQ(text(4'107'542'399, 999'999'999), "2100-02-28T23:59:59.999999Z");
  EXPECT_EQ(text(-1), "1969-12-31T23:59:59.000000Z");
}

TEST(TextLine, ShowsMessageAndTheRest) {
  EXPECT_EQ(TextOf(Sample{.text = "hello", .integer = 3, .count = 4}, false, {.request_id = "req-1", .model = "demo"}),
            "04:50:00.123 info     sample hello request_id=req-1 model=demo integer=3 number=0.5 yes=true wait_seconds=0.000000 count=4");
}

TEST(TextLine, CannotBeTurnedRound) {
  for (const char* turn : {"\u202A", "\u202E", "\u2066", "\u2069"}) {
    const std::string text = TextOf(RequestEnded{.method = "GET", .path = "/gpj" + std::string(turn) + "exe", .status = 404}, false);
    EXPECT_THAT(text, Not(HasSubstr(turn)));
    EXPECT_THAT(text, HasSubstr("gpj\xEF\xBF\xBD"
                                "exe"));
  }
}

TEST(TextLine, IsPaintedOnlyWhenAsked) {
  EXPECT_THAT(TextOf(Note{.text = "x"}, true), HasSubstr("\x1b[32minfo\x1b[0m"));
  EXPECT_THAT(TextOf(Note{.text = "x"}, false), Not(HasSubstr("\x1b")));
}

TEST(TextLine, WhatAClientSentCannotDriveTheTerminalOrLookLikeAField) {
  const std::string line =
      TextOf(RequestEnded{.method = "GET", .path = "/\x1b]0;x\x07\nfake", .status = 404, .user = "a b=\"c\"", .client = "1.2.3.4"});
  EXPECT_THAT(line, Not(HasSubstr("\x1b")));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  EXPECT_THAT(line, HasSubstr("GET /\\x1b]0;x\\x07\\x0afake 404"));
  EXPECT_THAT(line, HasSubstr(" user=\"a b='c'\""));
}

TEST(Journal, FieldsAreNamedForJournalctl) {
  std::string bytes;
  const auto fields =
      JournalFields(MakeLine(ReloadRefused{.fault = "x.yaml:3:1: no"}, bytes, {.request_id = "r", .trace_id = "t", .model = "m"}));
  EXPECT_THAT(fields, Contains("MESSAGE=reload refused, the running configuration stays: x.yaml:3:1: no"));
  EXPECT_THAT(fields, Contains("PRIORITY=3"));
  EXPECT_THAT(fields, Contains("SYSLOG_IDENTIFIER=inferd"));
  EXPECT_THAT(fields, Contains("EVENT=reload_refused"));
  EXPECT_THAT(fields, Contains("COMPONENT=config"));
  EXPECT_THAT(fields, Contains("MESSAGE_ID=" + std::string(ReloadRefused::kType.message_id)));
  EXPECT_THAT(fields, Contains("REQUEST_ID=r"));
  EXPECT_THAT(fields, Contains("TRACE_ID=t"));
  EXPECT_THAT(fields, Contains("MODEL=m"));
  EXPECT_THAT(fields, Contains("INFERD_FAULT=x.yaml:3:1: no"));
}

TEST(Decode, RefusesWhatIsNotOurs) {
  Line line;
  EXPECT_FALSE(Decode("", line));
  EXPECT_FALSE(Decode("some text of a library", line));
  std::string bytes;
  Encode(Note{.text = "cut"}, 1, {}, bytes);
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(Decode(std::string_view(bytes).substr(0, n), line));
}

// docs/LOGS.md and every reader of the logs build on these.
TEST(Events, AreNamedSoundly) {
  const std::set<std::string_view> taken{"time", "level", "event", "message", "component", "seq", "request_id", "trace_id", "model"};
  std::set<std::string_view> names, ids;
  for (const EventInfo* info : AllEvents::kInfos) {
    const EventType& type = info->type;
    EXPECT_TRUE(names.insert(type.name).second) << type.name << " is there twice";
    EXPECT_TRUE(std::ranges::all_of(type.name, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; })) << type.name;
    EXPECT_FALSE(type.help.empty()) << type.name;
    EXPECT_TRUE(type.help.ends_with('.')) << type.name;
    if (!type.message_id.empty()) {
      EXPECT_EQ(type.message_id.size(), 32U) << type.name;
      EXPECT_TRUE(ids.insert(type.message_id).second) << type.name;
    }
    std::set<std::string_view> fields;
    for (const FieldInfo& field : info->fields) {
      EXPECT_TRUE(fields.insert(field.name).second) << type.name << " " << field.name;
      EXPECT_FALSE(taken.contains(field.name)) << type.name << " " << field.name;
      EXPECT_TRUE(field.help.ends_with('.')) << type.name << " " << field.name;
      EXPECT_EQ(field.type == FieldType::kSeconds, field.name.ends_with("_seconds")) << type.name << " " << field.name;
    }
    // Each {field} of the message exists.
    for (std::size_t at = type.message.find('{'); at != std::string_view::npos; at = type.message.find('{', at + 1)) {
      const std::string_view name = type.message.substr(at + 1, type.message.find('}', at) - at - 1);
      EXPECT_TRUE(name == "model" || fields.contains(name)) << type.name << ": {" << name << "}";
    }
  }
}

TEST(Events, TheirPageIsUpToDate) {
  EXPECT_EQ(ReadFile(INFERD_SOURCE_DIR "/docs/LOGS.md"), LogsMarkdown()) << "build/dev/logging/logs_doc > docs/LOGS.md";
}

}  // namespace
}  // namespace inferd::logging
