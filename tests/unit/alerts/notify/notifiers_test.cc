#include "alerts/notify/notifiers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <nlohmann/json.hpp>

#include "tests/fakes/http_server.h"
#include "tests/unit/alerts/notify/alerts.h"

namespace inferd::alerts {
namespace {

using inferd::testing::HttpServer;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// A webhook's receiver: what it was told, and what it answers.
class Receiver {
 public:
  Receiver() : server_([this](std::string_view, std::string_view body) { return Take(body); }) {}
  std::string url() const { return server_.url(); }
  void Answer(int status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }
  // Waits for a message that says so: "firing A".
  void Await(const std::string& text) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, seconds(60), [&] { return std::find(told_.begin(), told_.end(), text) != told_.end(); })) << text;
  }
  std::vector<std::string> told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  std::string Take(std::string_view body) {
    const std::lock_guard lock(mutex_);
    const json message = json::parse(body);
    // Alertmanager gets a list without statuses.
    for (const json& alert : message.is_array() ? message : message["alerts"]) {
      told_.push_back((message.is_array() ? "" : alert["status"].get<std::string>() + " ") +
                      alert["labels"]["alertname"].get<std::string>());
    }
    changed_.notify_all();
    return HttpServer::Answer(status_, "text/plain", "x");
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  int status_ = 200;
  std::vector<std::string> told_;
  HttpServer server_;
};

class NoLog final : public DeliveryLog {
 public:
  void Failing(std::string_view, std::string_view) override {}
  void Working(std::string_view, Duration, std::uint64_t) override {}
  void Full(std::string_view, std::size_t) override {}
  void Output(std::string_view, std::string_view) override {}
};

class NotifiersTest : public ::testing::Test {
 protected:
  static NotifierOptions Webhook(const std::string& name, const std::string& url) {
    return {.name = name,
            .channels = {WebhookOptions{.url = url, .secret_file = {}, .token_file = {}, .ca_file = {}}},
            .queue = {.group_by = {"alertname"}, .first_pause = milliseconds(5), .longest_pause = milliseconds(20)}};
  }
  void Tell(const Notification& alert) { notifiers_.Notify({&alert, 1}); }
  NotifierState State(const std::string& name) const {
    for (NotifierState& state : notifiers_.States()) {
      if (state.name == name) return state;
    }
    return {};
  }

  const SystemClock clock_{};
  NoLog log_;
  Silences silences_{clock_, ""};
  Receiver one_, two_;
  Notifiers notifiers_{clock_, log_, silences_};
};

TEST_F(NotifiersTest, EachIsToldByItself) {
  two_.Answer(500);
  notifiers_.Configure({Webhook("one", one_.url()), Webhook("two", two_.url())});
  Tell(Alert("A", "a"));
  one_.Await("firing A");
  two_.Await("firing A");
  Tell(Resolved("A", "a"));
  one_.Await("resolved A");
  two_.Await("resolved A");
  while (State("two").failed < 3) std::this_thread::yield();
  EXPECT_TRUE(State("two").failing);
  EXPECT_THAT(State("two").error, HasSubstr("the answer was 500"));
  EXPECT_EQ(State("two").waiting, 1U);
  EXPECT_EQ(State("two").ok, 0U);
  two_.Answer(200);
  while (State("two").waiting > 0) std::this_thread::yield();
  EXPECT_EQ(State("one").channel, "webhook");
  EXPECT_EQ(State("one").ok, 2U);
  EXPECT_EQ(State("one").failed, 0U);
}

TEST_F(NotifiersTest, AReloadKeepsQueues) {
  one_.Answer(500);
  notifiers_.Configure({Webhook("one", one_.url())});
  Tell(Alert("A", "a"));
  one_.Await("firing A");
  const std::uint64_t before = State("one").failed;
  notifiers_.Configure({Webhook("two", two_.url()), Webhook("one", one_.url())});
  Tell(Resolved("A", "a"));
  one_.Await("resolved A");
  EXPECT_GE(State("one").failed, before) << "it was not made anew";
  // The address was wrong: what waits goes to the right one.
  notifiers_.Configure({Webhook("one", two_.url())});
  two_.Await("resolved A");
  EXPECT_EQ(notifiers_.States().size(), 1U);
  Tell(Alert("B", "b"));
  two_.Await("firing B");
  notifiers_.Configure({});
  EXPECT_TRUE(notifiers_.States().empty());
  Tell(Alert("C", "c"));
}

TEST_F(NotifiersTest, EveryPeerIsTold) {
  notifiers_.Configure({{.name = "am",
                         .channels = {AlertmanagerOptions{.url = one_.url(), .token_file = {}, .ca_file = {}},
                                      AlertmanagerOptions{.url = two_.url(), .token_file = {}, .ca_file = {}}},
                         .queue = {.group_by = {}, .refresh = true, .first_pause = milliseconds(5), .longest_pause = milliseconds(20)}}});
  one_.Answer(503);
  Tell(Alert("A", "a"));
  one_.Await("A");
  two_.Await("A");
  while (State("am").ok < 1 || State("am").failed < 1) std::this_thread::yield();
  EXPECT_EQ(notifiers_.States().size(), 1U);
  const auto failed = notifiers_.Test("am");
  ASSERT_FALSE(failed) << "one peer of two does not take it";
  EXPECT_THAT(failed.error().message, HasSubstr("the answer was 503"));
  one_.Answer(200);
  EXPECT_TRUE(notifiers_.Test("am"));
}

TEST_F(NotifiersTest, WhoHeardBeforeARestartHearsTheEnd) {
  notifiers_.Configure({Webhook("one", one_.url())});
  EXPECT_EQ(notifiers_.Keep(), "");
  Tell(Alert("A", "a"));
  one_.Await("firing A");
  while (State("one").waiting > 0) std::this_thread::yield();
  const std::string kept = notifiers_.Keep();
  notifiers_.Stop();

  Notifiers next(clock_, log_, silences_);
  ASSERT_TRUE(next.Restore(kept));
  next.Configure({Webhook("one", one_.url()), Webhook("two", two_.url())});
  EXPECT_EQ(next.Keep(), kept);
  const Notification over = Resolved("A", "a");
  next.Notify({&over, 1});
  one_.Await("resolved A");
  EXPECT_TRUE(two_.told().empty()) << "it has heard nothing";
  EXPECT_EQ(one_.told(), (std::vector<std::string>{"firing A", "resolved A"})) << "that it fires is no news";

  // Killed before the outcome was known: told again rather than not at all.
  Notifiers third(clock_, log_, silences_);
  std::string waiting = kept;
  waiting.replace(waiting.find("\"waiting\":false"), 15, "\"waiting\":true");
  ASSERT_TRUE(third.Restore(waiting));
  third.Configure({Webhook("one", two_.url())});
  two_.Await("firing A");
  for (const std::string& bad : {std::string("x"), std::string("[]"), std::string("{\"a\":1}"), std::string("{\"a\":[{}]}"),
                                 kept.substr(0, kept.size() / 2), std::string(10'000, '[')}) {
    EXPECT_FALSE(third.Restore(bad));
  }
}

TEST_F(NotifiersTest, TheTestButton) {
  notifiers_.Configure({Webhook("one", one_.url())});
  EXPECT_TRUE(notifiers_.Test("one"));
  one_.Await("firing InferdTest");
  one_.Await("resolved InferdTest");
  EXPECT_EQ(notifiers_.Test("two").error().code, Code::kNotFound);
  one_.Answer(404);
  EXPECT_THAT(notifiers_.Test("one").error().message, HasSubstr("the answer was 404"));
}

TEST_F(NotifiersTest, SilencedAlertsAreNotToldOf) {
  Silence silence;
  silence.matchers.push_back(ParseMatcher("alertname=A").value());
  silence.starts_at = clock_.WallNow();
  silence.ends_at = silence.starts_at + std::chrono::hours(1);
  ASSERT_TRUE(silences_.Set(silence));
  notifiers_.Configure({Webhook("one", one_.url())});
  Tell(Alert("A", "a"));
  Tell(Alert("B", "a"));
  one_.Await("firing B");
  while (State("one").waiting != 1) std::this_thread::yield();
  EXPECT_EQ(one_.told().size(), 1U) << "A waits";
}

}  // namespace
}  // namespace inferd::alerts
