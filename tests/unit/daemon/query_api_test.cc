// Prometheus's HTTP API over a history that the test fills through a registry. Shapes and messages are those of Prometheus 3.5.
#include "daemon/observability/query_api.h"

#include <atomic>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "daemon/observability/query_json.h"
#include "daemon/observability/query_time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/manual_clock.h"

namespace inferd::daemon {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Two series of one gauge, and a counter that grows by one in each round.
class Source final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    prometheus::MetricFamily gauge{.name = "temperature", .help = "", .type = prometheus::MetricType::Gauge, .metric = {}};
    for (const char* room : {"attic", "cellar \"1\""}) {
      prometheus::ClientMetric& metric = gauge.metric.emplace_back();
      metric.label = {{"room", room}};
      metric.gauge.value = room[0] == 'a' ? 30.5 : 12;
    }
    prometheus::MetricFamily counter{.name = "rounds_total", .help = "", .type = prometheus::MetricType::Counter, .metric = {}};
    counter.metric.emplace_back().counter.value = static_cast<double>(rounds++);
    return {gauge, counter};
  }
  mutable std::atomic<int> rounds{0};
};

class QueryApiTest : public ::testing::Test {
 protected:
  QueryApiTest() {
    registry_.Add("process", source_);
    auto rules = alerts::ParseRules(
        "groups:\n- name: g\n  interval: 10s\n  rules:\n"
        "  - {alert: Hot, expr: temperature > 30, for: 5s, labels: {severity: warning}, annotations: {summary: 'in the {{ $labels.room "
        "}}'}}\n"
        "  - {record: 'rooms:count', expr: count(temperature)}\n  - {alert: Cold, expr: temperature < 0}\n",
        "x.yml");
    watch_ = std::make_unique<Watch>(WatchOptions{.interval = seconds(5), .history = {}, .rules = {}, .folder = {}}, clock_, registry_,
                                     std::move(*rules));
    api_ = std::make_unique<QueryApi>(*watch_, clock_, QueryLimits{.timeout = seconds(10), .samples = 1000, .threads = 1, .waiting = 2});
    for (int i = 0; i < 13; ++i) {
      watch_->Round(clock_.Now());
      clock_.Advance(seconds(5));
    }
    clock_.Advance(-seconds(5));
  }

  struct Reply {
    int status;
    json body;
    std::string text;
    json result() const { return body.at("data").at("result"); }
  };
  Reply Ask(const std::string& method, const std::string& path, const std::string& query, const std::string& body = "") {
    RequestHead head;
    head.method = method;
    head.path = path;
    head.query = query;
    const HttpResponse response = api_->Handle(head, [&]() -> Result<std::string> { return body; });
    EXPECT_EQ(response.content_type, "application/json");
    return {response.status, json::parse(response.body), response.body};
  }
  Reply Get(const std::string& path, const std::string& query = "") { return Ask("GET", "/api/v1/" + path, query); }
  std::string Seconds(metrics::Millis before = 0) { return std::to_string((watch_->Now() - before) / 1000); }
  static std::string Error(const Reply& reply) {
    return std::to_string(reply.status) + " " + reply.body.at("errorType").get<std::string>() + ": " +
           reply.body.at("error").get<std::string>();
  }

  ManualClock clock_;
  Source source_;
  metrics::Registry registry_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<QueryApi> api_;
};

TEST_F(QueryApiTest, AnswersInstantQueriesOfEveryType) {
  Reply reply = Get("query", "query=temperature");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.text,
            R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"temperature","room":"attic"},)"
            R"("value":[)" +
                Seconds() + R"(,"30.5"]},{"metric":{"__name__":"temperature","room":"cellar \"1\""},"value":[)" + Seconds() +
                R"(,"12"]}]}})");
  reply = Get("query", "query=1%2B1&time=12.5");
  EXPECT_EQ(reply.text, R"({"status":"success","data":{"resultType":"scalar","result":[12.5,"2"]}})");
  reply = Get("query", "query=%22te%5C%22xt%22&time=1970-01-01T00:00:07Z");
  EXPECT_EQ(reply.text, R"({"status":"success","data":{"resultType":"string","result":[7,"te\"xt"]}})");
  reply = Get("query", "query=rounds_total[20s]");
  EXPECT_EQ(reply.body["data"]["resultType"], "matrix");
  EXPECT_EQ(reply.result()[0]["values"].size(), 4U);
  EXPECT_EQ(reply.result()[0]["values"][3][1], "12");
}

TEST_F(QueryApiTest, AnswersRangeQueriesByGetAndPost) {
  const std::string query = "query=rounds_total&start=" + Seconds(10'000) + "&end=" + Seconds() + "&step=5s";
  for (const Reply& reply :
       {Get("query_range", query), Ask("POST", "/api/v1/query_range", "", query), Ask("POST", "/api/v1/query_range", "step=5", query)}) {
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body["data"]["resultType"], "matrix");
    EXPECT_EQ(reply.result()[0]["values"].size(), 3U);
  }
}

TEST_F(QueryApiTest, RefusesWhatIsMalformedAsPrometheusDoes) {
  EXPECT_EQ(Error(Get("query", "query=sum(")), "400 bad_data: invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis");
  EXPECT_THAT(Error(Get("query")), HasSubstr("400 bad_data: invalid parameter \"query\": "));
  EXPECT_EQ(Error(Get("query", "query=up&time=now")),
            "400 bad_data: invalid parameter \"time\": cannot parse \"now\" to a valid timestamp");
  EXPECT_EQ(Error(Get("query", "query=up&timeout=x")),
            "400 bad_data: invalid parameter \"timeout\": cannot parse \"x\" to a valid duration");
  const std::string range = "query_range";
  EXPECT_EQ(Error(Get(range, "query=up&end=1&step=1")),
            "400 bad_data: invalid parameter \"start\": cannot parse \"\" to a valid timestamp");
  EXPECT_EQ(Error(Get(range, "query=up&start=2&end=1&step=1")),
            "400 bad_data: invalid parameter \"end\": end timestamp must not be before start time");
  EXPECT_THAT(Error(Get(range, "query=up&start=1&end=2&step=0")), HasSubstr("zero or negative query resolution step widths"));
  EXPECT_THAT(Error(Get(range, "query=up&start=0&end=11000&step=1")), HasSubstr("exceeded maximum resolution of 11,000 points"));
  EXPECT_EQ(Get(range, "query=up&start=0&end=10999&step=1").status, 200);
  EXPECT_EQ(Error(Get(range, "query=up[5m]&start=0&end=1&step=1")),
            "400 bad_data: invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or "
            "instant Vector");
  for (const char* limit : {"-1", "x", "1.5", "2x", "99999999999999999999"}) {
    EXPECT_EQ(Error(Get("labels", std::string("limit=") + limit)),
              "400 bad_data: invalid parameter \"limit\": must be a whole number of 0 or more");
  }
  EXPECT_THAT(Error(Get(range, "query=up&start=-4e15&end=4e15&step=1")), HasSubstr("exceeded maximum resolution of 11,000 points"));
  EXPECT_EQ(Error(Get("series")), "400 bad_data: no match[] parameter provided");
  EXPECT_THAT(Error(Get("series", "match[]=1%2B1")), HasSubstr("is no series selector"));
  EXPECT_THAT(Error(Get("rules", "type=other")), HasSubstr("not supported value \"other\""));
  EXPECT_THAT(Error(Get("query", "query=temperature%20*%20on()%20temperature")), HasSubstr("422 execution: "));
}

TEST_F(QueryApiTest, BoundsSamplesAndTime) {
  EXPECT_EQ(Error(Get("query_range", "query=temperature&start=" + Seconds(1'000'000) + "&end=" + Seconds() + "&step=1")),
            "422 execution: query processing would load too many samples into memory");
  EXPECT_EQ(Error(Get("query", "query=up&timeout=0")), "503 timeout: query timed out in query queue");
  EXPECT_EQ(Get("query", "query=up&timeout=1e15").status, 200) << "no more than the limit";
}

TEST_F(QueryApiTest, EndsQueriesWhenTheDaemonEnds) {
  api_->Stop();
  EXPECT_EQ(Error(Get("query", "query=temperature")), "503 canceled: query was canceled in expression evaluation");
}

TEST_F(QueryApiTest, ListsSeriesAndLabels) {
  Reply reply = Get("series", "match[]=temperature&match[]={__name__%3D~%22temp.*%22,room%3D~%22a.*%22}&match[]=nothing");
  EXPECT_EQ(reply.body["data"].dump(), R"([{"__name__":"temperature","room":"attic"},{"__name__":"temperature","room":"cellar \"1\""}])");
  EXPECT_EQ(Get("series", "match[]=temperature&start=" + Seconds(-10'000)).body["data"].size(), 0U);
  reply = Get("series", "match[]=temperature&limit=1");
  EXPECT_EQ(reply.body["data"].size(), 1U);
  EXPECT_EQ(reply.body["warnings"].dump(), R"(["results truncated due to limit"])");
  EXPECT_EQ(Get("labels").body["data"].dump(), R"(["__name__","alertname","alertstate","collector","room","severity"])");
  EXPECT_EQ(Get("labels", "match[]=temperature").body["data"].dump(), R"(["__name__","room"])");
  EXPECT_EQ(Get("label/room/values").body["data"].dump(), R"(["attic","cellar \"1\""])");
  EXPECT_EQ(Get("label/nothing/values").body["data"].dump(), "[]");
}

TEST_F(QueryApiTest, ShowsRulesAndAlerts) {
  const json groups = Get("rules").body["data"]["groups"];
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0]["name"], "g");
  EXPECT_EQ(groups[0]["file"], "x.yml");
  EXPECT_EQ(groups[0]["interval"], 10);
  const json& hot = groups[0]["rules"][0];
  EXPECT_EQ(hot["state"], "firing");
  EXPECT_EQ(hot["type"], "alerting");
  EXPECT_EQ(hot["query"], "temperature > 30");
  EXPECT_EQ(hot["duration"], 5);
  EXPECT_EQ(hot["health"], "ok");
  EXPECT_EQ(hot["labels"].dump(), R"({"severity":"warning"})");
  EXPECT_EQ(groups[0]["rules"][1]["type"], "recording");
  EXPECT_EQ(groups[0]["rules"][2]["state"], "inactive");
  const json alerts = Get("alerts").body["data"]["alerts"];
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0], hot["alerts"][0]);
  EXPECT_EQ(alerts[0]["labels"].dump(), R"({"alertname":"Hot","room":"attic","severity":"warning"})");
  EXPECT_EQ(alerts[0]["annotations"]["summary"], "in the attic");
  EXPECT_EQ(alerts[0]["value"], "3.05e+01");
  EXPECT_EQ(alerts[0]["activeAt"], Rfc3339(watch_->Now() - 60'000));

  EXPECT_EQ(Get("rules", "type=record").body["data"]["groups"][0]["rules"].size(), 1U);
  EXPECT_EQ(Get("rules", "rule_name[]=Cold").body["data"]["groups"][0]["rules"][0]["name"], "Cold");
  EXPECT_EQ(Get("rules", "rule_group[]=other").body["data"]["groups"].size(), 0U);
  EXPECT_EQ(Get("rules", "exclude_alerts=true").body["data"]["groups"][0]["rules"][0]["alerts"].size(), 0U);
}

TEST_F(QueryApiTest, TellsWhatMetricsAreAndWhoAnswers) {
  const json metadata = Get("metadata", "metric=inferd_rules").body["data"];
  EXPECT_EQ(metadata["inferd_rules"][0]["type"], "gauge");
  EXPECT_GT(Get("metadata").body["data"].size(), 100U);
  EXPECT_EQ(Get("status/buildinfo").body["data"]["application"], "inferd");
}

TEST_F(QueryApiTest, KnowsItsPaths) {
  EXPECT_EQ(QueryApi::RouteOf("/api/v1/query"), "/api/v1/query");
  EXPECT_EQ(QueryApi::RouteOf("/api/v1/label/a/b/values"), "/api/v1/label/values");
  for (const char* path : {"/api/v1", "/api/v1/", "/api/v1/label/values", "/api/v1/label//values", "/api/v1/write", "/metrics"})
    EXPECT_EQ(QueryApi::RouteOf(path), "") << path;
}

TEST_F(QueryApiTest, CountsWhatBecameOfQueries) {
  Get("query", "query=up");
  Get("query", "query=(");
  std::map<std::string, double> outcomes;
  const auto families = api_->Collect();
  for (const auto& metric : families.at(0).metric) outcomes[metric.label.at(0).value] = metric.counter.value;
  EXPECT_EQ(outcomes, (std::map<std::string, double>{{"ok", 1}, {"bad", 1}, {"refused", 0}, {"timeout", 0}, {"busy", 0}}));
}

TEST(QueryPool, TurnsAwayWhatIsTooMuchOrTooLate) {
  ManualClock clock;
  QueryPool pool(clock, 1, 1);
  std::promise<void> begun, go_on;
  const MonotonicTime later = clock.Now() + seconds(60);
  std::thread first([&] {
    EXPECT_EQ(pool.Run(later,
                       [&] {
                         begun.set_value();
                         go_on.get_future().wait();
                       }),
              QueryPool::Ran::kDone);
  });
  begun.get_future().wait();
  bool ran = false;
  EXPECT_EQ(pool.Run(clock.Now(), [&] { ran = true; }), QueryPool::Ran::kTooLate);
  std::thread second([&] { EXPECT_EQ(pool.Run(later, [] {}), QueryPool::Ran::kDone); });
  while (pool.Run(clock.Now(), [&] { ran = true; }) != QueryPool::Ran::kTooMany) std::this_thread::yield();
  go_on.set_value();
  first.join();
  second.join();
  EXPECT_FALSE(ran);
  EXPECT_THROW(pool.Run(later, [] { throw std::runtime_error("x"); }), std::runtime_error);
}

TEST(QueryTime, IsReadAsPrometheusReadsIt) {
  EXPECT_EQ(ParseQueryTime("1435781451.781"), 1435781451781);
  EXPECT_EQ(ParseQueryTime("-5"), -5000);
  EXPECT_EQ(ParseQueryTime("1e3"), 1'000'000);
  EXPECT_EQ(ParseQueryTime("2015-07-01T20:10:51.781Z"), 1435781451781);
  EXPECT_EQ(ParseQueryTime("2015-07-01T22:10:51.7819+02:00"), 1435781451781);
  EXPECT_EQ(ParseQueryTime("2015-07-01T18:40:51-01:30"), 1435781451000);
  EXPECT_EQ(ParseQueryTime("2016-02-29T00:00:00Z"), 1456704000000);
  for (const char* text :
       {"", "x", "NaN", "inf", "1e300", "12:00", "2015-02-29T00:00:00Z", "2015-07-01T24:00:00Z", "2015-07-01T20:10:51",
        "2015-07-01T20:10:51.Z", "2015-07-01T20:10:51Zx", "2015-07-01 20:10:51Z", "2015-13-01T20:10:51Z", "1 ", "9e15", "-9e15"})
    EXPECT_EQ(ParseQueryTime(text), std::nullopt) << text;
  EXPECT_EQ(ParseQueryDuration("0.25"), 250);
  EXPECT_EQ(ParseQueryDuration("1h30m"), 5'400'000);
  EXPECT_EQ(ParseQueryDuration("1x"), std::nullopt);
}

TEST(QueryJson, WritesTimesAsPrometheusDoes) {
  std::string out;
  AppendQueryValue(metrics::promql::ScalarValue{1500, 1}, out);
  AppendQueryValue(metrics::promql::ScalarValue{-250, 1}, out);
  AppendQueryValue(metrics::promql::ScalarValue{7005, 1}, out);
  EXPECT_THAT(out, HasSubstr("[1.5,"));
  EXPECT_THAT(out, HasSubstr("[-0.25,"));
  EXPECT_THAT(out, HasSubstr("[7.005,"));
  EXPECT_EQ(Rfc3339(1435781451781), "2015-07-01T20:10:51.781Z");
  EXPECT_EQ(Rfc3339(1435781451100), "2015-07-01T20:10:51.1Z");
  EXPECT_EQ(Rfc3339(-1), "1969-12-31T23:59:59.999Z");
}

TEST(Form, IsDecoded) {
  Form form;
  form.Add("a=1+2%2B3&b&a=x&%63=%&d[]=1&d[]=&&e=");
  EXPECT_EQ(form.Find("a"), "1 2+3");
  EXPECT_EQ(form.Find("b"), std::nullopt);
  EXPECT_EQ(form.Find("c"), "%");
  EXPECT_EQ(form.Find("e"), std::nullopt);
  EXPECT_THAT(form.All("d[]"), ElementsAre("1", ""));
}

}  // namespace
}  // namespace inferd::daemon
