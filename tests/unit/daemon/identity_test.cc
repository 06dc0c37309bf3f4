// Who asks: request ids, trace context, API keys.
#include <gmock/gmock.h>

#include "daemon/api/keys.h"
#include "daemon/api/trace_context.h"
#include "gtest/gtest.h"

namespace inferd::daemon {
namespace {

using testing::HasSubstr;

TEST(RequestId, OnlySaneOnesAreTakenOver) {
  for (const char* good : {"a", "order-42_a", "A.b:c-d", "0123456789012345678901234567890123456789012345678901234567890123"}) {
    EXPECT_TRUE(IsSaneRequestId(good)) << good;
  }
  for (const char* bad : {"", "a b", "a\nb", "\"", "é", "a/b", "01234567890123456789012345678901234567890123456789012345678901234"}) {
    EXPECT_FALSE(IsSaneRequestId(bad)) << bad;
  }
  EXPECT_TRUE(IsSaneRequestId(NewRequestId()));
  EXPECT_NE(NewRequestId(), NewRequestId());
}

constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, AGoodOneGoesOnWithANewSpan) {
  const auto trace = ParseTraceparent(kParent);
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(trace->parent_span_id, "00f067aa0ba902b7");
  EXPECT_NE(trace->span_id, trace->parent_span_id);
  EXPECT_TRUE(trace->sampled);
  EXPECT_EQ(FormatTraceparent(*trace), "00-4bf92f3577b34da6a3ce929d0e0e4736-" + trace->span_id + "-01");
  EXPECT_FALSE(ParseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")->sampled);
  // A later version may say more; the flags' other bits mean nothing to us.
  EXPECT_TRUE(ParseTraceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-more"));
}

TEST(Traceparent, ABadOneIsNone) {
  for (const char* bad :
       {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01", "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more", "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    EXPECT_FALSE(ParseTraceparent(bad)) << bad;
  }
}

TEST(Traceparent, ANewOneIsValid) {
  const TraceContext trace = NewTrace();
  EXPECT_TRUE(ParseTraceparent(FormatTraceparent(trace)));
  EXPECT_TRUE(trace.parent_span_id.empty());
}

// Some digest; whose does not matter.
constexpr const char* kGood = "4f1f4f1bcc9d0d3e1e2c4d0d8f5ae2a2b3d1a1c6f1de8c4b8de3e4d21b5f0a11";

TEST(Keys, FindsWhoHoldsAKey) {
  // printf %s secret | sha256sum
  const auto keys = KeyStore::Parse(
      "# a comment\n\napp:user:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\r\nprom:metrics:" + std::string(kGood),
      "k");
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ(keys->size(), 2U);
  const auto holder = keys->Find("secret");
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->name, "app");
  EXPECT_EQ(holder->role, Role::kUser);
  EXPECT_FALSE(keys->Find("Secret"));
  EXPECT_FALSE(keys->Find(""));
}

TEST(Keys, FaultsNameTheLineAndNeverTheKey) {
  const auto keys = KeyStore::Parse(
      "sk-oops-a-key\napp:boss:" + std::string(kGood) + "\na b:user:" + kGood + "\napp:user:1234\nx:user:" + kGood + "\nx:user:" + kGood,
      "/etc/keys");
  ASSERT_FALSE(keys);
  const std::string& message = keys.error().message;
  for (const char* part : {"/etc/keys:1: is not of the form", "/etc/keys:2: the role", "/etc/keys:3: the name", "/etc/keys:4: the digest",
                           "/etc/keys:6: the name is given twice"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
  EXPECT_THAT(message, testing::Not(HasSubstr("oops")));
}

TEST(Keys, AFileThatLetsNobodyInIsAFault) {
  EXPECT_THAT(KeyStore::Parse("# nothing\n", "k").error().message, HasSubstr("holds no key"));
  EXPECT_EQ(KeyStore::Load("/nonexistent/keys").error().code, Code::kNotFound);
}

TEST(Sampling, TakesItsShareAndNothingElse) {
  EXPECT_FALSE(Sampled(0, 0));
  EXPECT_TRUE(Sampled(1, ~std::uint64_t{0}));
  int taken = 0;
  for (int i = 0; i < 10'000; ++i) taken += Sampled(0.25, RandomNumber()) ? 1 : 0;
  EXPECT_NEAR(taken, 2500, 300);  // six standard deviations
}

}  // namespace
}  // namespace inferd::daemon
