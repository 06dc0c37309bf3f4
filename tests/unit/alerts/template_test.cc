#include "alerts/template.h"

#include <limits>
#include <ostream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace inferd::alerts {
namespace {

using ::testing::HasSubstr;

TemplateData Data() {
  return {.labels = {{"instance", "host-1.example.com:9464"}, {"job", "inferd"}},
          .value = 0.95,
          .external_labels = {{"region", "north"}},
          .external_url = "http://prometheus",
          .query = [](const std::string& query) -> Result<std::vector<metrics::QuerySample>> {
            if (query == "none") return std::vector<metrics::QuerySample>{};
            if (query != "up") return Error(Code::kInvalidArgument, "no such query: " + query);
            return std::vector<metrics::QuerySample>{{{{"i", "b"}}, 2}, {{{"i", "a"}}, 1}};
          }};
}

struct Case {
  const char* text;
  const char* expanded;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }
class Templates : public ::testing::TestWithParam<Case> {};
TEST_P(Templates, Expand) {
  const auto expanded = ExpandTemplate(GetParam().text, Data());
  ASSERT_TRUE(expanded) << expanded.error().message;
  EXPECT_EQ(*expanded, GetParam().expanded);
  EXPECT_TRUE(CheckTemplate(GetParam().text));
}
INSTANTIATE_TEST_SUITE_P(
    Table, Templates,
    ::testing::Values(Case{"plain } text {", "plain } text {"}, Case{"{{ $labels.job }} at {{$value}}", "inferd at 0.95"},
                      Case{"{{ .Labels.job }} {{ .Value }}", "inferd 0.95"}, Case{"[{{ $labels.nothing }}]", "[]"},
                      Case{"{{ $externalLabels.region }} {{ $externalURL }}", "north http://prometheus"},
                      Case{"{{ $value | humanizePercentage }}", "95%"}, Case{"{{ humanizePercentage 0.12345678 }}", "12.35%"},
                      Case{"{{ humanize 1234567.0 }} {{ humanize 0.00123 }} {{ humanize 0 }} {{ humanize 999 }}", "1.235M 1.23m 0 999"},
                      Case{"{{ humanize1024 1048576.0 }} {{ humanize1024 1 }} {{ humanize1024 -2048 }}", "1Mi 1 -2ki"},
                      Case{"{{ range $i, $v := query \"none\" }}x{{ else }}empty{{ end }}", "empty"},
                      Case{"{{ humanizeDuration 0 }}:{{ humanizeDuration 60 }}:{{ humanizeDuration 90000 }}:{{ humanizeDuration 899.99 }}",
                           "0s:1m 0s:1d 1h 0m 0s:14m 59s"},
                      Case{"{{ humanizeDuration 0.12345 }}:{{ humanizeDuration -5 }}:{{ humanizeDuration 12.345 }}", "123.5ms:-5s:12.35s"},
                      Case{"{{ humanizeDuration \"-0\" }}", "-0s"},
                      Case{"{{ 1435065584.128 | humanizeTimestamp }}", "2015-06-23 13:19:44.128 +0000 UTC"},
                      Case{"{{ humanizeTimestamp 0 }}", "1970-01-01 00:00:00 +0000 UTC"},
                      Case{"{{ if gt $value 0.9 }}high{{ else }}low{{ end }}", "high"},
                      Case{"{{ if lt $value 0.5 }}a{{ else if eq $labels.job \"inferd\" }}b{{ else }}c{{ end }}", "b"},
                      Case{"{{ if and (ge $value 0.95) (not (eq $labels.job \"x\" \"y\")) }}yes{{ end }}", "yes"},
                      Case{"{{ if or false $labels.nothing }}yes{{ else }}no{{ end }}", "no"},
                      Case{"{{ range query \"up\" }}{{ .Labels.i }}={{ .Value }} {{ end }}", "b=2 a=1 "},
                      Case{"{{ range $i, $s := query \"up\" | sortByLabel \"i\" }}{{ $i }}{{ $s.Labels.i }}{{ end }}", "0a1b"},
                      Case{"{{ with query \"up\" }}{{ . | first | value }}{{ . | first | label \"i\" }}{{ len . }}{{ end }}", "2b2"},
                      Case{"{{ with $labels.nothing }}x{{ else }}none{{ end }}", "none"},
                      Case{"{{ $x := $labels.job }}{{ $x }}{{ $x = \"other\" }}{{ $x }}", "inferdother"},
                      Case{"a {{- /* note */ -}} b {{- $value -}} c", "ab0.95c"}, Case{"{{ \"}}\" }}{{ `raw\"` }}", "}}raw\""},
                      Case{"{{ printf \"%.1f %s %5d|%q %%\" $value $labels.job 7 \"q\" }}", "0.9 inferd     7|\"q\" %"},
                      Case{"{{ print 1 \"a\" true }}", "1atrue"},
                      Case{"{{ toUpper \"abc\" }}{{ toLower \"ABC\" }}{{ title \"two words\" }}", "ABCabcTwo Words"},
                      Case{"{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }} {{ stripPort \"[::1]:80\" }}",
                           "host-1.example.com host-1:9464 ::1"},
                      Case{"{{ reReplaceAll \"(\\\\w+)-(\\\\d)\" \"$2\" \"host-1 x\" }}{{ match \"ho.t\" \"a host\" }}", "1 xtrue"},
                      Case{"{{ index $labels \"job\" }}{{ parseDuration \"1m30s\" }}", "inferd90"},
                      Case{"{{ 1e21 }} {{ 123456789.0 }} {{ 0.00001 }}", "1e+21 123456789 1e-05"}, Case{"{{ \"12\" | humanize }}", "12"},
                      Case{"{{ . | printf \"%v\" | len }}", "10"}));

TEST(Template, NotANumberIsSaid) {
  TemplateData data = Data();
  data.value = std::numeric_limits<double>::infinity();
  EXPECT_EQ(
      ExpandTemplate("{{ $value }} {{ $value | humanize }} {{ $value | humanizeDuration }} {{ printf \"%.2f\" $value }}", data).value(),
      "+Inf +Inf +Inf +Inf");
}

struct Wrong {
  const char* text;
  const char* message;
  bool seen_without_data;
};
void PrintTo(const Wrong& w, std::ostream* out) { *out << w.text; }
class WrongTemplates : public ::testing::TestWithParam<Wrong> {};
TEST_P(WrongTemplates, AreRefused) {
  const auto expanded = ExpandTemplate(GetParam().text, Data());
  ASSERT_FALSE(expanded);
  EXPECT_THAT(expanded.error().message, HasSubstr(GetParam().message));
  EXPECT_EQ(CheckTemplate(GetParam().text).has_value(), !GetParam().seen_without_data);
}
INSTANTIATE_TEST_SUITE_P(
    Table, WrongTemplates,
    ::testing::Values(Wrong{"{{ $value", "unclosed action", true}, Wrong{"{{ }}", "missing value", true},
                      Wrong{"{{ if true }}x", "without its {{end}}", true}, Wrong{"x{{ end }}", "unexpected", true},
                      Wrong{"{{ noSuch $value }}", "function \"noSuch\" not defined", true}, Wrong{"{{ \"a }}", "unclosed action", true},
                      Wrong{"{{ (1 }}", "unclosed left parenthesis", true}, Wrong{"{{ template \"x\" }}", "is not supported", true},
                      Wrong{"{{ $value ! }}", "unexpected", true}, Wrong{"{{ $nothing }}", "undefined variable", false},
                      Wrong{"{{ humanize \"one\" }}", "not a number: one", false},
                      Wrong{"{{ first (query \"none\") }}", "no elements", false}, Wrong{"{{ query \"other\" }}", "no such query", false},
                      Wrong{"{{ humanize }}", "wrong number of arguments", false},
                      Wrong{"{{ .Nothing }}", "can't evaluate field Nothing", false},
                      Wrong{"{{ range 5 }}{{ end }}", "range can't iterate", false},
                      Wrong{"{{ lt 1 \"a\" }}", "incompatible types", false}));

TEST(Template, IsBounded) {
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "{{ if true }}";
  EXPECT_FALSE(ExpandTemplate(deep, Data()));
  EXPECT_FALSE(ExpandTemplate("{{ " + std::string(1000, '(') + "1" + std::string(1000, ')') + " }}", Data()));
  std::string wide = "{{ range query \"up\" }}" + std::string(40'000, 'x') + "{{ end }}";
  EXPECT_THAT(ExpandTemplate(wide, Data()).error().message, HasSubstr("longer than"));
}

}  // namespace
}  // namespace inferd::alerts
