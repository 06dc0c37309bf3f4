#include "alerts/notify/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "alerts/notify/channels.h"
#include "tests/unit/alerts/notify/alerts.h"

namespace inferd::alerts {
namespace {

using nlohmann::json;
using ::testing::Contains;

TEST(Payload, Times) {
  const WallTime time = WallTime(std::chrono::seconds(1'577'836'800) + std::chrono::milliseconds(7));
  EXPECT_EQ(Rfc3339(time), "2020-01-01T00:00:00.007Z");
  EXPECT_EQ(Rfc3339(WallTime(Duration(-1))), "1969-12-31T23:59:59.999Z");
  for (const char* same :
       {"2020-01-01T00:00:00.007Z", "2020-01-01T00:00:00.007000000Z", "2020-01-01t02:30:00.007+02:30", "2019-12-31T23:00:00.007-01:00"}) {
    EXPECT_EQ(ParseRfc3339(same), time) << same;
  }
  for (const char* bad : {"", "2020-01-01", "2020-01-01T00:00:00", "2020-13-01T00:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01T00:00:00.Z",
                          "2020-01-01T00:00:00+2", "2020-01-01T00:00:00Zx", "0001-01-01T00:00:00Z", "2020-01-01T00:00:00+99:00"}) {
    EXPECT_FALSE(ParseRfc3339(bad)) << bad;
  }
}

TEST(Payload, AlertmanagerGetsPlainAlerts) {
  std::vector<Notification> alerts{Alert("A", "a"), Resolved("B", "b")};
  alerts[0].ends_at = alerts[0].starts_at + std::chrono::minutes(4);
  const json body = json::parse(AlertmanagerAlerts(alerts));
  ASSERT_EQ(body.size(), 2U);
  EXPECT_EQ(body[0]["labels"], (json{{"alertname", "A"}, {"instance", "a"}, {"severity", "critical"}}));
  EXPECT_EQ(body[0]["annotations"]["summary"], "A on a");
  EXPECT_EQ(body[0]["startsAt"], "2020-01-01T00:00:00.000Z");
  EXPECT_EQ(body[0]["endsAt"], "2020-01-01T00:04:00.000Z");
  EXPECT_EQ(body[0]["generatorURL"], "http://here/graph");
  EXPECT_EQ(body[1]["endsAt"], "2020-01-01T00:05:00.000Z");
}

TEST(Payload, TheWebhooksMessage) {
  const Message message{.group = {{"alertname", "A"}}, .alerts = {Alert("A", "a"), Resolved("A", "b")}, .truncated = 3};
  const json body = json::parse(WebhookBody(message, "pager"));
  EXPECT_EQ(body["version"], "4");
  EXPECT_EQ(body["receiver"], "pager");
  EXPECT_EQ(body["status"], "firing");
  EXPECT_EQ(body["groupKey"], "{}:{alertname=\"A\"}");
  EXPECT_EQ(body["groupLabels"], (json{{"alertname", "A"}}));
  EXPECT_EQ(body["commonLabels"], (json{{"alertname", "A"}, {"severity", "critical"}}));
  EXPECT_EQ(body["commonAnnotations"], json::object());
  EXPECT_EQ(body["truncatedAlerts"], 3);
  ASSERT_EQ(body["alerts"].size(), 2U);
  EXPECT_EQ(body["alerts"][0]["status"], "firing");
  EXPECT_EQ(body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
  EXPECT_EQ(body["alerts"][0]["fingerprint"].get<std::string>().size(), 16U);
  EXPECT_EQ(body["alerts"][1]["status"], "resolved");
  EXPECT_EQ(body["alerts"][1]["endsAt"], "2020-01-01T00:05:00.000Z");
  EXPECT_EQ(json::parse(WebhookBody({.group = {}, .alerts = {Resolved("A", "b")}}, "x"))["status"], "resolved");
}

TEST(Payload, AnyBytesAreValidJson) {
  Notification alert = Alert("A", "a\xFF\"\n");
  alert.annotations = {{"summary", std::string("\x00\x01 \xC3", 4)}};
  EXPECT_EQ(json::parse(WebhookBody({.group = {}, .alerts = {alert}}, "x"))["alerts"][0]["labels"]["instance"], "a\xEF\xBF\xBD\"\n");
  EXPECT_TRUE(json::accept(AlertmanagerAlerts({&alert, 1})));
}

// RFC 4231, test cases 1 and 2.
TEST(Payload, HmacSha256) {
  EXPECT_EQ(HmacSha256(std::string(20, '\x0b'), "Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(HmacSha256("Jefe", "what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Payload, HeadlinesSayHowManyOfWhat) {
  EXPECT_EQ(Headline({.group = {}, .alerts = {Alert("A", "a"), Alert("A", "b")}}), "[FIRING:2] A (critical)");
  EXPECT_EQ(Headline({.group = {}, .alerts = {Alert("A", "a"), Alert("B", "b"), Resolved("C", "c")}, .truncated = 1}),
            "[FIRING:3] 3 alerts (critical)");
  EXPECT_EQ(Headline({.group = {}, .alerts = {Resolved("A", "a")}}), "[RESOLVED] A (critical)");
}

TEST(Payload, JournalFieldsCannotBeForged) {
  Notification alert = Alert("A", "a\nPRIORITY=0");
  alert.labels = alert.labels.With("severity", "warning").With("gpu.uuid", "x");
  const auto fields = AlertJournalFields(alert, "journal", "inferd-alerts");
  EXPECT_EQ(fields[0], "MESSAGE=firing: A: A on a\nPRIORITY=0");
  EXPECT_THAT(fields, Contains("PRIORITY=4"));
  EXPECT_THAT(fields, ::testing::Not(Contains("PRIORITY=0")));
  EXPECT_THAT(fields, Contains("MESSAGE_ID=" + std::string(kFiringMessageId)));
  EXPECT_THAT(fields, Contains("SYSLOG_IDENTIFIER=inferd-alerts"));
  EXPECT_THAT(fields, Contains("INFERD_ALERT_STATUS=firing"));
  EXPECT_THAT(fields, Contains("INFERD_LABEL_GPU_UUID=x"));
  EXPECT_THAT(fields, Contains("INFERD_ANNOTATION_SUMMARY=A on a\nPRIORITY=0"));
  const auto over = AlertJournalFields(Resolved("A", "a"), "journal", "x");
  EXPECT_THAT(over, Contains("MESSAGE_ID=" + std::string(kResolvedMessageId)));
  EXPECT_THAT(over, Contains("PRIORITY=5"));
  EXPECT_THAT(over, Contains("INFERD_ALERT_ENDS_AT=2020-01-01T00:05:00.000Z"));
}

}  // namespace
}  // namespace inferd::alerts
