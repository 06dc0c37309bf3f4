#include "runtime/engine/sampler.h"

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "gtest/gtest.h"

namespace inferd::engine {
namespace {

TokenId Draw(const SamplingParams& params, std::vector<float> logits, int position = 0) {
  Sampler sampler(params, params.seed, {});
  return sampler.Sample(logits, position).id;
}

// Relative frequencies of many draws.
std::map<TokenId, double> Frequencies(const SamplingParams& params, const std::vector<float>& logits, int draws = 20000) {
  std::map<TokenId, double> counts;
  Sampler sampler(params, params.seed, {});
  for (int i = 0; i < draws; ++i) {
    std::vector<float> copy = logits;
    counts[sampler.Sample(copy, i).id] += 1.0 / draws;
  }
  return counts;
}

TEST(Sampler, GreedyTakesTheLargestAndTheLowestIdAmongEquals) { EXPECT_EQ(Draw({.temperature = 0}, {1, 5, 3, 5}), 1); }

TEST(Sampler, SameSeedAndPositionSameToken) {
  const std::vector<float> logits{0, 0.5F, 1, 1.5F, 2, 0.1F};
  for (int position = 0; position < 50; ++position) {
    EXPECT_EQ(Draw({.seed = 7}, logits, position), Draw({.seed = 7}, logits, position));
  }
  int different = 0;
  for (int position = 0; position < 50; ++position)
    different += Draw({.seed = 7}, logits, position) != Draw({.seed = 8}, logits, position) ? 1 : 0;
  EXPECT_GT(different, 10);
}

TEST(Sampler, FrequenciesFollowTheSoftmax) {
  const std::vector<float> logits{std::log(1.0F), std::log(2.0F), std::log(7.0F)};
  const auto f = Frequencies({}, logits);
  EXPECT_NEAR(f.at(0), 0.1, 0.01);
  EXPECT_NEAR(f.at(1), 0.2, 0.01);
  EXPECT_NEAR(f.at(2), 0.7, 0.01);
}

TEST(Sampler, TemperatureSharpens) {
  const std::vector<float> logits{std::log(1.0F), std::log(3.0F)};
  EXPECT_NEAR(Frequencies({.temperature = 0.5F}, logits).at(1), 0.9, 0.01);
  EXPECT_NEAR(Frequencies({.temperature = 2.0F}, logits).at(1), std::sqrt(3) / (1 + std::sqrt(3)), 0.01);
}

TEST(Sampler, TopKKeepsK) {
  const auto f = Frequencies({.top_k = 2}, {std::log(1.0F), std::log(2.0F), std::log(2.0F), std::log(1.0F)});
  EXPECT_EQ(f.size(), 2U);
  EXPECT_NEAR(f.at(1), 0.5, 0.02);
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesIt) {
  const std::vector<float> logits{std::log(0.5F), std::log(0.3F), std::log(0.15F), std::log(0.05F)};
  EXPECT_EQ(Frequencies({.top_p = 0.79F}, logits).size(), 2U);
  EXPECT_EQ(Frequencies({.top_p = 0.81F}, logits).size(), 3U);
  EXPECT_EQ(Frequencies({.top_p = 1e-6F}, logits).size(), 1U);
}

TEST(Sampler, TopPOverAWideVocabularyIsExact) {
  std::vector<float> logits(1000, 0.0F);  // uniform: 90 % of the mass is 900 tokens
  const auto f = Frequencies({.top_p = 0.9F}, logits, 10000);
  for (const auto& [token, share] : f) EXPECT_LE(token, 900);  // rounding may take one more
  EXPECT_GT(f.size(), 890U);
}

TEST(Sampler, MinPIsRelativeToTheLikeliest) {
  const std::vector<float> logits{std::log(0.6F), std::log(0.3F), std::log(0.1F)};
  EXPECT_EQ(Frequencies({.min_p = 0.4F}, logits).size(), 2U);
}

TEST(Sampler, BiasBansAndForces) {
  EXPECT_EQ(Draw({.temperature = 0, .logit_bias = {{1, -100}}}, {1, 5, 3}), 2);
  EXPECT_EQ(Frequencies({.logit_bias = {{0, 100}}}, {1, 5, 3}).size(), 1U);
}

TEST(Sampler, PenaltiesCountWhatTheyPromise) {
  const SamplingParams presence{.temperature = 0, .presence_penalty = 1.0F};
  Sampler a(presence, 0, std::vector<TokenId>{0});
  std::vector<float> logits{2.0F, 1.5F};
  EXPECT_EQ(a.Sample(logits, 0).id, 0) << "presence does not count the prompt";
  a.Accept(0);
  logits = {2.0F, 1.5F};
  EXPECT_EQ(a.Sample(logits, 1).id, 1);

  const SamplingParams frequency{.temperature = 0, .frequency_penalty = 0.3F};
  Sampler b(frequency, 0, {});
  for (int i = 0; i < 2; ++i) {
    logits = {2.0F, 1.5F};
    EXPECT_EQ(b.Sample(logits, i).id, 0);
    b.Accept(0);
  }
  logits = {2.0F, 1.5F};
  EXPECT_EQ(b.Sample(logits, 2).id, 1);

  const SamplingParams repetition{.temperature = 0, .repetition_penalty = 2.0F};
  Sampler c(repetition, 0, std::vector<TokenId>{0});
  logits = {2.0F, 1.5F};
  EXPECT_EQ(c.Sample(logits, 0).id, 1) << "repetition counts the prompt";
  logits = {-1.0F, -1.5F};
  EXPECT_EQ(c.Sample(logits, 0).id, 1) << "a negative logit is made more negative";
}

TEST(Sampler, LogprobsAreOfTheModelsOwnDistribution) {
  const SamplingParams params{.temperature = 0, .logit_bias = {{0, 100}}, .logprobs = 2};
  Sampler sampler(params, 0, {});
  std::vector<float> logits{std::log(0.1F), std::log(0.6F), std::log(0.3F)};
  const GeneratedToken token = sampler.Sample(logits, 0);
  EXPECT_EQ(token.id, 0);
  EXPECT_NEAR(token.logprob, std::log(0.1), 1e-5);
  ASSERT_EQ(token.top.size(), 2U);
  EXPECT_EQ(token.top[0].id, 1);
  EXPECT_NEAR(token.top[0].logprob, std::log(0.6), 1e-5);
  EXPECT_EQ(token.top[1].id, 2);
}

TEST(Sampler, ABrokenModelCannotEscapeTheVocabulary) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const std::vector<float>& logits :
       {std::vector<float>{nan, nan, nan}, {infinity, 1, infinity}, {-infinity, -infinity, -infinity}, {nan, 1, 2}}) {
    for (const SamplingParams& params :
         {SamplingParams{}, SamplingParams{.top_k = 2, .top_p = 0.5F, .min_p = 0.1F}, SamplingParams{.temperature = 0}}) {
      const TokenId id = Draw(params, logits);
      EXPECT_GE(id, 0);
      EXPECT_LT(id, 3);
    }
  }
}

}  // namespace
}  // namespace inferd::engine
