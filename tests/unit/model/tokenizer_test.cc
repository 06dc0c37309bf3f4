#include "runtime/model/tokenizer.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/model/pretokenizer.h"
#include "runtime/model/special_matcher.h"
#include "tests/fakes/gguf_builder.h"
#include "tests/fakes/tiny_vocabulary.h"

namespace inferd::model {
namespace {

using inferd::testing::ByteLevelFile;
using inferd::testing::ByteLevelVocabulary;
using inferd::testing::GgufBuilder;
using inferd::testing::SentencePieceFile;
using inferd::testing::SentencePieceVocabulary;
using inferd::testing::TinyVocabulary;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};
constexpr EncodeOptions kTrusted{.add_special = false, .parse_special = true};

Result<std::unique_ptr<Tokenizer>> Load(const GgufBuilder& builder) {
  const std::vector<std::byte> bytes = builder.Build();
  const auto file = gguf::GgufFile::Parse(bytes, "tiny.gguf");
  if (!file) return tl::unexpected<Status>(file.error());
  return Tokenizer::FromGguf(*file);  // copies what it needs: the bytes go away here
}

std::unique_ptr<Tokenizer> Make(const GgufBuilder& builder) {
  auto tokenizer = Load(builder);
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return tokenizer ? *std::move(tokenizer) : nullptr;
}

std::vector<std::string_view> Words(std::string_view pre, std::string_view text) {
  std::vector<std::string_view> words;
  SplitWords(*FindPreTokenizer(pre), text, words);
  return words;
}

// ---- Words ---------------------------------------------------------------------------------------------------------------------

TEST(SplitWords, Llama3) {
  EXPECT_THAT(Words("llama-bpe", "Hello world"), ElementsAre("Hello", " world"));
  EXPECT_THAT(Words("llama3", "I'LL don't"), ElementsAre("I", "'LL", " don", "'t"));
  EXPECT_THAT(Words("llama-bpe", "1234567"), ElementsAre("123", "456", "7"));
  EXPECT_THAT(Words("llama-bpe", "a  b"), ElementsAre("a", " ", " b"));
  EXPECT_THAT(Words("llama-bpe", "a \n \n  b"), ElementsAre("a", " \n \n", " ", " b"));
  EXPECT_THAT(Words("llama-bpe", "x!!\n\ny"), ElementsAre("x", "!!\n\n", "y"));
  EXPECT_THAT(Words("llama-bpe", "(word) 你好"), ElementsAre("(word", ")", " 你好"));
  EXPECT_THAT(Words("llama-bpe", "end  "), ElementsAre("end", "  "));
  EXPECT_THAT(Words("llama-bpe",
                    "a\xFF\xFE"
                    "b"),
              ElementsAre("a", "\xFF\xFE", "b"));
  EXPECT_THAT(Words("llama-bpe", ""), IsEmpty());
}

TEST(SplitWords, Qwen2CutsEachDigit) { EXPECT_THAT(Words("qwen2", "x123"), ElementsAre("x", "1", "2", "3")); }

TEST(SplitWords, Gpt2) {
  EXPECT_THAT(Words("gpt-2", "I'll I'LL 1234"), ElementsAre("I", "'ll", " I", "'", "LL", " 1234"));
  EXPECT_THAT(Words("gpt-2", "a\n\n b"), ElementsAre("a", "\n\n", " b"));
}

TEST(SplitWords, DeepSeekCutsPiecesOfPieces) {
  EXPECT_THAT(Words("deepseek-llm", "x Grüße 12"), ElementsAre("x", " Gr", "üß", "e", " ", "1", "2"));
  EXPECT_THAT(Words("deepseek-llm", "你好。\nabc!"), ElementsAre("你好", "。", "\n", "abc", "!"));
}

TEST(SplitWords, NamesOfPreTokenizers) {
  EXPECT_FALSE(FindPreTokenizer("default"));
  EXPECT_FALSE(FindPreTokenizer(""));
  EXPECT_THAT(SupportedPreTokenizers(), HasSubstr("llama-bpe, "));
}

// ---- Special tokens ------------------------------------------------------------------------------------------------------------

TEST(SpecialMatcher, TakesTheLeftmostThenTheLongest) {
  SpecialMatcher matcher;
  matcher.Add("<a>", 1);
  matcher.Add("<a><b>", 2);
  matcher.Add("b><a", 3);
  EXPECT_EQ(matcher.Find("x<a><b><a>", 0).token, 2);
  EXPECT_EQ(matcher.Find("x<a><b", 0).token, 1);
  EXPECT_EQ(matcher.Find("<b><a>", 0).token, 3);
  const auto match = matcher.Find("x<a>y", 0);
  EXPECT_EQ(match.begin, 1U);
  EXPECT_EQ(match.end, 4U);
  EXPECT_LT(matcher.Find("x<a>y", 2).token, 0);
  EXPECT_LT(matcher.Find("", 0).token, 0);
}

// ---- Byte-level BPE ------------------------------------------------------------------------------------------------------------

TEST(BpeTokenizer, MergesInOrderOfRank) {
  const auto tokenizer = Make(ByteLevelFile("qwen2", ByteLevelVocabulary()));
  EXPECT_THAT(tokenizer->Encode("hello", kPlain), ElementsAre(259));
  EXPECT_THAT(tokenizer->Encode("hell", kPlain), ElementsAre(258));
  EXPECT_THAT(tokenizer->Encode("hello wor", kPlain), ElementsAre(259, 260, 261));
  EXPECT_THAT(tokenizer->Encode("lll", kPlain), ElementsAre(257, 'l'));
  EXPECT_THAT(tokenizer->Encode("é", kPlain), ElementsAre(262));
  EXPECT_THAT(tokenizer->Encode("", kPlain), IsEmpty());
  EXPECT_EQ(tokenizer->TokenBytes(260), " w");
  EXPECT_EQ(tokenizer->Find("hello"), 259);
  EXPECT_EQ(tokenizer->Find("nothing"), std::nullopt);
}

TEST(BpeTokenizer, SpecialTokensOnlyWhereTheyMayBe) {
  const auto tokenizer = Make(ByteLevelFile("qwen2", ByteLevelVocabulary()));
  EXPECT_THAT(tokenizer->Encode("<|im_end|>", kTrusted), ElementsAre(264));
  EXPECT_THAT(tokenizer->Encode("<|im_end|>", kPlain), ::testing::Not(::testing::Contains(264)));
  EXPECT_THAT(tokenizer->Encode("a<tool>b", kPlain), ElementsAre('a', 265, 'b'));
  EXPECT_THAT(tokenizer->Encode("<tool><tool><tool>", kPlain), ElementsAre(266, 265));
  EXPECT_THAT(tokenizer->Encode("<|im_start|>hello<|im_end|>", kTrusted), ElementsAre(263, 259, 264));
}

TEST(BpeTokenizer, ControlTokensAreSilent) {
  const auto tokenizer = Make(ByteLevelFile("qwen2", ByteLevelVocabulary()));
  const std::vector<TokenId> tokens{263, 259, 264, 265, -1, 99999};
  EXPECT_EQ(tokenizer->Decode(tokens), "hello<tool>");
  EXPECT_EQ(tokenizer->Decode(tokens, true), "<|im_start|>hello<|im_end|><tool>");
  EXPECT_TRUE(tokenizer->IsControl(263));
  EXPECT_FALSE(tokenizer->IsControl(265));
  EXPECT_FALSE(tokenizer->IsControl(-1));
}

TEST(BpeTokenizer, WholeWordsComeFirstForLlama3Only) {
  TinyVocabulary vocabulary = ByteLevelVocabulary();
  const std::int32_t whole = vocabulary.Add("zebra", inferd::testing::kNormalToken);
  EXPECT_THAT(Make(ByteLevelFile("llama-bpe", vocabulary))->Encode("zebra", kPlain), ElementsAre(whole));
  EXPECT_EQ(Make(ByteLevelFile("qwen2", vocabulary))->Encode("zebra", kPlain).size(), 5U);
}

TEST(BpeTokenizer, AddsBeginningAndEndAsTheFileSays) {
  const TinyVocabulary vocabulary = ByteLevelVocabulary();
  GgufBuilder says_so = ByteLevelFile("qwen2", vocabulary);
  says_so.Add("tokenizer.ggml.bos_token_id", std::uint32_t{263}).Add("tokenizer.ggml.eos_token_id", std::uint32_t{264});
  says_so.Add("tokenizer.ggml.add_bos_token", true).Add("tokenizer.ggml.add_eos_token", true);
  EXPECT_THAT(Make(says_so)->Encode("hello"), ElementsAre(263, 259, 264));

  GgufBuilder silent = ByteLevelFile("qwen2", vocabulary);
  silent.Add("tokenizer.ggml.bos_token_id", std::uint32_t{263});
  EXPECT_THAT(Make(silent)->Encode("hello"), ElementsAre(259));

  GgufBuilder llama = ByteLevelFile("llama-bpe", vocabulary);
  llama.Add("tokenizer.ggml.bos_token_id", std::uint32_t{263});
  EXPECT_THAT(Make(llama)->Encode("hello"), ElementsAre(263, 259));
}

TEST(BpeTokenizer, KnowsWhatEndsGeneration) {
  TinyVocabulary vocabulary = ByteLevelVocabulary();
  const std::int32_t named_but_plain = vocabulary.Add("<|endoftext|>", inferd::testing::kUserDefinedToken);
  GgufBuilder builder = ByteLevelFile("qwen2", vocabulary);
  builder.Add("tokenizer.ggml.eos_token_id", std::uint32_t{263}).Add("tokenizer.ggml.eot_token_id", std::uint32_t{259});
  builder.Add("tokenizer.ggml.eom_token_id", std::uint32_t{258});
  const auto tokenizer = Make(builder);
  for (const TokenId ends : {263, 264, 259, 258}) EXPECT_TRUE(tokenizer->IsEndOfGeneration(ends)) << ends;
  for (const TokenId goes_on : {named_but_plain, 257, -1, 100000}) EXPECT_FALSE(tokenizer->IsEndOfGeneration(goes_on)) << goes_on;
  EXPECT_EQ(tokenizer->eos(), 263);
  EXPECT_EQ(tokenizer->bos(), std::nullopt);
}

// ---- SentencePiece -------------------------------------------------------------------------------------------------------------

TEST(SpmTokenizer, MergesByScore) {
  const auto tokenizer = Make(SentencePieceFile(SentencePieceVocabulary()));
  EXPECT_THAT(tokenizer->Encode("hello", kPlain), ElementsAre(268));
  EXPECT_THAT(tokenizer->Encode("hello hello", kPlain), ElementsAre(268, 268));
  EXPECT_THAT(tokenizer->Encode("hel", kPlain), ElementsAre(266, 262));
  EXPECT_THAT(tokenizer->Encode("", kPlain), IsEmpty());
}

TEST(SpmTokenizer, WhatIsNoPieceBecomesBytes) {
  const auto tokenizer = Make(SentencePieceFile(SentencePieceVocabulary()));
  EXPECT_THAT(tokenizer->Encode("xé", kPlain), ElementsAre(259, 3 + 'x', 269));
  EXPECT_THAT(tokenizer->Encode("\xFF", kPlain), ElementsAre(259, 3 + 0xFF));
  EXPECT_EQ(tokenizer->TokenBytes(3 + 0xFF), "\xFF");
  // Neither the spelling of the space nor the name of a byte token in the text is what it looks like.
  EXPECT_THAT(tokenizer->Encode("▁", kPlain), ElementsAre(259, 3 + 0xE2, 3 + 0x96, 3 + 0x81));
  EXPECT_EQ(tokenizer->Encode("<0x41>", kPlain).size(), 7U);
}

TEST(SpmTokenizer, SpacePrefixBeginsAStretchAndDecodeTakesItAway) {
  const auto tokenizer = Make(SentencePieceFile(SentencePieceVocabulary()));
  EXPECT_THAT(tokenizer->Encode("hello"), ElementsAre(1, 268));
  EXPECT_EQ(tokenizer->Decode(tokenizer->Encode("hello")), "hello");
  EXPECT_EQ(tokenizer->TokenBytes(268), " hello");
  EXPECT_THAT(tokenizer->Encode("hello</s>hello", kTrusted), ElementsAre(268, 2, 268));
  EXPECT_EQ(tokenizer->Decode(tokenizer->Encode("hello</s>hello", kTrusted), true), "hello</s>hello");
  EXPECT_THAT(tokenizer->Encode("<think>h", kPlain), ElementsAre(270, 260));
  EXPECT_EQ(tokenizer->Decode(tokenizer->Encode("<think> h", kPlain)), "<think> h");
  EXPECT_TRUE(tokenizer->IsEndOfGeneration(2));
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
}

TEST(SpmTokenizer, WithoutSpacePrefix) {
  GgufBuilder builder = SentencePieceFile(SentencePieceVocabulary());
  builder.Add("tokenizer.ggml.add_space_prefix", false);
  const auto tokenizer = Make(builder);
  EXPECT_THAT(tokenizer->Encode("he", kPlain), ElementsAre(260, 261));
  EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(" he", kPlain)), " he");
}

// ---- All families --------------------------------------------------------------------------------------------------------------

class EveryFamily : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Tokenizer> tokenizer_ = std::string_view(GetParam()) == "spm" ? Make(SentencePieceFile(SentencePieceVocabulary()))
                                                                                : Make(ByteLevelFile(GetParam(), ByteLevelVocabulary()));
};

TEST_P(EveryFamily, RandomBytesComeBack) {
  // Pieces that make trouble where they meet, between bytes of any value.
  constexpr std::string_view kPieces[] = {" ", "  ", "\n", "hello", "<tool>", "<think>",  "<|im_end|>", "</s>",   "▁",
                                          "é", "中", "😀",  "'s",    "123",    "\xE4\xB8", "\xF0\x9F",   "<0x0A>", "\xC4\xA0"};
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (auto parts = random() % 12; parts > 0; --parts) {
      if (random() % 2 == 0) {
        text += kPieces[random() % std::size(kPieces)];
      } else {
        text.push_back(static_cast<char>(random() % 256));
      }
    }
    ASSERT_EQ(tokenizer_->Decode(tokenizer_->Encode(text, kPlain), true), text);
    ASSERT_EQ(tokenizer_->Decode(tokenizer_->Encode(text, kTrusted), true), text);
  }
}

TEST_P(EveryFamily, HostileTextTakesLinearTime) {
#if defined(INFERD_SANITIZED)
  constexpr std::size_t kSize = 64U << 10U;  // instrumented: twenty times slower, and not about time
#else
  constexpr std::size_t kSize = 1U << 20U;
#endif
  const auto repeat = [](std::string_view unit) {
    std::string text;
    while (text.size() < kSize) text += unit;
    return text;
  };
  for (const std::string_view unit :
       {"a", "l", "he", "hello", "😀", " ", "\n", " \n", "1", "!", "'", "<", "<tool", "<tool>", "é", "\xFF", "▁"}) {
    const std::string text = repeat(unit);
    EXPECT_EQ(tokenizer_->Decode(tokenizer_->Encode(text, kTrusted), true), text) << unit;
  }
  const std::string zeros(kSize, '\0');
  EXPECT_EQ(tokenizer_->Decode(tokenizer_->Encode(zeros, kPlain)), zeros);
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, EveryFamily,
                         ::testing::Values("llama-bpe", "qwen2", "deepseek-llm", "deepseek-r1-qwen", "gpt-2", "spm"), [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

// ---- Refusals ------------------------------------------------------------------------------------------------------------------

struct Refusal {
  std::string name;
  GgufBuilder file;
  Code code;
  std::vector<std::string> fragments;
};
std::ostream& operator<<(std::ostream& out, const Refusal& c) { return out << c.name; }

GgufBuilder Changed(const std::function<void(TinyVocabulary&)>& change) {
  TinyVocabulary vocabulary = ByteLevelVocabulary();
  change(vocabulary);
  return ByteLevelFile("qwen2", vocabulary);
}
GgufBuilder ChangedPieces(const std::function<void(TinyVocabulary&)>& change) {
  TinyVocabulary vocabulary = SentencePieceVocabulary();
  change(vocabulary);
  return SentencePieceFile(vocabulary);
}

std::vector<Refusal> Refusals() {
  const std::string tokens = "'tokenizer.ggml.tokens'";
  return {
      {"NoTokenizer", GgufBuilder(), Code::kCorrupt, {"'tokenizer.ggml.model' is missing"}},
      {"OtherModel", GgufBuilder().Add("tokenizer.ggml.model", "bert"), Code::kUnsupported, {"'bert'", "gpt2", "llama"}},
      {"NoPre", GgufBuilder().Add("tokenizer.ggml.model", "gpt2"), Code::kUnsupported, {"'tokenizer.ggml.pre'", "qwen2"}},
      {"OtherPre",
       GgufBuilder().Add("tokenizer.ggml.model", "gpt2").Add("tokenizer.ggml.pre", "tekken"),
       Code::kUnsupported,
       {"'tekken'", "llama-bpe", "deepseek-r1-qwen"}},
      {"DefaultPre",
       GgufBuilder().Add("tokenizer.ggml.model", "gpt2").Add("tokenizer.ggml.pre", "default"),
       Code::kUnsupported,
       {"'default'"}},
      {"NoTokens",
       GgufBuilder().Add("tokenizer.ggml.model", "gpt2").Add("tokenizer.ggml.pre", "qwen2"),
       Code::kCorrupt,
       {tokens, "is missing"}},
      {"EmptyTokens",
       GgufBuilder().Add("tokenizer.ggml.model", "llama").AddArray("tokenizer.ggml.tokens", std::vector<std::string>{}),
       Code::kCorrupt,
       {tokens, "is empty"}},
      {"NoMerges",
       GgufBuilder()
           .Add("tokenizer.ggml.model", "gpt2")
           .Add("tokenizer.ggml.pre", "qwen2")
           .AddArray("tokenizer.ggml.tokens", ByteLevelVocabulary().tokens),
       Code::kCorrupt,
       {"'tokenizer.ggml.merges'", "is missing"}},
      {"TypesOfOtherLength", Changed([](auto& v) { v.types.pop_back(); }), Code::kCorrupt, {"'tokenizer.ggml.token_type'", "266", "267"}},
      {"TypeOutOfRange", Changed([](auto& v) { v.types[3] = 7; }), Code::kCorrupt, {"'tokenizer.ggml.token_type'", "token 3", "type 7"}},
      {"ByteMissing", Changed([](auto& v) { v.tokens[0x41] = "AA"; }), Code::kCorrupt, {tokens, "byte 65"}},
      {"SameTokenTwice", Changed([](auto& v) { v.Add("A", 1); }), Code::kCorrupt, {tokens, "token 267", "token 65"}},
      {"SpecialTooLong", Changed([](auto& v) { v.Add(std::string(257, '<'), 3); }), Code::kCorrupt, {tokens, "267", "256"}},
      {"MergeWithoutSpace",
       Changed([](auto& v) { v.merges.push_back("ab"); }),
       Code::kCorrupt,
       {"'tokenizer.ggml.merges'", "merge 7 'ab'"}},
      {"MergeOfUnknown", Changed([](auto& v) { v.merges.push_back("q u"); }), Code::kCorrupt, {"merge 7 'q u'", "vocabulary"}},
      {"MergeSpelledWrong", Changed([](auto& v) { v.merges.push_back("中 文"); }), Code::kCorrupt, {"merge 7", "spelling"}},
      {"BosOutOfRange",
       ByteLevelFile("qwen2", ByteLevelVocabulary()).Add("tokenizer.ggml.bos_token_id", std::uint32_t{267}),
       Code::kCorrupt,
       {"'tokenizer.ggml.bos_token_id'", "token 267", "less than 267"}},
      {"EotOfWrongType",
       ByteLevelFile("qwen2", ByteLevelVocabulary()).Add("tokenizer.ggml.eot_token_id", "x"),
       Code::kCorrupt,
       {"'tokenizer.ggml.eot_token_id'", "string"}},
      {"NoScores",
       GgufBuilder()
           .Add("tokenizer.ggml.model", "llama")
           .AddArray("tokenizer.ggml.tokens", SentencePieceVocabulary().tokens)
           .AddArray("tokenizer.ggml.token_type", SentencePieceVocabulary().types),
       Code::kCorrupt,
       {"'tokenizer.ggml.scores'", "is missing"}},
      {"ScoresOfOtherLength", ChangedPieces([](auto& v) { v.scores.pop_back(); }), Code::kCorrupt, {"'tokenizer.ggml.scores'", "270"}},
      {"ScoreNan", ChangedPieces([](auto& v) { v.scores[260] = std::nanf(""); }), Code::kCorrupt, {"'tokenizer.ggml.scores'", "260"}},
      {"ByteTokenMisnamed", ChangedPieces([](auto& v) { v.tokens[5] = "<0xZZ>"; }), Code::kCorrupt, {tokens, "token 5", "<0x0A>"}},
      {"ByteTokenMissing", ChangedPieces([](auto& v) { v.types[5] = 1; }), Code::kCorrupt, {tokens, "byte 2"}},
  };
}

class RefusedTokenizer : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedTokenizer, NamesFileKeyAndWhatWasExpected) {
  const auto tokenizer = Load(GetParam().file);
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code, GetParam().code) << tokenizer.error().message;
  EXPECT_THAT(tokenizer.error().message, HasSubstr("tiny.gguf: "));
  for (const std::string& fragment : GetParam().fragments) EXPECT_THAT(tokenizer.error().message, HasSubstr(fragment));
}

INSTANTIATE_TEST_SUITE_P(Table, RefusedTokenizer, ::testing::ValuesIn(Refusals()), [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace inferd::model
