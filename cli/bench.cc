// inferctl bench: puts load on a server and says how it fared.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/http_client.h"
#include "cli/load_run.h"
#include "cli/sse_parser.h"
#include "cli/text.h"

namespace inferd::cli {
namespace {

using Json = nlohmann::ordered_json;

struct BenchOptions {
  int concurrency = 8;
  std::optional<double> rate;
  std::string arrivals = "poisson";
  std::string duration = "30s";
  std::string warmup = "0";
  std::string timeout = "120s";
  int prompt_tokens = 128;
  int max_tokens = 64;
  std::string endpoint = "chat";
  std::string model;
  double temperature = 1;
  std::uint64_t seed = 1;
  bool json = false;
};

std::atomic<bool> g_stop{false};
void OnSignal(int /*signal*/) { g_stop.store(true); }

// Short common words, about a token each in any vocabulary.
constexpr std::array<std::string_view, 32> kWords{"time",    "year",     "people", "way",    "day",    "man",     "thing",   "life",
                                                  "child",   "world",    "school", "state",  "family", "student", "group",   "country",
                                                  "problem", "hand",     "part",   "place",  "case",   "week",    "company", "system",
                                                  "program", "question", "work",   "number", "night",  "point",   "home",    "water"};

// Words in an order of their own for each request, so that no two share a prefix that a server may have kept.
std::string Words(std::uint64_t seed, std::uint64_t index, int count) {
  std::mt19937_64 random(seed * 0x9E3779B97F4A7C15ULL + index);
  std::string text;
  for (int i = 0; i < count; ++i) {
    if (i > 0) text += ' ';
    text += kWords[random() % kWords.size()];
  }
  return text;
}

std::string Body(const BenchOptions& options, std::uint64_t index, int words, int max_tokens) {
  const std::string text = Words(options.seed, index, words);
  Json body{{"model", options.model}, {"stream", true}, {"stream_options", {{"include_usage", true}}}, {"max_tokens", max_tokens}};
  body["temperature"] = options.temperature;
  body["seed"] = options.seed + index;
  if (options.endpoint == "chat") {
    body["messages"] = Json::array({{{"role", "user"}, {"content", text}}});
  } else {
    body["prompt"] = text;
  }
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// How many words make a prompt of the wanted length: asks the server for two short answers and looks at the prompt tokens it counted.
Result<int> WordsForPrompt(HttpClient& client, const BenchOptions& options, const std::string& url) {
  const auto measure = [&](std::uint64_t index, int words) -> Result<int> {
    int tokens = 0;
    SseParser parser;
    const auto on_event = [&tokens](std::string_view data) {
      const Json event = Json::parse(data, nullptr, /*allow_exceptions=*/false);
      if (!event.is_object() || !event.contains("usage") || !event["usage"].is_object()) return;
      const auto count = event["usage"].find("prompt_tokens");
      if (count != event["usage"].end() && count->is_number_integer()) tokens = count->get<int>();
    };
    // Indices from the far end: the run itself never sends these prompts.
    INFERD_ASSIGN_OR_RETURN(const HttpResponse response, client.Post(url, Body(options, ~index, words, 1),
                                                                     [&](std::string_view bytes) { return parser.Feed(bytes, on_event); }));
    if (response.status != 200) return Error(Code::kUnavailable, url + ": " + ErrorMessage(response));
    return tokens;
  };
  constexpr int kFew = 4;
  constexpr int kMore = 36;
  INFERD_ASSIGN_OR_RETURN(const int few, measure(0, kFew));
  INFERD_ASSIGN_OR_RETURN(const int more, measure(1, kMore));
  if (more <= few) return std::max(1, options.prompt_tokens);  // no usage was sent: a token a word, then
  const double per_word = static_cast<double>(more - few) / (kMore - kFew);
  const double overhead = few - per_word * kFew;  // of the template
  return std::max(1, static_cast<int>(std::lround((options.prompt_tokens - overhead) / per_word)));
}

// ---- Report --------------------------------------------------------------------------------------------------------------------

Json ToJson(const Summary& s) {
  return {{"count", s.count}, {"mean", s.mean}, {"p50", s.p50}, {"p90", s.p90}, {"p95", s.p95}, {"p99", s.p99}, {"max", s.max}};
}

std::uint64_t FailureCount(const LoadResult& result) {
  std::uint64_t count = 0;
  for (const auto& [kind, n] : result.failures) count += n;
  return count;
}

// Requests that failed, by kind; without those that were refused, which is how a server answers to more than it can take. Empty when there
// are none.
std::string RealFailures(const LoadResult& result) {
  std::string text;
  for (const auto& [kind, n] : result.failures) {
    if (kind != "429" && kind != "503") text += (text.empty() ? "" : ", ") + std::to_string(n) + " x " + kind;
  }
  return text;
}

double PerRequest(std::uint64_t tokens, std::uint64_t requests) {
  return requests == 0 ? 0 : static_cast<double>(tokens) / static_cast<double>(requests);
}

void PrintJson(const BenchOptions& options, const LoadResult& result) {
  Json out;
  out["mode"] = options.rate ? "open" : "closed";
  if (options.rate) {
    out["rate"] = *options.rate;
    out["arrivals"] = options.arrivals;
  } else {
    out["concurrency"] = options.concurrency;
  }
  out["model"] = options.model;
  out["seconds"] = result.seconds;
  out["requests"] = {{"started", result.started}, {"ok", result.ok}, {"failed", FailureCount(result)}};
  out["failures"] = Json::object();
  for (const auto& [kind, count] : result.failures) out["failures"][kind] = count;
  out["requests_per_second"] = result.requests_per_second;
  out["output_tokens_per_second"] = result.output_tokens_per_second;
  out["prompt_tokens_per_request"] = PerRequest(result.prompt_tokens, result.ok);
  out["output_tokens_per_request"] = PerRequest(result.output_tokens, result.ok);
  out["ttft_seconds"] = ToJson(result.ttft.Summarize());
  out["inter_token_seconds"] = ToJson(result.inter_token.Summarize());
  out["end_to_end_seconds"] = ToJson(result.end_to_end.Summarize());
  out["refused_seconds"] = ToJson(result.refused.Summarize());
  out["start_delay_seconds"] = ToJson(result.start_delay.Summarize());
  std::printf("%s\n", out.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

std::vector<std::string> Row(std::string name, const Samples& samples) {
  const Summary s = samples.Summarize();
  if (s.count == 0) return {std::move(name), "-", "-", "-", "-", "-", "-"};
  return {std::move(name),      FormatSeconds(s.mean), FormatSeconds(s.p50), FormatSeconds(s.p90),
          FormatSeconds(s.p95), FormatSeconds(s.p99),  FormatSeconds(s.max)};
}

void PrintTable(const BenchOptions& options, const LoadResult& result) {
  const std::string mode = options.rate ? FormatNumber(*options.rate, 2) + " requests/s, " + options.arrivals + " arrivals"
                                        : std::to_string(options.concurrency) + " requests at a time";
  std::printf("%s, %s, measured for %s\n\n", PrintableLine(options.model, 80).c_str(), mode.c_str(), FormatSeconds(result.seconds).c_str());
  std::vector<std::vector<std::string>> counts{{"requests", std::to_string(result.started)}, {"ok", std::to_string(result.ok)}};
  for (const auto& [kind, count] : result.failures) counts.push_back({"failed: " + kind, std::to_string(count)});
  counts.push_back({"requests/s", FormatNumber(result.requests_per_second, 2)});
  counts.push_back({"output tokens/s", FormatNumber(result.output_tokens_per_second, 1)});
  counts.push_back({"prompt tokens per request", FormatNumber(PerRequest(result.prompt_tokens, result.ok), 1)});
  counts.push_back({"output tokens per request", FormatNumber(PerRequest(result.output_tokens, result.ok), 1)});
  std::fputs(Table(counts, /*header=*/false).c_str(), stdout);
  std::printf("\n%s", Table({{"latency", "mean", "p50", "p90", "p95", "p99", "max"},
                             Row("time to first token", result.ttft),
                             Row("between tokens", result.inter_token),
                             Row("end to end", result.end_to_end),
                             Row("refused (429, 503)", result.refused),
                             Row("sent late by", result.start_delay)},
                            /*header=*/true)
                          .c_str());
  if (!result.first_failure.empty()) std::printf("\nfirst failure: %s\n", result.first_failure.c_str());
}

// ---- Command -------------------------------------------------------------------------------------------------------------------

void RaiseFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void Run(Context& context, BenchOptions options) {
  RaiseFileLimit();
  HttpClient client(context.api_key);
  if (options.model.empty()) {
    auto model = FirstModel(client, context.api_url);
    if (!model) return context.Fail(model.error().message);
    options.model = *std::move(model);
  }
  const std::string url = JoinUrl(context.api_url, options.endpoint == "chat" ? "/v1/chat/completions" : "/v1/completions");
  const auto words = WordsForPrompt(client, options, url);
  if (!words) return context.Fail(words.error().message);

  LoadPlan plan;
  plan.url = url;
  plan.api_key = context.api_key;
  plan.body = [&options, words = *words](std::uint64_t i) { return Body(options, i, words, options.max_tokens); };
  plan.concurrency = options.concurrency;
  plan.rate = options.rate;
  plan.arrivals = options.arrivals == "uniform" ? ArrivalKind::kUniform : ArrivalKind::kPoisson;
  plan.seed = options.seed;
  plan.warmup = ParseDuration(options.warmup).value_or(Duration(0));
  plan.duration = *ParseDuration(options.duration);
  plan.request_timeout = *ParseDuration(options.timeout);
  plan.stop = &g_stop;
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
  const auto result = RunLoad(plan);
  if (!result) return context.Fail(result.error().message);
  if (options.json) {
    PrintJson(options, *result);
  } else {
    PrintTable(options, *result);
  }
  const std::string why = result->first_failure.empty() ? "" : "; the first: " + result->first_failure;
  if (result->ok == 0) return context.Fail("no request ended well" + why);
  if (const std::string failures = RealFailures(*result); !failures.empty())
    context.Fail("of " + std::to_string(result->started) + " requests failed " + failures + why);
}

// What is wrong with `text`; empty for a duration.
std::string NotADuration(const std::string& text) {
  return ParseDuration(text) ? std::string() : "'" + text + "' is not a duration: expected a form like 500ms, 30s, 5m or 2h";
}

}  // namespace

void AddBench(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("bench", "Put load on the server and measure it");
  command->footer("Exit code 1 when no request ended well, or one failed in another way than by being refused (429, 503).");
  const auto options = std::make_shared<BenchOptions>();
  const auto is_duration = CLI::Validator([](std::string& text) { return NotADuration(text); }, "DURATION");
  auto* concurrency = command->add_option("--concurrency", options->concurrency, "Closed loop: keep this many requests running")
                          ->check(CLI::Range(1, 100000))
                          ->capture_default_str();
  command->add_option("--rate", options->rate, "Open loop: send this many requests a second, whatever the answers do")
      ->check(CLI::Range(1e-6, 1e6))
      ->excludes(concurrency);
  command->add_option("--arrivals", options->arrivals, "Open loop: how the arrivals are spread")
      ->check(CLI::IsMember({"poisson", "uniform"}))
      ->capture_default_str();
  const auto is_zero_or_duration =
      CLI::Validator([](std::string& text) { return text == "0" ? std::string() : NotADuration(text); }, "DURATION");
  command->add_option("--duration", options->duration, "Length of the measured part")->check(is_duration)->capture_default_str();
  command->add_option("--warmup", options->warmup, "Load before the measured part, not counted")
      ->check(is_zero_or_duration)
      ->capture_default_str();
  command->add_option("--timeout", options->timeout, "Longest time for one request")->check(is_duration)->capture_default_str();
  command->add_option("--prompt-tokens", options->prompt_tokens, "Length of the prompts, about")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_option("--max-tokens", options->max_tokens, "Longest answer")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--endpoint", options->endpoint, "Which endpoint")
      ->check(CLI::IsMember({"chat", "completions"}))
      ->capture_default_str();
  command->add_option("--model", options->model, "Name of the model (default: the first that the server lists)");
  command->add_option("--temperature", options->temperature, "Sampling temperature")->check(CLI::Range(0.0, 2.0))->capture_default_str();
  command->add_option("--seed", options->seed, "Seed of prompts, arrivals and sampling")->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([&context, options] { Run(context, *options); });
}

}  // namespace inferd::cli
