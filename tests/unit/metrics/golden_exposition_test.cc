// One whole answer of /metrics in each format, for facts that do not change, compared byte by byte with tests/golden/data/exposition.
// After a wanted change: INFERD_UPDATE_GOLDEN=1 build/dev/tests/unit/metrics/metrics_test --gtest_filter='*GoldenExposition*'.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "metrics/compat_metrics.h"
#include "metrics/engine_metrics.h"
#include "metrics/record_metrics.h"
#include "metrics/registry.h"
#include "metrics/slo.h"
#include "tests/fakes/manual_clock.h"

namespace inferd::metrics {
namespace {

using engine::Outcome;
using engine::RequestRecord;
using std::chrono::milliseconds;

class GoldenExposition : public testing::TestWithParam<Format> {
 protected:
  GoldenExposition() {
    for (RecordView* view : std::initializer_list<RecordView*>{&records_, &slo_, &vllm_, &otel_, &rates_}) views_.push_back(view);
    registry_.Add("records", records_);
    registry_.Add("slo", slo_);
    registry_.Add("vllm", vllm_);
    registry_.Add("otel", otel_);
    registry_.Add("engines", engines_);
  }

  // One life; `number` makes it differ from the others.
  void Live(int number, engine::Endpoint endpoint, Outcome outcome) {
    RequestRecord record;
    record.id = std::string_view("req-" + std::to_string(number));
    record.trace_id = std::string_view(std::string(31, '0') + std::to_string(number % 10));
    record.endpoint = endpoint;
    record.received = clock_.Now();
    record.received_wall = clock_.WallNow();
    record.prompt_tokens = static_cast<std::uint32_t>(10 * number);
    record.outcome = outcome;
    record.choices = 1;
    record.http_status = outcome == Outcome::kCancelled ? 499 : 200;
    ledger_.Received(record);
    if (outcome == Outcome::kRejected) {
      record.refusal = engine::RefusalReason::kQueueFull;
    } else {
      record.admitted = record.received;
      record.scheduled = record.received + milliseconds(number);
      ledger_.Scheduled(record);
      record.first_token = record.scheduled + milliseconds(20 * number);
      ledger_.FirstToken(record);
      record.generated_tokens = static_cast<std::uint32_t>(4 * number);
      record.last_token = record.first_token + milliseconds(100 * number);
    }
    record.ended = record.last_token == MonotonicTime{} ? record.received : record.last_token;
    ledger_.Ended(record);
    for (RecordView* view : views_) view->OnRequest(record);
    clock_.Advance(milliseconds(250));
  }

  ManualClock clock_;
  Ring<RequestRecord> ring_{64};
  engine::Ledger ledger_{{"demo", "big/model-2"}, ring_};
  RecordMetrics records_{ledger_.models()};
  RecentRates rates_{ledger_.models().size()};
  std::optional<ModelNow> now_;
  EngineMetrics::Look look_ = [this](std::uint16_t model) { return model == 0 ? now_ : std::nullopt; };
  EngineMetrics engines_{ledger_, clock_, look_, &rates_};
  SloMetrics slo_{ledger_.models(), {.ttft = milliseconds(50), .inter_token = milliseconds(100), .duration = {}}};
  VllmMetrics vllm_{ledger_, look_};
  OtelMetrics otel_{ledger_.models()};
  std::vector<RecordView*> views_;
  Registry registry_;
  Scraper scraper_{registry_, clock_, &records_.exemplars()};
};

TEST_P(GoldenExposition, IsWhatItWas) {
  int number = 0;
  for (const auto outcome : {Outcome::kOk, Outcome::kLength, Outcome::kStop, Outcome::kRejected, Outcome::kExpired, Outcome::kCancelled}) {
    Live(++number, engine::Endpoint::kChatCompletions, outcome);
    Live(++number, engine::Endpoint::kCompletions, outcome);
  }
  engine::StepRecord step;
  step.start = clock_.Now() - std::chrono::seconds(2);
  step.phase = engine::StepPhase::kMixed;
  step.forward = milliseconds(12);
  step.prefill_sequences = 1;
  step.prefill_tokens = 100;
  step.decode_sequences = 3;
  step.generated_tokens = 4;
  step.inter_token[5] = 3;
  step.inter_token_sum = 0.04;
  step.weight_bytes_read = 1'000'000;
  step.flops = 5e9;
  for (RecordView* view : views_) view->OnStep(step);
  now_.emplace();
  now_->facts = {.architecture = "llama",
                 .quantization = "Q8_0",
                 .parameters = 7'000'000,
                 .context = 2048,
                 .sha256 = std::string(64, 'a'),
                 .load_seconds = 0.25,
                 .weights_bytes = 7'500'000,
                 .max_running = 32,
                 .peak_bytes_per_second = 2e10,
                 .peak_flops_per_second = 1e12};
  now_->health.verdict = Verdict::kBusy;
  now_->status.queued = {0, 2, 1};
  now_->status.queue_capacity = 256;
  now_->status.running = 4;
  now_->status.oldest_queued = clock_.Now() - milliseconds(750);
  now_->status.kv_blocks = 64;
  now_->status.kv_blocks_used = 16;
  now_->status.kv_block_tokens = 16;
  now_->status.drain_rate = 2.5;

  const std::string text = scraper_.Scrape(GetParam(), {});
  const std::string path = std::string(INFERD_SOURCE_DIR "/tests/golden/data/exposition/") +
                           (GetParam() == Format::kText ? "metrics.text" : "metrics.openmetrics");
  if (std::getenv("INFERD_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  std::stringstream golden;
  golden << file.rdbuf();
  // Line by line, so that a difference can be read.
  std::istringstream ours(text);
  for (std::string expected, line; std::getline(golden, expected);) {
    ASSERT_TRUE(std::getline(ours, line)) << "ends before: " << expected;
    ASSERT_EQ(line, expected);
  }
  std::string more;
  EXPECT_FALSE(std::getline(ours, more)) << more;
}

INSTANTIATE_TEST_SUITE_P(Formats, GoldenExposition, testing::Values(Format::kText, Format::kOpenMetrics),
                         [](const auto& format) { return format.param == Format::kText ? "Text" : "OpenMetrics"; });

}  // namespace
}  // namespace inferd::metrics
