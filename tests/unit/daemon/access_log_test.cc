#include "daemon/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <string>

#include "daemon/prompts.h"
#include "runtime/base/ring.h"
#include "runtime/base/sha256.h"
#include "tests/unit/logging/lines.h"

namespace inferd::daemon {
namespace {

using engine::RefusalReason;
using logging::TextOf;

TEST(AccessEvent, IsOneLineWithoutForgedFields) {
  engine::RequestRecord record;
  record.outcome = engine::Outcome::kRejected;
  record.refusal = RefusalReason::kQueueFull;
  Ring<engine::RequestRecord> ring(16);
  const engine::Ledger ledger({"demo"}, ring);
  const CallEnd end{.route = Route::kCompletions,
                    .record = &record,
                    .method = "POST",
                    .path = "/v1/completions",
                    .request_id = "r1",
                    .peer = "127.0.0.1",
                    .user = "x outcome=ok \"quoted\"\n",
                    .message = "the queue is full",
                    .shed_point = "queue",
                    .status = 429,
                    .duration = std::chrono::milliseconds(2),
                    .trace_id = "t1"};
  EXPECT_EQ(TextOf(AccessEvent(end), false, AboutCall(end, ledger)),
            "04:50:00.123 info     POST /v1/completions 429 rejected queue_full, total 0.002000 s request_id=r1 model=demo point=queue "
            "why=\"the queue is full\" stream=false user=\"x outcome=ok 'quoted'\\x0a\" client=127.0.0.1 bytes_in=0 bytes_out=0");
}

TEST(AccessEvent, HasTheTimesThatWereReached) {
  engine::RequestRecord record;
  record.outcome = engine::Outcome::kStop;
  record.received = MonotonicTime(std::chrono::seconds(1));
  record.admitted = record.received + std::chrono::milliseconds(1);
  record.scheduled = record.received + std::chrono::milliseconds(20);
  record.first_token = record.received + std::chrono::milliseconds(50);
  record.last_token = record.received + std::chrono::milliseconds(150);
  record.prompt_tokens = 7;
  record.generated_tokens = 3;
  record.tenant = std::string_view("team");
  const CallEnd end{
      .record = &record, .method = "POST", .path = "/v1/completions", .status = 200, .duration = std::chrono::milliseconds(151)};
  const logging::RequestEnded event = AccessEvent(end);
  EXPECT_EQ(event.queue, std::chrono::milliseconds(19));
  EXPECT_EQ(event.first_token, std::chrono::milliseconds(50));
  EXPECT_EQ(event.prefill, std::chrono::milliseconds(30));
  EXPECT_EQ(event.decode, std::chrono::milliseconds(100));
  EXPECT_EQ(event.tenant, "team");
  EXPECT_EQ(event.prompt_tokens, 7U);
  record.scheduled = MonotonicTime{};
  EXPECT_EQ(AccessEvent(end).queue, std::nullopt);
  EXPECT_EQ(AccessEvent(end).prefill, std::nullopt);
  EXPECT_EQ(AccessEvent(end).prompt, std::nullopt);
}

TEST(Prompts, AreLoggedAsConfigured) {
  const std::string text = "mail a@example.com";
  EXPECT_EQ(Logged(PromptLoggingOf("never"), text), "");
  EXPECT_EQ(Logged(PromptLoggingOf("hashed"), text), "sha256:" + Sha256Hex(std::as_bytes(std::span(text.data(), text.size()))));
  EXPECT_EQ(Logged(PromptLoggingOf("redacted"), text), "mail [email]");
  EXPECT_EQ(Logged(PromptLoggingOf("full"), text), text);
  EXPECT_EQ(Logged(PromptLoggingOf("hashed"), ""), "");
}

}  // namespace
}  // namespace inferd::daemon
