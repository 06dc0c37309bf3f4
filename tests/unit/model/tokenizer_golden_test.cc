// Token ids against those that the families' own libraries give (tests/golden/make_goldens.py).
#include <utf8proc.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/gguf/gguf.h"
#include "runtime/model/tokenizer.h"

namespace inferd::model {
namespace {

struct Case {
  std::string text;
  bool parse_special;
  std::vector<TokenId> ids;
};

// Layout: "IGT1", u32 n, then n times: u32 length, text, u32 flags, u32 n_ids, i32 ids.
std::vector<Case> ReadCases(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const auto u32 = [&in] {
    std::uint32_t value = 0;
    in.read(reinterpret_cast<char*>(&value), sizeof(value));
    return value;
  };
  char magic[4] = {};
  in.read(magic, sizeof(magic));
  EXPECT_EQ(std::string_view(magic, 4), "IGT1") << path;
  std::vector<Case> cases(in ? u32() : 0);
  for (Case& c : cases) {
    c.text.resize(u32());
    in.read(c.text.data(), static_cast<std::streamsize>(c.text.size()));
    c.parse_special = u32() == 1;
    c.ids.resize(u32());
    in.read(reinterpret_cast<char*>(c.ids.data()), static_cast<std::streamsize>(c.ids.size() * sizeof(TokenId)));
  }
  EXPECT_TRUE(in) << path << " is cut";
  return cases;
}

std::string Nfc(const std::string& text) {
  utf8proc_uint8_t* normalised = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                                 &normalised, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  EXPECT_GE(size, 0);
  std::string out(reinterpret_cast<const char*>(normalised), static_cast<std::size_t>(size));
  std::free(normalised);
  return out;
}

class TokenizerGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerGolden, EveryTextGivesTheSameIds) {
  const std::string base = std::string(INFERD_SOURCE_DIR "/tests/golden/data/tokenizers/") + GetParam();
  const auto file = gguf::GgufFile::Open(base + ".gguf");
  ASSERT_TRUE(file) << file.error().message;
  const auto tokenizer = Tokenizer::FromGguf(*file);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const std::vector<Case> cases = ReadCases(base + ".cases");
  EXPECT_GE(cases.size(), 2000U);

  // The library puts qwen2 texts into normal form C before it cuts them; here the text is the caller's, and comes back as it was.
  const bool library_normalises = std::string_view(GetParam()) == "qwen2";
  int wrong = 0;
  for (const Case& c : cases) {
    const std::vector<TokenId> ids =
        (*tokenizer)->Encode(library_normalises ? Nfc(c.text) : c.text, {.add_special = false, .parse_special = c.parse_special});
    if (ids != c.ids && ++wrong <= 10) {
      ADD_FAILURE() << "text: " << ::testing::PrintToString(c.text) << (c.parse_special ? " (special parsed)" : "")
                    << "\nexpected: " << ::testing::PrintToString(c.ids) << "\nfound:    " << ::testing::PrintToString(ids);
    }
    const std::vector<TokenId> plain = (*tokenizer)->Encode(c.text, {.add_special = false, .parse_special = c.parse_special});
    EXPECT_EQ((*tokenizer)->Decode(plain, /*show_special=*/true), c.text);
  }
  EXPECT_EQ(wrong, 0) << "of " << cases.size();
}

INSTANTIATE_TEST_SUITE_P(Families, TokenizerGolden,
                         ::testing::Values("llama-bpe", "qwen2", "deepseek-llm", "deepseek-r1-qwen", "gpt-2", "spm"), [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace inferd::model
