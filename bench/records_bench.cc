// What the engine pays for being seen: pushing a record into its ring, with room and without, and closing a request's account.
#include <benchmark/benchmark.h>

#include <chrono>
#include <memory>
#include <vector>

#include "runtime/base/ring.h"
#include "runtime/engine/ledger.h"
#include "runtime/engine/records.h"

namespace {

using inferd::Ring;
using inferd::engine::Ledger;
using inferd::engine::RequestRecord;
using inferd::engine::StepRecord;

constexpr std::size_t kRing = 16384;  // as the daemon's

template <typename Record>
void Drain(Ring<Record>& ring) {
  Record record;
  while (ring.TryPop(record)) benchmark::DoNotOptimize(record);
}

// Times `push`, called for as many records as the ring holds; the ring is emptied outside of the time that counts.
template <typename Record, typename Push>
void TimePushes(benchmark::State& state, Ring<Record>& ring, const Push& push) {
  Record record;
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < ring.capacity(); ++i) push(record);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    Drain(ring);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(ring.capacity()));
  state.counters["nanoseconds"] = benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(ring.capacity()) * 1e-9,
                                                     benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void PushStepRecord(benchmark::State& state) {
  Ring<StepRecord> ring(kRing);
  TimePushes(state, ring, [&](const StepRecord& record) { benchmark::DoNotOptimize(ring.TryPush(record)); });
}

void PushStepRecordIntoAFullRing(benchmark::State& state) {
  Ring<StepRecord> ring(2);
  StepRecord record;
  while (ring.TryPush(record)) {
  }
  for (auto _ : state) benchmark::DoNotOptimize(ring.TryPush(record));
  state.counters["nanoseconds"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void EndRequest(benchmark::State& state) {
  Ring<RequestRecord> ring(kRing);
  Ledger ledger({"demo"}, ring);
  TimePushes(state, ring, [&](const RequestRecord& record) {
    ledger.Received(record);
    ledger.Ended(record);
  });
}

BENCHMARK(PushStepRecord)->UseManualTime();
BENCHMARK(PushStepRecordIntoAFullRing);
BENCHMARK(EndRequest)->UseManualTime();

}  // namespace

BENCHMARK_MAIN();
