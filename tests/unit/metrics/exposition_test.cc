#include "metrics/exposition.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "metrics/exemplars.h"
#include "metrics/family.h"
#include "metrics/negotiation.h"

namespace inferd::metrics {
namespace {

using prometheus::MetricFamily;

MetricFamily Gauge(const std::string& help, const std::string& label, double value) {
  MetricFamily family;
  family.name = "g";
  family.help = help;
  family.type = prometheus::MetricType::Gauge;
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
  for (const auto& [value, text] : std::vector<std::pair<double, std::string>>{{0.1, "0.1"},
                                                                               {1e300, "1e+300"},
                                                                               {123456789012345, "123456789012345"},
                                                                               {infinity, "+Inf"},
                                                                               {-infinity, "-Inf"},
                                                                               {NAN, "NaN"},
                                                                               {0, "0"},
                                                                               {-0.0, "-0"},
                                                                               {-1, "-1"},
                                                                               {99999, "99999"},
                                                                               {1e5, "1e+05"},
                                                                               {99999.5, "99999.5"}}) {
    const std::string rendered = Render(std::vector<MetricFamily>{Gauge("", "", value)}, Format::kText);
    EXPECT_NE(rendered.find("} " + text + "\n"), std::string::npos) << rendered;
  }
}

TEST(Exposition, ExemplarsAreOfOpenMetricsAlone) {
  ExemplarTable table;
  table.Add(Metric::kRequestsReceived, {"demo", "completions"})
      .Note(1, ExemplarLabels({{"trace_id", "ab"}}), WallTime(std::chrono::milliseconds(1700000000123)));
  ExemplarTable::Series& duration = table.Add(Metric::kRequestDuration, {"demo", "completions"});
  duration.Note(0.5, ExemplarLabels({{"trace_id", "ab"}, {"request_id", "r\"1"}}), WallTime(std::chrono::seconds(1700000000)));
  FamilyBuilder received(Metric::kRequestsReceived);
  received.Add({"demo", "completions"}, 3);
  FamilyBuilder request(Metric::kRequestDuration);
  prometheus::Histogram histogram(BucketsOf(Metric::kRequestDuration));
  histogram.Observe(0.5);
  request.Add({"demo", "completions"}, histogram);
  request.Add({"other", "completions"}, histogram);
  const std::vector<MetricFamily> families{received.Take(), request.Take()};
  EXPECT_EQ(Render(families, Format::kText, &table).find(" # {"), std::string::npos);
  const std::string open = Render(families, Format::kOpenMetrics, &table);
  EXPECT_NE(open.find("{model=\"demo\",endpoint=\"completions\"} 3 # {trace_id=\"ab\"} 1 1700000000.123\n"), std::string::npos) << open;
  EXPECT_NE(open.find("{model=\"demo\",endpoint=\"completions\",le=\"0.5\"} 1 # {trace_id=\"ab\",request_id=\"r\\\"1\"} 0.5 1700000000\n"),
            std::string::npos)
      << open;
  // Two exemplars in all: one bucket has a witness, the series of the other model has none, and neither have _sum and _count.
  std::size_t exemplars = 0;
  for (std::size_t at = open.find(" # {"); at != std::string::npos; at = open.find(" # {", at + 1)) ++exemplars;
  EXPECT_EQ(exemplars, 2U) << open;
}

TEST(Exemplars, TheNewestOfABucketStays) {
  ExemplarTable table;
  ExemplarTable::Series& series = table.Add(Metric::kScrapeDuration, {});
  const auto at = [](int second) { return WallTime(std::chrono::seconds(second)); };
  series.Note(0.0002, "a", at(10));
  series.Note(0.00025, "b", at(20));
  series.Note(0.0001, "late", at(15));
  series.Note(99, "inf", at(30));
  series.Note(0.001, "", at(40));  // nobody to name
  std::vector<std::optional<Exemplar>> places;
  series.Read(places);
  ASSERT_EQ(places.size(), Describe(Metric::kScrapeDuration).buckets.size() + 1);
  EXPECT_EQ(places.front()->labels, "b") << "a bucket includes its bound, and what comes late is dropped";
  EXPECT_EQ(places.back()->labels, "inf");
  EXPECT_FALSE(places[2]);
}

TEST(Exemplars, LabelsHaveAtMost128CodePoints) {
  const std::string wide = "\xC3\xA9";  // one code point, two bytes
  std::string hundred;
  for (int i = 0; i < 100; ++i) hundred += wide;
  EXPECT_EQ(ExemplarLabels({{"trace_id", hundred}, {"request_id", "0123456789"}}),
            "trace_id=\"" + hundred + "\",request_id=\"0123456789\"");
  EXPECT_EQ(ExemplarLabels({{"trace_id", hundred}, {"request_id", "01234567890"}}), "trace_id=\"" + hundred + "\"")
      << "129 would be too many";
  EXPECT_EQ(ExemplarLabels({{"trace_id", ""}}), "");
  EXPECT_EQ(ExemplarLabels({{"trace_id", "a\n\xFF"}}), "trace_id=\"a \xEF\xBF\xBD\"");
}

TEST(Negotiation, FormatFollowsTheAcceptHeader) {
  EXPECT_EQ(ChooseFormat(""), Format::kText);
  EXPECT_EQ(ChooseFormat("*/*"), Format::kText);
  EXPECT_EQ(ChooseFormat("text/html"), Format::kText);
  // Prometheus 2.42 and 3.5 as they ask.
  EXPECT_EQ(ChooseFormat("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/"
                         "plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            Format::kOpenMetrics);
  EXPECT_EQ(ChooseFormat("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/"
                         "openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/"
                         "plain;version=0.0.4;q=0.3,*/*;q=0.2"),
            Format::kOpenMetrics);
  // One that was told to take the text format only.
  EXPECT_EQ(ChooseFormat("text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.2"), Format::kText);
  EXPECT_EQ(ChooseFormat("text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.5"), Format::kText);
  EXPECT_EQ(ChooseFormat("Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.5, text/plain; q=0.4"), Format::kOpenMetrics);
  EXPECT_EQ(ChooseFormat("application/openmetrics-text;version=9.9"), Format::kText);
  EXPECT_EQ(ChooseFormat("application/openmetrics-text;version=0.0.1"), Format::kText);
  EXPECT_EQ(ChooseFormat("application/openmetrics-text;q=0"), Format::kText);
  EXPECT_EQ(ChooseFormat("application/openmetrics-text;q=0.1, text/plain;q=0, */*"), Format::kOpenMetrics)
      << "the most specific range counts";
  for (const char* weight : {"nan", "inf", "-1", "2", "1e9", "0.5x", ""})
    EXPECT_EQ(ChooseFormat("application/openmetrics-text;q=" + std::string(weight)), Format::kText) << weight;
  EXPECT_EQ(ChooseFormat(";;;,,q=,="), Format::kText);
  EXPECT_EQ(ChooseFormat(std::string(16384, ',')), Format::kText);
}

TEST(Negotiation, GzipFollowsTheAcceptEncodingHeader) {
  for (const char* yes : {"gzip", "GZIP", "x-gzip", "deflate, gzip;q=0.5", "*", "br;q=1, *;q=0.1", "identity;q=0, gzip"})
    EXPECT_TRUE(AcceptsGzip(yes)) << yes;
  for (const char* no : {"", "identity", "deflate, br", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "gzip;q=high", "gzipped", ",;=,"})
    EXPECT_FALSE(AcceptsGzip(no)) << no;
}

}  // namespace
}  // namespace inferd::metrics
