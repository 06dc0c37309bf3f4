// Writes the seed corpora: make_seeds FOLDER makes FOLDER/<target>/<name>.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gguf/gguf.h"
#include "tests/fakes/gguf_builder.h"

namespace {

using inferd::gguf::TensorType;
using inferd::testing::GgufBuilder;

void WriteGgufSeeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  GgufBuilder(2).WriteTo(folder / "empty_v2");
  GgufBuilder(3).Add("general.architecture", "llama").Add("general.alignment", std::uint32_t{64}).WriteTo(folder / "keys");

  GgufBuilder scalars;
  scalars.Add("u8", std::uint8_t{1}).Add("i8", std::int8_t{-1}).Add("u16", std::uint16_t{1}).Add("i16", std::int16_t{-1});
  scalars.Add("u32", std::uint32_t{1}).Add("i32", -1).Add("u64", std::uint64_t{1}).Add("i64", std::int64_t{-1});
  scalars.Add("f32", 1.5F).Add("f64", 1.5).Add("bool", true).Add("string", "text");
  scalars.WriteTo(folder / "scalars");

  GgufBuilder arrays;
  arrays.AddArray("strings", std::vector<std::string>{"a", "", "ccc"}).AddArray("ints", std::vector<std::int32_t>{1, 2});
  arrays.AddArray("floats", std::vector<float>{1}).AddArray("bytes", std::vector<std::uint8_t>{1, 2, 3});
  arrays.WriteTo(folder / "arrays");

  GgufBuilder tensors;
  tensors.AddF32("norm", {4}, std::vector<float>(4));
  tensors.AddTensor("f16", TensorType::kF16, {3, 2}, std::vector<std::byte>(12));
  tensors.AddTensor("q8", TensorType::kQ8_0, {32, 2, 1, 1}, std::vector<std::byte>(68));
  tensors.AddTensor("q4", TensorType::kQ4_0, {64}, std::vector<std::byte>(36));
  tensors.WriteTo(folder / "tensors");
}

void WriteText(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

void WriteTokenizerSeeds(const std::filesystem::path& folder) {
  constexpr std::string_view kTexts[] = {"hello world", "I'll 123 \n\n x", "<|im_start|>é<tool>", "你好。\t😀", "\xFF\xC3 ▁<0x0A>"};
  // Five families, each without and with special tokens parsed.
  for (int family = 0; family < 5; ++family) {
    for (const std::string_view text : kTexts) {
      const std::string name = std::to_string(family) + "_" + std::to_string(&text - kTexts);
      WriteText(folder / name, std::string(1, static_cast<char>(family)) += text);
      WriteText(folder / (name + "s"), std::string(1, static_cast<char>(0x80 + (family + 2) % 5)) += text);
    }
  }
}

void WriteBodySeeds(const std::filesystem::path& folder) {
  // The first character chooses the endpoint by its value modulo 4: chat, completions, tokenize, detokenize.
  constexpr std::string_view kBodies[] = {
      R"(0{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"logprobs":true,"top_logprobs":2,"stream":true,"stream_options":{"include_usage":true}})",
      R"(1{"model":"m","prompt":["a","b"],"n":2,"stop":["x"],"temperature":1e-3,"logit_bias":{"5":1.5},"seed":-1,"max_tokens":7,"best_of":2})",
      R"(1{"model":"m","prompt":[[1,2],[3]],"temperature":1e999,"top_p":NaN})",
      R"(2{"content":"x\ud83d\ude42","add_special":false})",
      R"(3{"tokens":[1,2,3]})",
  };
  for (const std::string_view body : kBodies) WriteText(folder / std::to_string(&body - kBodies), body);
}

void WriteQuerySeeds(const std::filesystem::path& folder) {
  constexpr std::string_view kQueries[] = {
      R"q(sum by (x) (rate(a{x=~"1|2", y!=""}[1m] offset -15s)) / on (x) group_left (le) b_bucket > bool 0x1F)q",
      R"q(histogram_quantile(0.9, b_bucket) or topk(2, -a @ start()) unless ignoring (x) count_values("v", {"a", 'x'='1'}))q",
      R"q(max_over_time((a ^ 2 % 3 atan2 .5e-3)[5m:30s] @ 12.5) and label_replace(a, "d", "${1}$$", `x`, "(.*)"))q",
      R"q(quantile_over_time(NaN, a[1h30m]) == 1_000 # comment)q",
      R"q(clamp(a, -Inf, +Inf) * ignoring (x) group_right absent_over_time(c[5m:]) + hour() - scalar(vector(time())))q",
      R"q(sort_desc(predict_linear(a[2m], 60)) offset 5m)q",
      R"q("\u00e9\x41\n\101")q",
  };
  for (const std::string_view query : kQueries) WriteText(folder / std::to_string(&query - kQueries), query);
}

void WriteRuleSeeds(const std::filesystem::path& root) {
  constexpr std::string_view kFiles[] = {
      "groups:\n- name: g\n  interval: 30s\n  limit: 3\n  query_offset: 1m\n  labels: {team: a}\n  rules:\n"
      "  - {record: 'a:b', expr: sum by (x) (a), labels: {c: d}}\n"
      "  - {alert: A, expr: a > 1, for: 15s, keep_firing_for: 1m, labels: {s: '{{ $labels.x }}'}, annotations: {t: '{{ $value | humanize "
      "}}'}}\n",
      "groups: []\n", "groups: [{name: &n g, rules: []}, {name: *n}]\n", "groups:\n- name: g\n  rules: [{alert: B, expr: '('}]\n"};
  constexpr std::string_view kTemplates[] = {
      "{{ $labels.x }} is {{ $value | humanize1024 }}B, {{ printf \"%.2f%%\" $value }}",
      "{{ range query \"up\" }}{{ .Labels.q }}={{ .Value }};{{ else }}none{{ end }}",
      "{{ if and (gt $value 1.0) (ne $labels.x \"2\") }}a{{ else if true }}b{{ end }}{{ with $x := 5 }}{{ $x }}{{ end }}",
      "{{- \"q\" | toUpper | reReplaceAll \"(.)\" \"$1$1\" -}} {{/* note */}} {{ $externalURL }}{{ first (query \"a\") | value }}"};
  constexpr std::string_view kSilences[] = {
      R"({"matchers":[{"name":"alertname","value":"A|B","isRegex":true,"isEqual":false}],"startsAt":"2026-01-31T12:00:00.5Z",)"
      R"("endsAt":"2026-01-31T14:00:00+02:00","createdBy":"me","comment":"work"})",
      R"([{"id":"1","matchers":[{"name":"a","value":"b"}],"startsAt":"2026-01-31T12:00:00Z","endsAt":"2026-02-01T12:00:00Z",)"
      R"("updatedAt":"2026-01-31T12:00:00Z","createdBy":"","comment":"","status":{"state":"active"}}])"};
  for (const std::string_view text : kSilences) WriteText(root / "silence_fuzz" / std::to_string(&text - kSilences), text);
  for (const std::string_view file : kFiles) WriteText(root / "rule_file_fuzz" / std::to_string(&file - kFiles), file);
  for (const std::string_view text : kTemplates) WriteText(root / "template_fuzz" / std::to_string(&text - kTemplates), text);
}

void WriteChatSeeds(const std::filesystem::path& folder) {
  constexpr std::string_view kSources[] = {
      "{% for m in messages %}{{'<|im_start|>' + m.role}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' "
      "}}",
      "{{ '<|im_start|>system\\nBe kind.<|im_end|>\\n' }}</think> last_query_index",
      "{# note #}{{ bos_token }}{% set date_string = \"26 Jul 2024\" %}{{ 'Cutting Knowledge Date: x\\n' }}<|start_header_id|>",
      "{{ 'User: ' + c }}{{ 'Assistant:' + eos_token }}", "<｜User｜><｜Assistant｜></think> is_first_sp"};
  constexpr std::string_view kOutputs[] = {"<think>\na\n</think>\n\nb", " \n<thinking", "a</think>b", "<think></thin</think>"};
  for (const std::string_view source : kSources) {
    WriteText(folder / ("source" + std::to_string(&source - kSources)), std::string("\x01\x01") += source);
  }
  for (const std::string_view output : kOutputs) {
    WriteText(folder / ("output" + std::to_string(&output - kOutputs)), std::string("\x02\x01") += output);
    WriteText(folder / ("inside" + std::to_string(&output - kOutputs)), std::string("\x06\x03") += output);
  }
}

void WriteLogSeeds(const std::filesystem::path& root) {
  constexpr std::string_view kTexts[] = {"plain", "a\"b\\c\n\x1b[31m\x7f", "\xE2\x80\xA8 \xFF\xC3 \xF0\x9F\x99\x82",
                                         "mail jane.doe@example.co.uk, card 4111 1111 1111 1111, tel +49 170 1234567",
                                         "sk-abcDEF1234567890 078-05-1120 2026-11-22 -----BEGIN PRIVATE KEY-----\nx\n-----END "};
  for (const std::string_view text : kTexts) {
    const std::string name = std::to_string(&text - kTexts);
    WriteText(root / "log_line_fuzz" / name, std::string("\x03") += text);
    WriteText(root / "redact_fuzz" / name, text);
  }
  constexpr std::string_view kHeaders[] = {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                           "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes-later",
                                           "00-00000000000000000000000000000000-b7ad6b7169203331-00"};
  for (const std::string_view header : kHeaders) WriteText(root / "traceparent_fuzz" / std::to_string(&header - kHeaders), header);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_seeds FOLDER\n");
    return 2;
  }
  const std::filesystem::path root = argv[1];
  WriteGgufSeeds(root / "gguf_fuzz");
  WriteTokenizerSeeds(root / "tokenizer_fuzz");
  WriteChatSeeds(root / "chat_fuzz");
  WriteBodySeeds(root / "request_body_fuzz");
  WriteQuerySeeds(root / "promql_fuzz");
  WriteRuleSeeds(root);
  WriteLogSeeds(root);
  return 0;
}
