// Speed of the forward pass alone: tokens per second of a prompt and of generation, with the bytes and operations behind them.
// usage: engine_bench FILE [--prompt N] [--generate N] [--batch N] [--threads N] [--kernels NAME] [--repeat N]
// Prints one JSON object: medians over the repetitions.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "runtime/model/model.h"

namespace {

using inferd::model::BatchEntry;
using inferd::model::KvBlockId;
using inferd::model::KvCache;
using inferd::model::KvType;
using inferd::model::Model;
using inferd::model::TokenId;

double Seconds(std::chrono::steady_clock::time_point from) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Speed of the forward pass");
  std::string file, kernels;
  int prompt = 512, generate = 32, batch = 1, threads = 0, repeat = 3, chunk = 512;
  app.add_option("file", file, "GGUF file")->required();
  app.add_option("--prompt", prompt, "tokens of the prompt");
  app.add_option("--generate", generate, "tokens to generate after it");
  app.add_option("--batch", batch, "sequences that generate together");
  app.add_option("--threads", threads, "compute threads; 0: one per core");
  app.add_option("--kernels", kernels, "scalar, avx2, avx512; default: the best");
  app.add_option("--repeat", repeat, "repetitions");
  app.add_option("--chunk", chunk, "prompt tokens in one step");
  CLI11_PARSE(app, argc, argv);

  auto model = Model::Load(file, {.threads = threads, .kernels = kernels});
  if (!model) {
    std::fprintf(stderr, "%s\n", model.error().message.c_str());
    return 1;
  }
  const int per_sequence = (prompt + generate) / inferd::model::kKvBlockTokens + 1;
  auto cache = KvCache::Create((*model)->config(), KvType::kF16, per_sequence * batch);
  if (!cache) {
    std::fprintf(stderr, "%s\n", cache.error().message.c_str());
    return 1;
  }
  std::vector<std::vector<KvBlockId>> tables(static_cast<std::size_t>(batch));
  for (int s = 0; s < batch; ++s) {
    for (int b = 0; b < per_sequence; ++b) tables[static_cast<std::size_t>(s)].push_back(s * per_sequence + b);
  }
  std::vector<TokenId> tokens(static_cast<std::size_t>(prompt));
  for (std::size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<TokenId>((i * 7919) % static_cast<std::size_t>((*model)->config().vocab));
  std::vector<float> logits(static_cast<std::size_t>(batch) * static_cast<std::size_t>((*model)->config().vocab));

  std::vector<double> prompt_rates, generate_rates;
  for (int round = 0; round <= repeat; ++round) {  // the first warms up
    auto start = std::chrono::steady_clock::now();
    for (int first = 0; first < prompt; first += chunk) {
      const auto n = static_cast<std::size_t>(std::min(chunk, prompt - first));
      const BatchEntry entry{std::span(tokens).subspan(static_cast<std::size_t>(first), n), first, tables[0], first + chunk >= prompt,
                             false};
      (*model)->Forward(std::span(&entry, 1), *cache, logits);
    }
    if (round > 0) prompt_rates.push_back(prompt / Seconds(start));
    start = std::chrono::steady_clock::now();
    const TokenId token = 5;
    for (int i = 0; i < generate; ++i) {
      std::vector<BatchEntry> entries;
      for (int s = 0; s < batch; ++s)
        entries.push_back({std::span(&token, 1), prompt + i, tables[static_cast<std::size_t>(s)], true, false});
      (*model)->Forward(entries, *cache, logits);
    }
    if (round > 0 && generate > 0) generate_rates.push_back(generate * batch / Seconds(start));
  }
  const double generated = generate > 0 ? Median(generate_rates) : 0;
  const double prompted = Median(prompt_rates);
  std::printf(
      "{\"kernels\": \"%s\", \"threads\": %d, \"quantization\": \"%s\", \"prompt_tokens\": %d, \"batch\": %d, "
      "\"prompt_tokens_per_second\": %.1f, "
      "\"generated_tokens_per_second\": %.2f, \"weight_gigabytes_per_second\": %.2f, \"prompt_gigaflops\": %.1f}\n",
      std::string((*model)->kernels()).c_str(), (*model)->threads(), std::string((*model)->quantization()).c_str(), prompt, batch, prompted,
      generated, generated / batch * static_cast<double>((*model)->weight_bytes()) * 1e-9, prompted * (*model)->flops_per_token() * 1e-9);
  return 0;
}
