#include "daemon/api/params.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>

#include "daemon/api/json.h"
#include "gtest/gtest.h"

namespace inferd::daemon {
namespace {

using nlohmann::json;
using testing::HasSubstr;

ApiResult<GenerationBody> Chat(const std::string& extra) {
  return ParseChatBody(R"({"model":"m","messages":[{"role":"user","content":"x"}])" + (extra.empty() ? "" : "," + extra) + "}");
}
ApiResult<GenerationBody> Text(const std::string& extra) {
  return ParseCompletionBody(R"({"model":"m","prompt":"x")" + (extra.empty() ? "" : "," + extra) + "}");
}

// The error must name the parameter, and the message what is allowed.
void ExpectFault(const ApiResult<GenerationBody>& result, const std::string& param, const std::string& in_message,
                 const std::string& what) {
  ASSERT_FALSE(result) << what;
  EXPECT_EQ(result.error().status, 400) << what;
  EXPECT_EQ(result.error().param, param) << what << ": " << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(in_message)) << what;
}

struct Case {
  const char* param;
  std::vector<const char*> good;
  std::vector<const char*> wrong;
  const char* allowed;
};

const std::vector<Case> kCases{
    {"temperature", {"0", "2", "0.7", "1e-9", "null"}, {"-0.1", "2.1", "\"1\"", "true", "[]", "{}", "1e308"}, "0 to 2"},
    {"top_p", {"1", "0.5", "1e-300", "null"}, {"0", "-1", "1.01", "\"1\""}, "greater than 0, up to 1"},
    {"top_k", {"0", "40", "2147483647"}, {"-1", "1.5", "2147483648", "\"4\"", "1e30"}, "an integer from 0"},
    {"min_p", {"0", "0.99999999999"}, {"1", "-0.1"}, "0 to less than 1"},
    {"presence_penalty", {"-2", "2", "0"}, {"-2.1", "2.1"}, "-2 to 2"},
    {"frequency_penalty", {"-2", "2", "0"}, {"-2.1", "2.1"}, "-2 to 2"},
    {"repetition_penalty", {"1", "2", "0.1"}, {"0", "2.1", "-1"}, "greater than 0, up to 2"},
    {"n", {"1", "8"}, {"0", "9", "1.5", "-1", "true"}, "1 to 8"},
    {"max_tokens", {"1", "5"}, {"0", "-1", "1.5", "\"4\"", "99999999999999999999"}, "1 to the context"},
    {"seed", {"0", "-5", "18446744073709551615"}, {"1.5", "\"1\"", "1e30", "18446744073709551616"}, "64 bits"},
    {"stream", {"true", "false"}, {"1", "\"true\""}, "true or false"},
    {"ignore_eos", {"true", "false"}, {"1"}, "true or false"},
    {"user", {"\"me\""}, {"5", "{}"}, "a string"},
    {"priority", {"\"interactive\"", "\"normal\"", "\"batch\""}, {"\"urgent\"", "5"}, "\"interactive\""},
    {"logit_bias", {"{}", "{\"5\":-100}", "{\"5\":100}"}, {"[]", "{\"a\":1}", "{\"-1\":1}"}, "token ids"},
};

TEST(Params, TableOfParameters) {
  for (const Case& c : kCases) {
    for (const char* value : c.good) {
      const std::string extra = "\"" + std::string(c.param) + "\":" + value;
      EXPECT_TRUE(Chat(extra)) << extra;
      EXPECT_TRUE(Text(extra)) << extra;
    }
    for (const char* value : c.wrong) {
      const std::string extra = "\"" + std::string(c.param) + "\":" + value;
      ExpectFault(Chat(extra), c.param, c.allowed, extra);
      ExpectFault(Text(extra), c.param, c.allowed, extra);
    }
  }
}

TEST(Params, ValuesArrive) {
  const auto body =
      Chat(R"("temperature":0.5,"top_p":0.9,"top_k":40,"min_p":0.1,"n":3,"max_tokens":7,"seed":-1,"stop":["a","b"],"stream":true,)"
           R"("stream_options":{"include_usage":true},"presence_penalty":0.5,"frequency_penalty":-0.5,"repetition_penalty":1.1,)"
           R"("logit_bias":{"5":1.5},"logprobs":true,"top_logprobs":3,"user":"me","priority":"batch")");
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_FLOAT_EQ(body->sampling.temperature, 0.5F);
  EXPECT_FLOAT_EQ(body->sampling.top_p, 0.9F);
  EXPECT_EQ(body->sampling.top_k, 40);
  EXPECT_FLOAT_EQ(body->sampling.min_p, 0.1F);
  EXPECT_EQ(body->n, 3);
  EXPECT_EQ(body->max_tokens, 7);
  EXPECT_EQ(body->seed, static_cast<std::uint64_t>(-1));
  EXPECT_THAT(body->stop, testing::ElementsAre("a", "b"));
  EXPECT_TRUE(body->stream);
  EXPECT_TRUE(body->include_usage);
  EXPECT_EQ(body->sampling.logprobs, 3);
  EXPECT_EQ(body->user, "me");
  EXPECT_EQ(body->priority, engine::Priority::kBatch);
  ASSERT_EQ(body->logit_bias.size(), 1U);
  EXPECT_FLOAT_EQ(body->logit_bias[0].second, 1.5F);
}

TEST(Params, WhatIsNearTheEdgeStaysInRangeAsAFloat) {
  EXPECT_GT(Chat("\"top_p\":1e-300")->sampling.top_p, 0.0F);
  EXPECT_LT(Chat("\"min_p\":0.99999999999")->sampling.min_p, 1.0F);
  EXPECT_GT(Chat("\"repetition_penalty\":1e-300")->sampling.repetition_penalty, 0.0F);
}

TEST(Params, NumbersThatAreNone) {
  ExpectFault(Chat("\"temperature\":NaN"), "temperature", "\"temperature\" is NaN, which is not a number; allowed: 0 to 2", "NaN");
  ExpectFault(Chat("\"temperature\":-Infinity"), "temperature", "-Infinity, which is not a number", "-Infinity");
  ExpectFault(Chat("\"temperature\":1e999"), "temperature", "1e999, which is out of range; allowed: 0 to 2", "1e999");
  ExpectFault(Chat("\"logit_bias\":{\"5\":101}"), "logit_bias.5", "-100 to 100", "bias");
}

TEST(Params, Stop) {
  EXPECT_EQ(Chat("\"stop\":\"x\"")->stop.size(), 1U);
  EXPECT_EQ(Chat("\"stop\":[]")->stop.size(), 0U);
  ExpectFault(Chat("\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]"), "stop", "up to 4", "five");
  ExpectFault(Chat("\"stop\":\"\""), "stop", "1 to 1024", "empty");
  ExpectFault(Chat("\"stop\":[\"a\",\"\"]"), "stop[1]", "1 to 1024", "empty item");
  ExpectFault(Chat("\"stop\":5"), "stop", "a string", "number");
}

TEST(Params, UnknownAndUnsupportedAreNamed) {
  ExpectFault(Chat("\"no_such\":null"), "no_such", "unknown parameter", "unknown");
  ExpectFault(Chat("\"tools\":[{}]"), "tools", "not supported", "tools");
  ExpectFault(Text("\"suffix\":\"x\""), "suffix", "not supported", "suffix");
  ExpectFault(Text("\"best_of\":2"), "best_of", "not supported", "best_of");
  ExpectFault(Text("\"echo\":true"), "echo", "not supported", "echo");
  ExpectFault(Chat("\"response_format\":{\"type\":\"json_object\"}"), "response_format", "not supported", "json");
  ExpectFault(Text("\"messages\":[]"), "messages", "unknown parameter", "messages for completions");
  ExpectFault(Chat("\"prompt\":\"x\""), "prompt", "unknown parameter", "prompt for chat");
  for (const char* harmless : {"\"tools\":[]", "\"tools\":null", "\"response_format\":{\"type\":\"text\"}", "\"tool_choice\":\"none\"",
                               "\"suffix\":null", "\"store\":false", "\"parallel_tool_calls\":true", "\"best_of\":2,\"n\":2"}) {
    EXPECT_TRUE(Chat(harmless)) << harmless;
  }
}

TEST(Params, WhatBelongsTogether) {
  ExpectFault(Chat("\"top_logprobs\":3"), "top_logprobs", "needs logprobs", "alone");
  ExpectFault(Chat("\"stream_options\":{\"include_usage\":true}"), "stream_options", "needs stream", "alone");
  ExpectFault(Chat("\"max_tokens\":3,\"max_completion_tokens\":3"), "max_tokens", "one of the two", "both");
  ExpectFault(Chat("\"stream\":true,\"stream_options\":{\"x\":1}"), "stream_options.x", "not supported", "option");
  EXPECT_EQ(Chat("\"logprobs\":true")->sampling.logprobs, 0);
  EXPECT_EQ(Chat("\"logprobs\":false")->sampling.logprobs, -1);
  EXPECT_EQ(Text("\"logprobs\":0")->sampling.logprobs, 0);
  ExpectFault(Text("\"logprobs\":21"), "logprobs", "0 to 20", "too many");
  ExpectFault(Text("\"logprobs\":true"), "logprobs", "0 to 20", "boolean");
}

TEST(Params, RequiredParameters) {
  EXPECT_EQ(ParseChatBody(R"({"messages":[{"role":"user","content":"x"}]})").error().param, "model");
  EXPECT_EQ(ParseChatBody(R"({"model":"m"})").error().param, "messages");
  EXPECT_EQ(ParseCompletionBody(R"({"model":"m","prompt":null})").error().param, "prompt");
}

TEST(Params, Messages) {
  const auto chat = [](const std::string& messages) { return ParseChatBody(R"({"model":"m","messages":)" + messages + "}"); };
  const auto good =
      chat(R"([{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},)"
           R"({"role":"assistant","content":"y","reasoning_content":"z","refusal":null,"tool_calls":[]}])");
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->messages[1].content, "ab");
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"[]", "messages"},
      {"{}", "messages"},
      {"[5]", "messages[0]"},
      {R"([{"role":"user"}])", "messages[0].content"},
      {R"([{"content":"x"}])", "messages[0].role"},
      {R"([{"role":"user","content":5}])", "messages[0].content"},
      {R"([{"role":"user","content":null}])", "messages[0].content"},
      {R"([{"role":"user","content":"x","name":"n"}])", "messages[0].name"},
      {R"([{"role":"user","content":[{"type":"image_url"}]}])", "messages[0].content[0].type"},
      {R"([{"role":"user","content":[{"type":"text","text":5}]}])", "messages[0].content[0].text"},
      {R"([{"role":"user","content":["x"]}])", "messages[0].content[0]"},
  };
  for (const auto& [messages, param] : wrong) ExpectFault(chat(messages), param, "", messages);
}

TEST(Params, Prompts) {
  const auto text = [](const std::string& prompt) { return ParseCompletionBody(R"({"model":"m","prompt":)" + prompt + "}"); };
  EXPECT_EQ(text("\"a\"")->texts.size(), 1U);
  EXPECT_EQ(text("[\"a\",\"b\"]")->texts.size(), 2U);
  EXPECT_EQ(text("[1,2,3]")->token_prompts.size(), 1U);
  EXPECT_EQ(text("[[1],[2,3]]")->token_prompts.size(), 2U);
  for (const char* wrong :
       {"5", "{}", "[]", "[[]]", "[\"a\",5]", "[5,\"a\"]", "[[1],\"a\"]", "[1.5]", "[null]", "[[\"a\"]]", "[99999999999]"}) {
    const auto result = text(wrong);
    ASSERT_FALSE(result) << wrong;
    EXPECT_THAT(result.error().param, testing::StartsWith("prompt")) << wrong;
  }
}

TEST(Params, WhatNeedsTheModel) {
  GenerationBody body;
  body.logit_bias = {{5, 1.0F}, {300, 1.0F}};
  EXPECT_THAT(BindLogitBias(body, 256).error().message, HasSubstr("token 300; allowed: 0 to 255"));
  EXPECT_EQ(BindTokens("prompt", {1, -1}, 256).error().param, "prompt[1]");
  EXPECT_EQ(*BindMaxTokens(body, 10, 100), 90);
  body.max_tokens = 100;
  EXPECT_EQ(*BindMaxTokens(body, 10, 100), 100);
  body.max_tokens = 101;
  EXPECT_EQ(BindMaxTokens(body, 10, 100).error().param, "max_tokens");
  EXPECT_EQ(BindMaxTokens(body, 100, 100).error().code, "context_length_exceeded");
}

TEST(Json, RefusesWhatIsNoSoundObject) {
  const std::vector<std::pair<std::string, std::string>> bad{
      {"", "empty"},
      {"[]", "must be a JSON object"},
      {"{", "not valid JSON"},
      {"{}}", "not valid JSON"},
      {"{\"a\":1,}", "not valid JSON"},
      {std::string("{\"a\":\"\0\"}", 9), "NUL"},
      {"{\"a\":\"\\u0000\"}", "NUL"},
      {"{\"a\\u0000\":1}", "NUL"},
      {"{\"a\":\"\xFF\"}", "UTF-8"},
      {"{\"a\":\"\\ud800\"}", "not valid JSON"},
      {"{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}", "nested deeper than 64"},
      {std::string(1'000'000, '['), "nested deeper than 64"},
      {"{\"a\":[" +
           [] {
             std::string zeros;
             for (int i = 0; i < 1'000'001; ++i) zeros += "0,";
             return zeros;
           }() +
           "0]}",
       "more than 1000000 values"},
  };
  for (const auto& [body, message] : bad) {
    const auto result = ParseJsonObject(body);
    ASSERT_FALSE(result) << body.substr(0, 50);
    EXPECT_THAT(result.error().message, HasSubstr(message)) << body.substr(0, 50);
    EXPECT_EQ(result.error().message.find("json.exception"), std::string::npos);
  }
}

TEST(Json, BracketsInTextAreNoNesting) {
  EXPECT_TRUE(ParseJsonObject("{\"a\":\"" + std::string(1000, '[') + "\\\"[\"}"));
  EXPECT_TRUE(ParseJsonObject("{\"a\":" + std::string(63, '[') + std::string(63, ']') + "}"));
}

TEST(Json, TheLastOfADuplicateKeyCounts) {
  const auto result = ParseJsonObject(R"({"a":1,"b":{"c":[1,{"d":2}]},"a":{"x":3}})");
  ASSERT_TRUE(result);
  EXPECT_EQ((*result)["a"]["x"], 3);
  EXPECT_EQ((*result)["b"]["c"][1]["d"], 2);
}

TEST(Params, TokenizeAndDetokenize) {
  EXPECT_EQ(ParseTokenizeBody(R"({"content":"x"})")->text, "x");
  EXPECT_FALSE(ParseTokenizeBody(R"({"text":"x","add_special":false})")->add_special);
  EXPECT_FALSE(ParseTokenizeBody(R"({"text":"x","content":"x"})"));
  EXPECT_FALSE(ParseTokenizeBody(R"({})"));
  EXPECT_EQ(ParseTokenizeBody(R"({"text":"x","what":1})").error().param, "what");
  EXPECT_EQ(ParseDetokenizeBody(R"({"tokens":[1,2]})")->tokens.size(), 2U);
  EXPECT_EQ(ParseDetokenizeBody(R"({"tokens":"x"})").error().param, "tokens");
}

}  // namespace
}  // namespace inferd::daemon
