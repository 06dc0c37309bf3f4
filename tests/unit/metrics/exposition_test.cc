#include "metrics/exposition.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "metrics/family.h"

namespace inferd::metrics {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Gauge(const std::string& help, const std::string& label, double value) {
  MetricFamily family;
  family.name = "g";
  family.help = help;
  family.type = MetricType::Gauge;
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label.push_back({"l", label});
  metric.gauge.value = value;
  return family;
}

TEST(Exposition, GoldenText) {
  FamilyBuilder received(Metric::kRequestsReceived);
  received.Add({"demo", "completions"}, 3);
  prometheus::Histogram histogram({0.5, 1, 2});
  histogram.Observe(0.5);
  histogram.Observe(1.5);
  histogram.Observe(9);
  FamilyBuilder scrape(Metric::kScrapeDuration);
  scrape.Add({}, histogram);
  const std::vector<MetricFamily> families{received.Take(), scrape.Take()};
  EXPECT_EQ(Render(families, Format::kText),
            "# HELP inferd_requests_received_total Requests that arrived at a generation endpoint, refused ones included. Its rate is the "
            "demand on the "
            "server.\n"
            "# TYPE inferd_requests_received_total counter\n"
            "inferd_requests_received_total{model=\"demo\",endpoint=\"completions\"} 3\n"
            "# HELP inferd_scrape_duration_seconds Time it took to make one answer of /metrics. It shows what monitoring costs; a scrape "
            "never waits for "
            "the model.\n"
            "# TYPE inferd_scrape_duration_seconds histogram\n"
            "inferd_scrape_duration_seconds_bucket{le=\"0.5\"} 1\n"
            "inferd_scrape_duration_seconds_bucket{le=\"1\"} 1\n"
            "inferd_scrape_duration_seconds_bucket{le=\"2\"} 2\n"
            "inferd_scrape_duration_seconds_bucket{le=\"+Inf\"} 3\n"
            "inferd_scrape_duration_seconds_sum 11\n"
            "inferd_scrape_duration_seconds_count 3\n");
  const std::string open = Render(families, Format::kOpenMetrics);
  EXPECT_NE(open.find("# TYPE inferd_requests_received counter\ninferd_requests_received_total{"), std::string::npos) << open;
  EXPECT_NE(open.find("_bucket{le=\"1.0\"} 1\n"), std::string::npos) << open;
  EXPECT_TRUE(open.ends_with("\n# EOF\n"));
}

TEST(Exposition, EscapesWhatWouldBreakAScrape) {
  const std::vector<MetricFamily> families{Gauge("a\\b\nc", "x\"y\\z\nw\xFF", 1)};
  EXPECT_EQ(Render(families, Format::kText), "# HELP g a\\\\b\\nc\n# TYPE g gauge\ng{l=\"x\\\"y\\\\z\\nw\xEF\xBF\xBD\"} 1\n");
}

TEST(Exposition, NumbersReadBackAsTheSame) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& [value, text] : std::vector<std::pair<double, std::string>>{
           {0.1, "0.1"}, {1e300, "1e+300"}, {123456789012345, "123456789012345"}, {infinity, "+Inf"}, {-infinity, "-Inf"}, {NAN, "NaN"}}) {
    const std::string rendered = Render(std::vector<MetricFamily>{Gauge("", "", value)}, Format::kText);
    EXPECT_NE(rendered.find("} " + text + "\n"), std::string::npos) << rendered;
  }
}

TEST(Exposition, FormatFollowsTheAcceptHeader) {
  EXPECT_EQ(ChooseFormat(""), Format::kText);
  EXPECT_EQ(ChooseFormat("*/*"), Format::kText);
  EXPECT_EQ(ChooseFormat("text/html"), Format::kText);
  // Prometheus 2.42 and 3.5 as they ask.
  EXPECT_EQ(ChooseFormat("application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;q=0.5,text/"
                         "plain;version=0.0.4;q=0.3,*/*;q=0.2"),
            Format::kOpenMetrics);
  EXPECT_EQ(ChooseFormat("text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.5"), Format::kText);
  EXPECT_EQ(ChooseFormat("application/openmetrics-text;version=9.9"), Format::kText);
  EXPECT_EQ(ChooseFormat(";;;,,q=,="), Format::kText);
}

}  // namespace
}  // namespace inferd::metrics
