#include "logging/redact.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace inferd::logging {
namespace {

struct Case {
  const char* text;
  const char* redacted;
};

TEST(Redact, Table) {
  // The card numbers are those that makers of payment software publish for tests.
  constexpr Case kCases[] = {
      {"", ""},
      {"nothing to hide here", "nothing to hide here"},
      // E-mail addresses.
      {"mail jane.doe+x@example.co.uk now", "mail [email] now"},
      {"@jane@example.com and @@ab.cd", "[email] and [email]"},
      {"to bob.o'neil+x@example.co.uk, a!b#c@d.org", "to [email], [email]"},
      {"<a@b.de>, c_d@e.org.", "<[email]>, [email]."},
      {"请发到ab@example.com谢谢", "请发到[email]谢谢"},
      {"@mention and a@b stay", "@mention and a@b stay"},
      // Card numbers, with and without their groups; a wrong check digit makes it another number, and it goes all the same.
      {"card 4111111111111111.", "card [card]."},
      {"4111 1111 1111 1111", "[card]"},
      {"5500-0000-0000-0004 and 340000000000009", "[card] and [card]"},
      {"4111111111111112", "[number]"},
      {"x4111111111111111y", "x[card]y"},
      {"two 4111 1111 1111 1111 5500 0000 0000 0004 cards", "two [number] cards"},
      // As they come out of documents: spaces and hyphens that do not break, tabs, full-width digits, marks that nobody sees.
      {"4111\u00A01111\u00A01111\u00A01111", "[card]"},
      {"4111\u20111111\u20111111\u20111111 or 4111\t1111\t1111\t1111", "[card] or [card]"},
      {"4111_1111_1111_1111", "[card]"},
      {"４１１１ １１１１ １１１１ １１１１", "[card]"},
      {"4111\u200B1111\u200B1111\u200B1111", "[card]"},
      {"mail jane.doe＠example．com", "mail [email]"},
      {"+49\u202F170\u202F1234567", "[phone]"},
      // Telephone numbers.
      {"call +49 170 1234567 or (030) 123-4567", "call [phone] or ([phone]"},
      {"tel:13800138000", "tel:[phone]"},
      {"+1 (415) 555-2671", "[phone]"},
      // Identity numbers.
      {"SSN 078-05-1120", "SSN [id]"},
      {"身份证11010519491231002X。", "身份证[id]X。"},
      {"110105194912310021", "[id]"},
      // Keys.
      {"key sk-abcDEF1234567890 ok", "key [key] ok"},
      {"Authorization: Bearer abc.def_ghi", "Authorization: Bearer [key]"},
      {"AKIAIOSFODNN7EXAMPLE", "[key]"},
      {"github_pat_11ABCDEFG0abcdefghij", "[key]"},
      {"sha 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "sha [key]"},
      {"-----BEGIN RSA PRIVATE KEY-----\nMIIE\nxyz\n-----END RSA PRIVATE KEY-----\nafter", "[key]\nafter"},
      {"-----BEGIN PRIVATE KEY-----\nnever closed", "[key]"},
      // What stays.
      {"in 2026-11-22 we had 12345678 tokens at 3.14159", "in 2026-11-22 we had 12345678 tokens at 3.14159"},
      {"room 12, 100 000 people", "room 12, 100 000 people"},
      {"a-very-long-hyphenated-compound-of-words-without-digits", "a-very-long-hyphenated-compound-of-words-without-digits"},
      {"/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libc.so.6"},
  };
  for (const Case& c : kCases) EXPECT_EQ(Redact(c.text), c.redacted) << c.text;
}

TEST(Redact, NoLongNumberIsLeft) {
  std::string text;
  std::uint32_t state = 1;
  constexpr std::string_view kLetters = "0123456789 -.()+/aX@";
  for (int i = 0; i < 200'000; ++i) {
    state = state * 1664525 + 1013904223;
    text += kLetters[(state >> 16U) % kLetters.size()];
  }
  const std::string out = Redact(text);
  int run = 0;
  for (const char c : out) {
    run = c >= '0' && c <= '9' ? run + 1 : 0;
    ASSERT_LT(run, 10);
  }
}

TEST(Luhn, KnowsItsExamples) {
  EXPECT_TRUE(PassesLuhn("79927398713"));
  EXPECT_FALSE(PassesLuhn("79927398710"));
  EXPECT_TRUE(PassesLuhn("4111-1111 1111.1111"));
}

}  // namespace
}  // namespace inferd::logging
