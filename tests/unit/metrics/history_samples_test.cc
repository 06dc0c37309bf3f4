// What the history gets of a scrape.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "metrics/samples.h"

namespace inferd::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using ::testing::ElementsAre;

std::vector<std::string> Shown(const std::vector<SeriesValue>& values) {
  std::vector<std::string> shown;
  for (const SeriesValue& value : values) shown.push_back(value.labels.ToString() + " " + std::to_string(static_cast<int>(value.value)));
  return shown;
}

MetricFamily Family(prometheus::MetricType type, const std::string& name) { return {.name = name, .help = "", .type = type, .metric = {}}; }

TEST(Samples, OneSeriesForEachSampleOfTheExposition) {
  MetricFamily gauge = Family(prometheus::MetricType::Gauge, "g");
  ClientMetric one;
  one.label = {{"zone", "z"}, {"area", ""}};
  one.gauge.value = 7;
  gauge.metric = {one};
  MetricFamily counter = Family(prometheus::MetricType::Counter, "c_total");
  counter.metric.emplace_back().counter.value = 3;
  MetricFamily histogram = Family(prometheus::MetricType::Histogram, "h_seconds");
  ClientMetric& h = histogram.metric.emplace_back();
  h.label = {{"model", "m"}};
  h.histogram.bucket = {{1, 0.5}, {2, 1}, {4, std::numeric_limits<double>::infinity()}};
  h.histogram.sample_count = 4;
  h.histogram.sample_sum = 9;
  const std::vector<MetricFamily> families{gauge, counter, histogram};
  SampleMaker maker;
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Shown(maker.Make(families)),
                ElementsAre(R"(g{zone="z"} 7)", "c_total 3", R"(h_seconds_bucket{le="0.5", model="m"} 1)",
                            R"(h_seconds_bucket{le="1.0", model="m"} 2)", R"(h_seconds_bucket{le="+Inf", model="m"} 4)",
                            R"(h_seconds_sum{model="m"} 9)", R"(h_seconds_count{model="m"} 4)"));
  }
}

TEST(Samples, SeriesComeAndGo) {
  MetricFamily family = Family(prometheus::MetricType::Gauge, "g");
  SampleMaker maker;
  const auto show = [&](std::vector<std::string> values) {
    family.metric.clear();
    for (const std::string& value : values) {
      ClientMetric metric;
      metric.label = {{"l", value}};
      family.metric.push_back(metric);
    }
    return Shown(maker.Make(std::span(&family, 1)));
  };
  EXPECT_THAT(show({"a", "b"}), ElementsAre(R"(g{l="a"} 0)", R"(g{l="b"} 0)"));
  EXPECT_THAT(show({"b"}), ElementsAre(R"(g{l="b"} 0)"));
  EXPECT_THAT(show({"c", "a"}), ElementsAre(R"(g{l="c"} 0)", R"(g{l="a"} 0)"));
}

TEST(Samples, AHistogramMayGetOtherBuckets) {
  MetricFamily family = Family(prometheus::MetricType::Histogram, "h");
  family.metric.emplace_back().histogram.bucket = {{1, 1}};
  SampleMaker maker;
  EXPECT_EQ(maker.Make(std::span(&family, 1)).size(), 3U);
  family.metric[0].histogram.bucket = {{1, 1}, {1, 2}};
  EXPECT_EQ(maker.Make(std::span(&family, 1)).size(), 4U);
}

// As Go writes them: Prometheus 3 normalises le with strconv.FormatFloat(v, 'g', -1, 64) and puts ".0" behind whole numbers.
TEST(Samples, BoundsAreWrittenAsPrometheusWritesThem) {
  const std::vector<std::pair<double, std::string>> cases{
      {1, "1.0"},           {0, "0.0"},         {0.005, "0.005"},     {0.0001, "0.0001"},        {0.00001, "1e-05"},
      {100000, "100000.0"}, {65536, "65536.0"}, {1e6, "1e+06"},       {1234567, "1.234567e+06"}, {12345.5, "12345.5"},
      {-2.5, "-2.5"},       {1e21, "1e+21"},    {262144, "262144.0"}, {2560, "2560.0"}};
  for (const auto& [bound, text] : cases) EXPECT_EQ(BucketBound(bound), text);
}

}  // namespace
}  // namespace inferd::metrics
