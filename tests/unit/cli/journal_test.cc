#include "cli/journal.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace inferd::cli {
namespace {

TEST(RequestOfJournal, IsAsInALogFile) {
  const auto request = RequestOfJournal(
      R"({"__REALTIME_TIMESTAMP":"1700000000123456","_PID":"7","PRIORITY":"6","EVENT":"request_ended","REQUEST_ID":"r-1","TRACE_ID":"t",)"
      R"("MODEL":"demo","MESSAGE":"POST","INFERD_STATUS":"200","INFERD_TOTAL_SECONDS":"0.25","INFERD_QUEUE_SECONDS":"0.001",)"
      R"("INFERD_PRIORITY":"normal","INFERD_PROMPT_TOKENS":"12","INFERD_USER_AGENT":[97,27,98],"INFERD_PROMPT":null,"INFERD_CLIENT":"7"})");
  EXPECT_EQ(request["request_id"], "r-1");
  EXPECT_EQ(request["trace_id"], "t");
  EXPECT_EQ(request["model"], "demo");
  EXPECT_EQ(request["status"], 200);
  EXPECT_EQ(request["total_seconds"], 0.25);
  EXPECT_EQ(request["queue_seconds"], 0.001);
  EXPECT_EQ(request["prompt_tokens"], 12);
  EXPECT_EQ(request["priority"], "normal");
  EXPECT_EQ(request["user_agent"],
            "a\x1b"
            "b");
  EXPECT_EQ(request["client"], "7") << "a text";
  EXPECT_EQ(request["logged"], "2023-11-14T22:13:20.123456Z");
  EXPECT_FALSE(request.contains("prompt"));
}

TEST(RequestOfJournal, TakesNothingElse) {
  for (const char* line :
       {"", "{", "[]", "null", "7", R"({"EVENT":"request_ended","REQUEST_ID":"r"})", R"({"EVENT":["x","y"],"INFERD_TOTAL_SECONDS":"1"})",
        R"({"EVENT":"config_reload","INFERD_TOTAL_SECONDS":"1"})", R"({"EVENT":[300],"INFERD_TOTAL_SECONDS":"1"})"}) {
    EXPECT_TRUE(RequestOfJournal(line).is_null()) << line;
  }
}

}  // namespace
}  // namespace inferd::cli
