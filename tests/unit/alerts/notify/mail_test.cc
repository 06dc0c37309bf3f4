#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "alerts/notify/channels.h"
#include "tests/unit/alerts/notify/alerts.h"

namespace inferd::alerts {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

const EmailOptions kOptions{.server = "mail:587", .from = "inferd@example.com", .to = {"ops@example.com", "night@example.com"}};

// The head's lines and the body's.
std::pair<std::vector<std::string>, std::vector<std::string>> Split(const std::string& mail) {
  std::pair<std::vector<std::string>, std::vector<std::string>> parts;
  bool body = false;
  std::istringstream stream(mail);
  for (std::string line; std::getline(stream, line);) {
    EXPECT_TRUE(line.ends_with('\r')) << line;
    line.pop_back();
    EXPECT_LE(line.size(), 76U) << line;
    if (line.empty()) {
      body = true;
    } else {
      (body ? parts.second : parts.first).push_back(line);
    }
  }
  return parts;
}

TEST(Mail, HasItsHeaders) {
  const Message message{.group = {}, .alerts = {Alert("InferdQueueDeep", "a")}};
  const auto [head, body] = Split(MailText(message, kOptions, WallTime(std::chrono::seconds(1'577'836'800)), "7"));
  EXPECT_THAT(head, ElementsAre("From: <inferd@example.com>", "To: <ops@example.com>,", " <night@example.com>",
                                "Subject: [FIRING:1] InferdQueueDeep (critical)", "Date: Wed, 01 Jan 2020 00:00:00 +0000",
                                "Message-ID: <7.inferd@example.com>", "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
                                "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64"));
  EXPECT_THAT(body.at(0), StartsWith("RklSSU5HIEluZmVyZFF1ZXVlRGVlcA")) << "FIRING InferdQueueDeep";
}

// What a label says never becomes a header, and never ends the mail.
TEST(Mail, LabelsCannotAddHeaders) {
  for (const std::string& name : {std::string("A\r\nBcc: all@example.com"), std::string("A\n\n.\nMAIL FROM:<x>"), std::string("A\0B", 3),
                                  std::string("=?utf-8?q?x?="), std::string(500, 'x'), std::string("\xFF\xFE"),
                                  std::string("Tür \xF0\x9F\x94\xA5") + std::string(100, 'y') + "ä"}) {
    const Message message{.group = {}, .alerts = {Alert(name, "i")}};
    const auto [head, body] = Split(MailText(message, kOptions, WallTime{}, "1"));
    // The ten lines of any mail, and more only where the subject is folded.
    std::vector<std::string> rest;
    for (const std::string& line : head) {
      EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c < 0x7F; })) << line;
      if (!line.starts_with(" =?UTF-8?B?")) rest.push_back(line);
    }
    ASSERT_EQ(rest.size(), 10U) << name;
    EXPECT_THAT(rest[3], StartsWith("Subject: ")) << name;
    EXPECT_THAT(rest[4], StartsWith("Date: ")) << name;
    for (const std::string& line : body) {
      EXPECT_EQ(line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="), std::string::npos) << line;
    }
  }
}

}  // namespace
}  // namespace inferd::alerts
