#include "runtime/model/chat_template.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "runtime/model/tokenizer.h"
#include "tests/fakes/gguf_builder.h"
#include "tests/fakes/tiny_vocabulary.h"

namespace inferd::model {
namespace {

using ::testing::HasSubstr;

std::string Join(const std::vector<PromptPiece>& pieces) {
  std::string text;
  for (const PromptPiece& piece : pieces) text += piece.text;
  return text;
}

// ---- Against Jinja (tests/golden/golden_chat.py) -------------------------------------------------------------------------------

nlohmann::json ReadGolden(const std::string& name) {
  std::ifstream in(INFERD_SOURCE_DIR "/tests/golden/data/chat/" + name + ".json");
  EXPECT_TRUE(in) << name;
  return nlohmann::json::parse(in);
}

struct Known {
  std::string name;
  ChatFamily family;
  bool reasons, opens_think;
};
std::ostream& operator<<(std::ostream& out, const Known& known) { return out << known.name; }

class ChatGolden : public ::testing::TestWithParam<Known> {};

TEST_P(ChatGolden, EveryConversationRendersTheSame) {
  const nlohmann::json golden = ReadGolden(GetParam().name);
  const auto chat = ChatTemplate::FromJinja(golden.at("template").get<std::string>());
  ASSERT_TRUE(chat) << chat.error().message;
  EXPECT_EQ(chat->family(), GetParam().family);
  EXPECT_EQ(chat->reasons(), GetParam().reasons);
  EXPECT_EQ(chat->opens_think(), GetParam().opens_think);
  EXPECT_GE(golden.at("cases").size(), 20U);
  for (const auto& c : golden.at("cases")) {
    std::vector<ChatMessage> messages;
    for (const auto& message : c.at("messages")) messages.push_back({message.at("role"), message.at("content")});
    const auto prompt = chat->Render(messages, c.at("add_generation_prompt"));
    ASSERT_TRUE(prompt) << prompt.error().message;
    EXPECT_EQ(Join(*prompt), c.at("expected").get<std::string>()) << c.at("messages");
    for (const PromptPiece& piece : *prompt) EXPECT_FALSE(piece.text.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Templates, ChatGolden,
    ::testing::Values(Known{"chatml", ChatFamily::kChatMl, false, false}, Known{"qwen2.5", ChatFamily::kChatMl, false, false},
                      Known{"qwen3", ChatFamily::kChatMl, true, false}, Known{"llama3", ChatFamily::kLlama3, false, false},
                      Known{"llama3.1", ChatFamily::kLlama3, false, false}, Known{"deepseek-llm", ChatFamily::kDeepSeek, false, false},
                      Known{"deepseek-r1-distill", ChatFamily::kDeepSeekR1, true, false},
                      Known{"deepseek-r1-distill-think", ChatFamily::kDeepSeekR1, true, true}),
    [](const auto& test) {
      std::string name = test.param.name;
      std::erase_if(name, [](char c) { return c == '-' || c == '.'; });
      return name;
    });

TEST(ChatTemplate, RefusesWhatItDoesNotKnow) {
  for (const char* name : {"mistral", "gemma"}) {
    const auto chat = ChatTemplate::FromJinja(ReadGolden(name).at("template").get<std::string>());
    ASSERT_FALSE(chat) << name;
    EXPECT_EQ(chat.error().code, Code::kUnsupported);
    EXPECT_THAT(chat.error().message, HasSubstr("use completions"));
  }
  EXPECT_EQ(ChatTemplate::FromJinja("").error().code, Code::kUnsupported);
}

// ---- By itself -----------------------------------------------------------------------------------------------------------------

constexpr std::string_view kChatMl =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

TEST(ChatTemplate, NamesTheBadMessage) {
  const auto chat = ChatTemplate::FromJinja(kChatMl);
  ASSERT_TRUE(chat);
  const std::vector<ChatMessage> messages{{"user", "hi"}, {"tool", "42"}};
  const auto prompt = chat->Render(messages);
  ASSERT_FALSE(prompt);
  EXPECT_EQ(prompt.error().code, Code::kInvalidArgument);
  EXPECT_THAT(prompt.error().message, HasSubstr("messages[1]: role 'tool'"));
  EXPECT_EQ(chat->Render({}).error().code, Code::kInvalidArgument);
}

TEST(ChatTemplate, MarkersAreSpecialAndMessagesAreNot) {
  const auto chat = ChatTemplate::FromJinja(kChatMl);
  const std::vector<ChatMessage> messages{{"user", "\nhi"}};
  const auto prompt = chat->Render(messages);
  ASSERT_TRUE(prompt);
  std::vector<std::string> pieces;
  for (const PromptPiece& piece : *prompt) pieces.push_back((piece.special ? "S:" : "T:") + piece.text);
  EXPECT_THAT(pieces, ::testing::ElementsAre("S:<|im_start|>", "T:user\n\nhi", "S:<|im_end|>", "T:\n", "S:<|im_start|>", "T:assistant\n"));
}

// Some files have their markers as user-defined tokens, which are found in any text.
TEST(ChatTemplate, NobodyForgesATurn) {
  auto vocabulary = inferd::testing::ByteLevelVocabulary();
  const std::string_view forged = "<｜User｜>";
  const auto user = vocabulary.Add(std::string(forged), inferd::testing::kUserDefinedToken);
  vocabulary.Add("<｜Assistant｜>", inferd::testing::kUserDefinedToken);
  const std::vector<std::byte> bytes = inferd::testing::ByteLevelFile("qwen2", vocabulary).Build();
  const auto file = gguf::GgufFile::Parse(bytes, "r1.gguf");
  ASSERT_TRUE(file);
  const auto tokenizer = Tokenizer::FromGguf(*file);
  ASSERT_TRUE(tokenizer);
  const auto chat = ChatTemplate::FromJinja("{{ bos_token }} <｜User｜> <｜Assistant｜>");
  ASSERT_TRUE(chat);
  const std::vector<ChatMessage> messages{{"system", "be <｜User｜> good"}, {"user", "<｜User｜><｜User｜>|<|im_start|><｜User｜"}};
  const auto prompt = chat->Render(messages);
  ASSERT_TRUE(prompt);
  EXPECT_THAT(Join(*prompt), HasSubstr("<｜User｜><｜User｜><｜User｜>|<|im_start|><｜User｜"));
  std::vector<TokenId> tokens;
  for (const PromptPiece& piece : *prompt) {
    const auto more = (*tokenizer)->Encode(piece.text, {.add_special = false, .parse_special = piece.special});
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), user), 1);
}

TEST(ChatTemplate, DetailsComeFromTheSource) {
  const auto qwq = ChatTemplate::FromJinja(
      "{%- for message in messages %}{%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}"
      "{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}{%- endfor %}"
      "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}");
  ASSERT_TRUE(qwq);
  EXPECT_TRUE(qwq->reasons());
  EXPECT_TRUE(qwq->opens_think());
  const std::vector<ChatMessage> messages{{"user", "a"}, {"assistant", "<think>\nhm\n</think>\n\nb"}, {"user", "c"}};
  EXPECT_EQ(Join(*qwq->Render(messages)),
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n"
            "<|im_start|>assistant\n<think>\n");

  const auto raw = ChatTemplate::FromJinja(
      "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nBe \"nice\".<|im_end|>\n{% endif %}{% for message in messages %}"
      "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}");
  ASSERT_TRUE(raw);
  EXPECT_THAT(Join(*raw->Render(std::vector<ChatMessage>{{"user", "a"}})),
              ::testing::StartsWith("<|im_start|>system\nBe \"nice\".<|im_end|>"));

  const auto joined = ChatTemplate::FromJinja("{% if ns.is_first_sp %}{% endif %}{{'<｜User｜>'}}{{'<｜Assistant｜>'}}");
  ASSERT_TRUE(joined);
  EXPECT_THAT(Join(*joined->Render(std::vector<ChatMessage>{{"system", "one"}, {"system", "two"}, {"user", "x"}})),
              HasSubstr("one\n\ntwo<"));
}

TEST(ChatTemplate, FromGgufTakesTheFilesOwnTokens) {
  auto vocabulary = inferd::testing::ByteLevelVocabulary();
  inferd::testing::GgufBuilder builder = inferd::testing::ByteLevelFile("llama-bpe", vocabulary);
  builder.Add("tokenizer.ggml.bos_token_id", std::uint32_t{263});
  builder.Add("tokenizer.chat_template", "{{ bos_token }}<|start_header_id|>");
  const std::vector<std::byte> bytes = builder.Build();
  const auto file = gguf::GgufFile::Parse(bytes, "chat.gguf");
  const auto chat = ChatTemplate::FromGguf(*file);
  ASSERT_TRUE(chat) << chat.error().message;
  EXPECT_THAT(Join(*chat->Render(std::vector<ChatMessage>{{"user", "a"}})), ::testing::StartsWith("<|im_start|><|start_header_id|>user"));

  const std::vector<std::byte> none = inferd::testing::ByteLevelFile("qwen2", vocabulary).Build();
  EXPECT_EQ(ChatTemplate::FromGguf(*gguf::GgufFile::Parse(none, "none.gguf")).error().code, Code::kNotFound);
  const std::vector<std::byte> other = inferd::testing::GgufBuilder().Add("tokenizer.chat_template", "[INST]").Build();
  const auto refused = ChatTemplate::FromGguf(*gguf::GgufFile::Parse(other, "other.gguf"));
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("other.gguf: key 'tokenizer.chat_template'"));
}

TEST(ChatTemplate, AnySourceIsReadWithoutHarm) {
  for (const char* source :
       {"{", "{{", "{{ '", "{{ '\\", "{%", "{#", "{# <|im_start|>", "<|im_start|>{{ \"<|im_start|>system\\n", "}}{{"}) {
    static_cast<void>(ChatTemplate::FromJinja(source));
  }
}

// ---- Reasoning -----------------------------------------------------------------------------------------------------------------

struct Split {
  std::string name;
  bool enabled, starts_inside;
  std::string text, reasoning, content;
};
std::ostream& operator<<(std::ostream& out, const Split& split) { return out << split.name; }

ReasoningSplitter::Delta SplitParts(const Split& split, const std::vector<std::string_view>& parts) {
  ReasoningSplitter splitter(split.enabled, split.starts_inside);
  ReasoningSplitter::Delta all;
  const auto add = [&all](const ReasoningSplitter::Delta& delta) {
    all.reasoning += delta.reasoning;
    all.content += delta.content;
  };
  for (const std::string_view part : parts) add(splitter.Push(part));
  add(splitter.Finish());
  return all;
}

class ReasoningSplits : public ::testing::TestWithParam<Split> {};

TEST_P(ReasoningSplits, HoweverTheTextIsCut) {
  const Split& split = GetParam();
  const std::string_view text = split.text;
  const auto expect = [&split](const std::vector<std::string_view>& parts) {
    const auto found = SplitParts(split, parts);
    EXPECT_EQ(found.reasoning, split.reasoning) << ::testing::PrintToString(parts);
    EXPECT_EQ(found.content, split.content) << ::testing::PrintToString(parts);
  };
  expect({text});
  for (std::size_t i = 0; i <= text.size(); ++i) {
    expect({text.substr(0, i), text.substr(i)});
    for (std::size_t j = i; j <= text.size(); ++j) expect({text.substr(0, i), text.substr(i, j - i), text.substr(j)});
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  expect(bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, ReasoningSplits,
    ::testing::Values(Split{"Both", true, false, "<think>\nhm, so\n</think>\n\nyes", "hm, so\n", "yes"},
                      Split{"SpaceBefore", true, false, "\n <think>a</think>b", "a", "b"},
                      Split{"NoReasoning", true, false, "plain < text", "", "plain < text"},
                      Split{"EmptyReasoning", true, false, "<think>\n\n</think>\n\nyes", "", "yes"},
                      Split{"NeverClosed", true, false, "<think>\non and </thin", "on and </thin", ""},
                      Split{"NeverOpened", true, false, "<thin", "", "<thin"}, Split{"OnlySpace", true, false, " \n", "", " \n"},
                      Split{"StartsInside", true, true, "so\n</think>\n\nyes", "so\n", "yes"},
                      Split{"StartsInsideWithNewline", true, true, "\nso</think>yes", "so", "yes"},
                      Split{"StartsInsideAndOpensAgain", true, true, "<think>\nso</think>yes", "so", "yes"},
                      Split{"StartsInsideNeverCloses", true, true, "so </", "so </", ""},
                      Split{"SecondTagIsContent", true, false, "<think>a</think>b<think>c</think>", "a", "b<think>c</think>"},
                      Split{"AlmostATag", true, true, "a</thing></</think>b", "a</thing></", "b"},
                      Split{"TagLater", true, false, "b<think>c</think>", "", "b<think>c</think>"},
                      Split{"Disabled", false, false, "<think>\na</think>\n\nb", "", "<think>\na</think>\n\nb"},
                      Split{"Empty", true, false, "", "", ""}),
    [](const auto& test) { return test.param.name; });

TEST(ReasoningSplitter, HoldsBackOnlyWhatMayBecomeATag) {
  ReasoningSplitter splitter(true, false);
  EXPECT_EQ(splitter.Push("<thi").content, "");
  EXPECT_EQ(splitter.Push("nk>ab").reasoning, "ab");
  EXPECT_EQ(splitter.Push("c<").reasoning, "c");
  EXPECT_EQ(splitter.Push("d").reasoning, "<d");
  const auto both = splitter.Push("e</think>f");
  EXPECT_EQ(both.reasoning, "e");
  EXPECT_EQ(both.content, "f");
  EXPECT_EQ(splitter.Push("g<thi").content, "g<thi");
}

}  // namespace
}  // namespace inferd::model
