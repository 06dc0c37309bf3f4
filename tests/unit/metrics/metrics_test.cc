// Records and books become the right numbers under the right names.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>

#include "gtest/gtest.h"
#include "metrics/catalogue.h"
#include "metrics/collectors/process.h"
#include "metrics/engine_metrics.h"
#include "metrics/family.h"
#include "metrics/record_metrics.h"
#include "metrics/recorder.h"
#include "metrics/registry.h"
#include "tests/fakes/manual_clock.h"

namespace inferd::metrics {
namespace {

using engine::Endpoint;
using engine::Outcome;
using engine::RequestRecord;
using engine::StepRecord;
using std::chrono::milliseconds;

// Samples of the text format by "name{labels}".
std::map<std::string, double> Samples(const std::string& text) {
  std::map<std::string, double> samples;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto space = line.rfind(' ');
    samples[line.substr(0, space)] = std::stod(line.substr(space + 1));
  }
  return samples;
}

class MetricsTest : public testing::Test {
 protected:
  RequestRecord Finished(Outcome outcome) {
    RequestRecord record;
    record.model = 0;
    record.received = clock_.Now();
    record.admitted = record.received;
    record.scheduled = record.received + milliseconds(20);
    record.first_token = record.scheduled + milliseconds(40);
    record.last_token = record.first_token + milliseconds(90);
    record.ended = record.last_token + milliseconds(1);
    record.prompt_tokens = 12;
    record.generated_tokens = 10;
    record.choices = 1;
    record.outcome = outcome;
    return record;
  }
  std::map<std::string, double> Scrape() {
    recorder_.Drain();
    return Samples(scraper_.Scrape(Format::kText, {}));
  }

  ManualClock clock_;
  Ring<RequestRecord> requests_{16};
  Ring<StepRecord> steps_{16};
  engine::Ledger ledger_{{"demo"}, requests_};
  RecordMetrics records_{ledger_.models()};
  std::optional<ModelNow> now_;
  EngineMetrics engines_{ledger_, clock_, [this](std::uint16_t) { return now_; }};
  Recorder recorder_{requests_, steps_};
  Registry registry_;
  Scraper scraper_{registry_, clock_};
  void SetUp() override {
    registry_.Add("records", records_);
    registry_.Add("engines", engines_);
    recorder_.Add(records_);
  }
};

TEST_F(MetricsTest, CountersExistFromTheStartAtZero) {
  const auto samples = Scrape();
  EXPECT_EQ(samples.at(R"(inferd_requests_ended_total{model="demo",endpoint="chat_completions",outcome="failed"})"), 0);
  EXPECT_EQ(samples.at(R"(inferd_requests_rejected_total{model="other",endpoint="completions",reason="queue_full"})"), 0);
  EXPECT_EQ(samples.at(R"(inferd_inter_token_seconds_count{model="demo"})"), 0);
  EXPECT_EQ(samples.at(R"(inferd_engine_state{model="demo",state="loading"})"), 1);
}

TEST_F(MetricsTest, ARequestBecomesItsHistograms) {
  RequestRecord record = Finished(Outcome::kOk);
  ledger_.Received(record);
  ledger_.Scheduled(record);
  ledger_.FirstToken(record);
  ledger_.Ended(record);
  const auto samples = Scrape();
  const std::string labels = R"({model="demo",endpoint="chat_completions"})";
  EXPECT_EQ(samples.at("inferd_requests_received_total" + labels), 1);
  EXPECT_NEAR(samples.at("inferd_request_duration_seconds_sum" + labels), 0.151, 1e-9);
  EXPECT_NEAR(samples.at("inferd_time_to_first_token_seconds_sum" + labels), 0.060, 1e-9);
  EXPECT_NEAR(samples.at("inferd_request_prefill_seconds_sum" + labels), 0.040, 1e-9);
  EXPECT_NEAR(samples.at("inferd_request_decode_seconds_sum" + labels), 0.090, 1e-9);
  EXPECT_NEAR(samples.at("inferd_time_per_output_token_seconds_sum" + labels), 0.010, 1e-9);
  EXPECT_NEAR(samples.at(R"(inferd_request_queue_seconds_sum{model="demo",endpoint="chat_completions",priority="normal"})"), 0.020, 1e-9);
  EXPECT_EQ(samples.at(R"(inferd_generated_tokens_total{model="demo",endpoint="chat_completions",outcome="ok"})"), 10);
}

TEST_F(MetricsTest, BooksBalanceInEveryStage) {
  for (int stage = 0; stage < 4; ++stage) {
    RequestRecord record;
    ledger_.Received(record);
    if (stage > 0) {
      record.scheduled = clock_.Now();
      ledger_.Scheduled(record);
    }
    if (stage > 1) {
      record.first_token = clock_.Now();
      ledger_.FirstToken(record);
    }
    if (stage > 2) ledger_.Ended(record);
  }
  const auto samples = Scrape();
  for (const char* name : {"queued", "prefill", "decode"}) {
    EXPECT_EQ(samples.at(std::string(R"(inferd_requests_in_flight{model="demo",endpoint="chat_completions",stage=")") + name + "\"}"), 1)
        << name;
  }
}

TEST_F(MetricsTest, AStepBecomesItsHistograms) {
  StepRecord step;
  step.phase = engine::StepPhase::kMixed;
  step.forward = milliseconds(30);
  step.prefill_tokens = 100;
  step.prefill_sequences = 1;
  step.decode_sequences = 3;
  step.inter_token[6] = 3;  // up to 0.03
  step.inter_token_sum = 0.075;
  step.weight_bytes_read = 1000;
  step.flops = 5e9;
  steps_.TryPush(step);
  const auto samples = Scrape();
  EXPECT_EQ(samples.at(R"(inferd_engine_steps_total{model="demo",phase="mixed"})"), 1);
  EXPECT_NEAR(samples.at(R"(inferd_engine_busy_seconds_total{model="demo"})"), 0.03, 1e-9);
  EXPECT_EQ(samples.at(R"(inferd_engine_step_tokens_sum{model="demo"})"), 103);
  EXPECT_EQ(samples.at(R"(inferd_engine_step_sequences_sum{model="demo"})"), 4);
  EXPECT_EQ(samples.at(R"(inferd_inter_token_seconds_bucket{model="demo",le="0.02"})"), 0);
  EXPECT_EQ(samples.at(R"(inferd_inter_token_seconds_bucket{model="demo",le="0.03"})"), 3);
  EXPECT_EQ(samples.at(R"(inferd_model_bytes_read_total{model="demo"})"), 1000);
}

TEST_F(MetricsTest, TheBucketsOfAStepAreTheCatalogues) {
  const auto buckets = Describe(Metric::kInterToken).buckets;
  EXPECT_TRUE(std::equal(buckets.begin(), buckets.end(), engine::kInterTokenBounds.begin(), engine::kInterTokenBounds.end()));
}

TEST_F(MetricsTest, AnEngineShowsItsGauges) {
  now_.emplace();
  now_->status.queued = {1, 2, 3};
  now_->status.kv_blocks = 8;
  now_->status.kv_blocks_used = 2;
  now_->status.oldest_queued = clock_.Now() - milliseconds(1500);
  now_->health.verdict = Verdict::kBusy;
  now_->facts = {.architecture = "llama", .quantization = "Q8_0", .parameters = 7, .context = 64, .sha256 = "ab"};
  const auto samples = Scrape();
  EXPECT_EQ(samples.at(R"(inferd_queue_depth{model="demo",priority="batch"})"), 3);
  EXPECT_EQ(samples.at(R"(inferd_kv_cache_usage_ratio{model="demo"})"), 0.25);
  EXPECT_EQ(samples.at(R"(inferd_queue_oldest_seconds{model="demo"})"), 1.5);
  EXPECT_EQ(samples.at(R"(inferd_engine_state{model="demo",state="busy"})"), 1);
  EXPECT_EQ(samples.at(R"(inferd_engine_state{model="demo",state="ok"})"), 0);
  EXPECT_EQ(
      samples.at(R"(inferd_model_info{model="demo",architecture="llama",quantization="Q8_0",parameters="7",context="64",sha256="ab"})"), 1);
}

TEST_F(MetricsTest, NamesChooseFamilies) {
  const auto samples = Samples(scraper_.Scrape(Format::kText, {"inferd_queue_depth", "inferd_scrapes_total"}));
  for (const auto& [name, value] : samples) EXPECT_TRUE(name.starts_with("inferd_queue_depth") || name == "inferd_scrapes_total") << name;
  EXPECT_TRUE(samples.contains("inferd_scrapes_total"));
}

TEST_F(MetricsTest, AFamilyComesOnceAndIsInTheCatalogue) {
  std::set<std::string> seen;
  for (const auto& family : registry_.Collect()) {
    EXPECT_TRUE(seen.insert(family.name).second) << family.name;
    EXPECT_NE(FindMetric(family.name), nullptr) << family.name;
  }
}

// One whose trouble the test decides; it gives a series of a family that others give too.
class Moody final : public prometheus::Collectable {
 public:
  explicit Moody(std::string_view gives) : gives_(gives) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    if (broken) throw std::runtime_error("no such device");
    FamilyBuilder up(Metric::kCollectorUp);
    up.Add({gives_}, 1);
    return {up.Take()};
  }
  bool broken = false;

 private:
  const std::string_view gives_;
};

TEST(Registry, ASourceThatThrowsIsLeftOutAndSaidSoOnce) {
  std::vector<std::string> notes;
  Registry registry(1000, [&](NoteLevel level, const std::string& note) {
    notes.push_back((level == NoteLevel::kWarning ? "warning: " : "info: ") + note);
  });
  Moody moody("disk");
  const Moody fine("clock");
  registry.Add("process", moody);
  registry.Add("engines", fine);
  const auto up = [&] {
    std::map<std::string, double> values;
    for (const auto& family : registry.Collect()) {
      if (family.name != NameOf(Metric::kCollectorUp)) continue;
      EXPECT_TRUE(values.empty()) << "the family comes in one piece";
      for (const auto& metric : family.metric) values[metric.label[0].value] = metric.gauge.value;
    }
    return values;
  };
  EXPECT_EQ(up(), (std::map<std::string, double>{{"process", 1}, {"engines", 1}, {"disk", 1}, {"clock", 1}}));
  moody.broken = true;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(up(), (std::map<std::string, double>{{"process", 0}, {"engines", 1}, {"clock", 1}}));
  moody.broken = false;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(up().at("process"), 1);
  EXPECT_EQ(notes,
            (std::vector<std::string>{"warning: metrics of process are missing: no such device", "info: metrics of process: there again"}));
}

TEST(ProcessCollector, ReadsARecordedTree) {
  const std::filesystem::path root = testing::TempDir() + "/process_collector";
  std::filesystem::create_directories(root / "proc/self/fd");
  const auto write = [&](const char* path, const std::string& text) { std::ofstream(root / path) << text; };
  write("proc/self/stat",
        "42 (a) b) R 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 1000 104857600 25 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 "
        "0 0 0 0 0 0\n");
  write("proc/stat", "cpu  1 2 3\nbtime 1700000000\n");
  write("proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 4096    "
        "             files\n");
  write("proc/self/fd/0", "");
  write("proc/self/fd/1", "");
  std::map<std::string, double> values;
  const ProcessCollector collector(root.string());
  std::filesystem::remove(root / "proc/stat");  // read once: it is dear on a machine of many cores
  for (const auto& family : collector.Collect()) {
    values[family.name] = family.type == prometheus::MetricType::Counter ? family.metric[0].counter.value : family.metric[0].gauge.value;
  }
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(values.at("process_cpu_seconds_total"), 300 / ticks);
  EXPECT_EQ(values.at("process_threads"), 7);
  EXPECT_EQ(values.at("process_virtual_memory_bytes"), 104857600);
  EXPECT_EQ(values.at("process_resident_memory_bytes"), 25.0 * static_cast<double>(::sysconf(_SC_PAGE_SIZE)));
  EXPECT_EQ(values.at("process_start_time_seconds"), 1700000000 + 1000 / ticks);
  EXPECT_EQ(values.at("process_open_fds"), 2);
  EXPECT_EQ(values.at("process_max_fds"), 1024);
}

TEST(ProcessCollector, AMissingTreeGivesNothingAndNoError) { EXPECT_TRUE(ProcessCollector("/nonexistent").Collect().empty()); }

TEST(Recorder, TheThreadEmptiesTheRingsBeforeItEnds) {
  struct Count final : RecordView {
    int requests = 0, steps = 0;
    void OnRequest(const RequestRecord&) override { ++requests; }
    void OnStep(const StepRecord&) override { ++steps; }
  } count;
  Ring<RequestRecord> requests(8);
  Ring<StepRecord> steps(8);
  Recorder recorder(requests, steps);
  recorder.Add(count);
  recorder.Start();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(requests.TryPush({}));
  steps.TryPush({});
  recorder.Stop();
  EXPECT_EQ(count.requests, 5);
  EXPECT_EQ(count.steps, 1);
}

}  // namespace
}  // namespace inferd::metrics
