// What history and rules cost: a round's samples into the history, the shipped rules over them, the queries of a dashboard. The series look
// like a daemon's own: gauges that move, counters that grow, histograms. JSON on stdout.
//   alerts_bench RULE_FILE...
//   alerts_bench --history FILE     what a sample takes in a history that a daemon has kept
//   alerts_bench --export FOLDER    an hour of the same series until now, as a daemon keeps them (history) and as promtool takes them
//                                   (samples.om), and the queries over it (queries.json)
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/manager.h"
#include "alerts/rule_file.h"
#include "metrics/promql/engine.h"
#include "metrics/promql/format.h"
#include "metrics/promql/parser.h"
#include "metrics/store/history.h"
#include "metrics/store/history_file.h"

namespace inferd {
namespace {

using metrics::Millis;

constexpr Millis kInterval = 5000;
constexpr int kHour = 720;  // rounds
constexpr int kRounds = 2 * kHour;
constexpr Millis kStep = 15'000;  // of a panel's points

// Processor time of this thread: the longest of 1440 appends would be the scheduler's on a machine that does something else besides.
double Milliseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// About 2000 series under the names that rules and dashboards ask for.
class Series {
 public:
  Series() {
    for (const char* model : {"demo", "large"}) {
      for (const char* endpoint : {"chat_completions", "completions"}) {
        for (const char* outcome : {"ok", "length", "stop", "rejected", "expired", "cancelled", "failed"})
          Add("inferd_requests_ended_total", {{"model", model}, {"endpoint", endpoint}, {"outcome", outcome}}, Kind::kCounter);
        Add("inferd_requests_received_total", {{"model", model}, {"endpoint", endpoint}}, Kind::kCounter);
        for (const char* name : {"inferd_request_duration_seconds", "inferd_time_to_first_token_seconds", "inferd_inter_token_seconds"})
          AddHistogram(name, {{"model", model}, {"endpoint", endpoint}});
        for (const char* priority : {"interactive", "normal", "batch"})
          AddHistogram("inferd_request_queue_seconds", {{"model", model}, {"endpoint", endpoint}, {"priority", priority}});
      }
      for (const char* phase : {"prefill", "decode", "mixed"})
        AddHistogram("inferd_engine_step_seconds", {{"model", model}, {"phase", phase}});
      for (const char* priority : {"interactive", "normal", "batch"})
        Add("inferd_queue_depth", {{"model", model}, {"priority", priority}}, Kind::kGauge);
      for (const char* name :
           {"inferd_queue_capacity", "inferd_kv_cache_usage_ratio", "inferd_requests_running", "inferd_queue_oldest_seconds"})
        Add(name, {{"model", model}}, Kind::kGauge);
    }
    for (int gpu = 0; gpu < 4; ++gpu) {
      const std::vector<metrics::Label> labels{{"gpu", std::to_string(gpu)}, {"uuid", "GPU-" + std::to_string(gpu)}, {"name", "H200"}};
      for (const char* name : {"inferd_gpu_up", "inferd_gpu_utilization_ratio", "inferd_gpu_memory_total_bytes", "inferd_gpu_power_watts"})
        Add(name, labels, Kind::kGauge);
    }
    // The rest stands for what nobody asks about.
    for (int i = 0; values_.size() < 2000; ++i)
      Add("other_" + std::to_string(i % 40), {{"instance", std::to_string(i / 40)}}, i % 2 == 0 ? Kind::kGauge : Kind::kCounter);
  }

  // The samples of the next round.
  const std::vector<metrics::SeriesValue>& Next() {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      double& value = values_[i].value;
      switch (kinds_[i]) {
        case Kind::kGauge: value = std::round(std::clamp(value + step_(random_), 0.0, 1.0) * 1000) / 1000; break;
        case Kind::kCounter: value += random_() % 4 == 0 ? static_cast<double>(random_() % 5) : 0; break;
        case Kind::kSum: value += 0.001 * static_cast<double>(random_() % 1000); break;
      }
    }
    return values_;
  }

 private:
  enum class Kind : std::uint8_t { kGauge, kCounter, kSum };
  void Add(const std::string& name, std::vector<metrics::Label> labels, Kind kind) {
    labels.push_back({std::string(metrics::kMetricName), name});
    values_.push_back({metrics::Labels::From(std::move(labels)), 0});
    kinds_.push_back(kind);
  }
  void AddHistogram(const std::string& name, const std::vector<metrics::Label>& labels) {
    for (const char* bound :
         {"0.001", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "+Inf"}) {
      auto with = labels;
      with.push_back({std::string(metrics::kBucketLabel), bound});
      Add(name + "_bucket", std::move(with), Kind::kCounter);
    }
    Add(name + "_sum", labels, Kind::kSum);
    Add(name + "_count", labels, Kind::kCounter);
  }

  std::vector<metrics::SeriesValue> values_;
  std::vector<Kind> kinds_;
  std::mt19937 random_{1};
  std::normal_distribution<double> step_{0, 0.05};
};

// What panels over the last hour ask, each at 240 points.
const std::vector<std::string>& Dashboard() {
  static const std::vector<std::string> queries = [] {
    std::vector<std::string> all;
    for (const char* window : {"1m", "5m"}) {
      const std::string range = std::string("[") + window + "]";
      for (const char* name : {"inferd_requests_received_total", "inferd_requests_ended_total", "inferd_request_duration_seconds_count"})
        all.push_back("sum(rate(" + std::string(name) + range + "))");
      for (const char* name : {"inferd_request_duration_seconds", "inferd_time_to_first_token_seconds", "inferd_inter_token_seconds"}) {
        for (const char* q : {"0.5", "0.95", "0.99"})
          all.push_back("histogram_quantile(" + std::string(q) + ", sum by (le) (rate(" + name + "_bucket" + range + ")))");
        all.push_back("sum by (model) (rate(" + std::string(name) + "_sum" + range + ")) / sum by (model) (rate(" + name + "_count" +
                      range + "))");
      }
      for (const char* name : {"inferd_gpu_utilization_ratio", "inferd_kv_cache_usage_ratio", "inferd_queue_depth"}) {
        all.push_back("avg_over_time(" + std::string(name) + range + ")");
        all.push_back("max_over_time(" + std::string(name) + range + ")");
      }
    }
    for (const char* name : {"inferd_queue_depth", "inferd_requests_running", "inferd_kv_cache_usage_ratio", "inferd_gpu_utilization_ratio",
                             "inferd_gpu_power_watts"}) {
      all.push_back(name);
      all.push_back("sum(" + std::string(name) + ")");
    }
    all.resize(50);
    return all;
  }();
  return queries;
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int ReportHistory(const char* path) {
  metrics::History history({.retention = 1LL << 50, .max_bytes = 1ULL << 40, .max_series = 1U << 30});
  const auto restored = metrics::RestoreHistory(history, path, 1LL << 50);
  if (!restored || !restored->set_aside.empty() || restored->samples == 0) {
    std::fprintf(stderr, "%s: %s\n", path, restored ? restored->set_aside.c_str() : restored.error().message.c_str());
    return 1;
  }
  std::uint64_t bytes = 0;
  for (const auto& series : history.Snapshot()) {
    for (const auto& chunk : series.chunks) bytes += chunk->bytes.size();
  }
  std::printf("{\"series\": %llu, \"samples\": %llu, \"bytes_per_sample\": %.3f}\n", static_cast<unsigned long long>(restored->series),
              static_cast<unsigned long long>(restored->samples), static_cast<double>(bytes) / static_cast<double>(restored->samples));
  return 0;
}

int Export(const std::string& folder) {
  Series series;
  metrics::History history({});
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const Millis end = now / kInterval * kInterval, start = end - kHour * kInterval;
  // Five minutes more than is asked for: so far back the first points look.
  std::map<metrics::Labels, std::vector<metrics::Sample>> all;  // sorted: a family's series stand together
  for (Millis at = start - 300'000; at <= end; at += kInterval) {
    const auto& values = series.Next();
    history.Append(at, values);
    for (const auto& one : values) all[one.labels].push_back({at, one.value});
  }
  const auto saved = metrics::SaveHistory(history, folder + "/history");
  std::ofstream samples(folder + "/samples.om");
  for (const auto& [labels, points] : all) {
    std::string name = labels.ToString();
    std::erase(name, ' ');  // OpenMetrics has none between labels, and no value here holds one
    for (const auto& point : points)
      samples << name << ' ' << metrics::promql::FormatValue(point.value) << ' ' << point.time / 1000 << '\n';
  }
  samples << "# EOF\n";
  const nlohmann::json queries{{"start", start / 1000}, {"end", end / 1000}, {"step", kStep / 1000}, {"queries", Dashboard()}};
  std::ofstream(folder + "/queries.json") << queries.dump();
  if (!saved || !samples.flush()) std::fprintf(stderr, "%s cannot be written\n", folder.c_str());
  return saved && samples ? 0 : 1;
}

int Main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--history") return ReportHistory(argv[2]);
  if (argc == 3 && std::string_view(argv[1]) == "--export") return Export(argv[2]);
  std::vector<alerts::RuleGroup> groups;
  for (int i = 1; i < argc; ++i) {
    auto file = alerts::ReadRuleFile(argv[i]);
    if (!file) {
      std::fprintf(stderr, "%s\n", file.error()[0].ToString().c_str());
      return 1;
    }
    std::ranges::move(*file, std::back_inserter(groups));
  }
  Series series;
  metrics::History history({});
  std::vector<double> appends;
  Millis now = 1'700'000'000'000;
  for (int i = 0; i < kRounds; ++i) {
    now += kInterval;
    const auto& values = series.Next();
    const double start = Milliseconds();
    history.Append(now, values);
    appends.push_back(Milliseconds() - start);
  }
  const double bytes = static_cast<double>(history.status().sample_bytes) / static_cast<double>(history.status().samples);

  // Every group in every round; the first rounds, which make the recorded series, do not count.
  alerts::Manager manager({.interval = kInterval, .tick = kInterval, .resend_delay = 60'000, .evaluator = {}}, std::move(groups));
  std::vector<double> evaluations;
  for (int i = 0; i < 60; ++i) {
    now += kInterval;
    history.Append(now, series.Next());
    const double start = Milliseconds();
    manager.Evaluate(now, history, [&](Millis at, std::span<const metrics::QuerySample> recorded) {
      std::vector<metrics::SeriesValue> values;
      for (const auto& sample : recorded) values.push_back({sample.labels, sample.value});
      history.Add(at, values);
    });
    if (i >= 10) evaluations.push_back(Milliseconds() - start);
  }

  std::vector<double> dashboards;
  std::size_t points = 0;
  for (int run = 0; run < 9; ++run) {
    const double start = Milliseconds();
    for (const std::string& query : Dashboard()) {
      const auto node = metrics::promql::Parse(query);
      const auto result = metrics::promql::QueryRange(**node, history, now - kHour * kInterval, now, kStep, {});
      if (!result) std::abort();
      for (const auto& one : std::get<metrics::promql::Matrix>(result->value)) points += one.samples.size();
    }
    dashboards.push_back(Milliseconds() - start);
  }
  std::printf(
      "{\"series\": %zu, \"append_median_ms\": %.4f, \"append_worst_ms\": %.4f, \"bytes_per_sample\": %.3f, \"rules_median_ms\": %.3f, "
      "\"rules_worst_ms\": %.3f, \"dashboard_ms\": %.3f, \"queries\": %zu, \"points\": %zu}\n",
      series.Next().size(), Median(appends), *std::ranges::max_element(appends), bytes, Median(evaluations),
      *std::ranges::max_element(evaluations), Median(dashboards), Dashboard().size(), points);
  return 0;
}

}  // namespace
}  // namespace inferd

int main(int argc, char** argv) { return inferd::Main(argc, argv); }
