#include "runtime/model/roofline.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <latch>
#include <numeric>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/base/aligned_vector.h"
#include "runtime/base/thread.h"
#include "runtime/model/kernels/kernels.h"

namespace inferd::model {
namespace {

// Runs `work(thread)` on each thread, at least once and then over and over until the budget is spent; what it returned per second, added up
// over the threads. They begin together, so that none has the machine for itself.
double Rate(int threads, const Clock& clock, Duration budget, const std::function<double(int)>& work) {
  std::vector<double> rates(static_cast<std::size_t>(threads), 0);
  std::latch begin(threads);
  std::vector<std::thread> pool;
  const auto end = [&pool] {
    for (std::thread& thread : pool) thread.join();
  };
  try {
    for (int t = 0; t < threads; ++t) {
      pool.emplace_back([&, t] {
        const ThreadSetup setup("roofline");
        begin.arrive_and_wait();
        const MonotonicTime start = clock.Now();
        double done = 0;
        Duration spent{};
        do {
          done += work(t);
          spent = clock.Now() - start;
        } while (spent < budget);
        rates[static_cast<std::size_t>(t)] = done / std::max(ToSeconds(spent), 1e-9);
      });
    }
  } catch (const std::system_error&) {  // no more threads
    begin.count_down(threads - static_cast<int>(pool.size()));
    end();
    throw;
  }
  end();
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

// Eight sums side by side, so that adding is not what is measured.
std::uint64_t Sum(std::span<const std::byte> bytes) {
  std::array<std::uint64_t, 8> sums{};
  std::array<std::uint64_t, 8> words{};
  for (std::size_t i = 0; i + sizeof(words) <= bytes.size(); i += sizeof(words)) {
    std::memcpy(words.data(), bytes.data() + i, sizeof(words));
    for (std::size_t w = 0; w < words.size(); ++w) sums[w] += words[w];
  }
  return std::accumulate(sums.begin(), sums.end(), std::uint64_t{0});
}

double ReadRate(std::span<const std::byte> bytes, int threads, const Clock& clock, Duration budget) {
  constexpr std::size_t kPiece = std::size_t{1} << 20U;
  std::atomic<std::uint64_t> sink{0};  // the sums are wanted, as far as the compiler knows
  std::vector<std::size_t> at(static_cast<std::size_t>(threads));
  const std::size_t share = bytes.size() / static_cast<std::size_t>(threads);
  return Rate(threads, clock, budget, [&](int thread) {
    const std::span<const std::byte> mine = bytes.subspan(static_cast<std::size_t>(thread) * share, share);
    std::size_t& place = at[static_cast<std::size_t>(thread)];
    const std::span<const std::byte> piece = mine.subspan(place, std::min(kPiece, mine.size() - place));
    sink.fetch_add(Sum(piece), std::memory_order_relaxed);
    place = place + piece.size() < mine.size() ? place + piece.size() : 0;
    return static_cast<double>(piece.size());
  });
}

gguf::TensorType TypeNamed(std::string_view name) {
  for (const auto type : {gguf::TensorType::kF32, gguf::TensorType::kF16, gguf::TensorType::kBF16, gguf::TensorType::kQ8_0}) {
    if (gguf::GetTensorType(type).name == name) return type;
  }
  return gguf::TensorType::kQ4_0;
}

double ComputeRate(const Model& model, const Clock& clock, Duration budget) {
  constexpr int kRows = 64, kColumns = 64, kInner = 1024;  // fits into any second-level cache
  const kernels::Table* table = kernels::FindTable(model.kernels());
  const gguf::TensorType type = TypeNamed(model.quantization());
  if (table == nullptr) return 0;
  const std::size_t row_bytes = gguf::RowBytes(type, kInner);
  const AlignedVector<std::byte> weights(row_bytes * kRows);
  const AlignedVector<float> f32(std::size_t{kColumns} * kInner);
  const AlignedVector<std::int8_t> q8(f32.size());
  const AlignedVector<float> scales(f32.size() / kernels::kBlockElements);
  const kernels::MatrixView view{.type = type, .data = weights.data(), .rows = kRows, .k = kInner, .row_bytes = row_bytes};
  const kernels::Activations x{.f32 = f32.data(), .q8 = q8.data(), .q8_scale = scales.data(), .columns = kColumns, .k = kInner};
  std::vector<AlignedVector<float>> results(static_cast<std::size_t>(model.threads()), AlignedVector<float>(std::size_t{kRows} * kColumns));
  return Rate(model.threads(), clock, budget, [&](int thread) {
    table->matmul(type)(view, 0, kRows, x, results[static_cast<std::size_t>(thread)].data(), kRows);
    return 2.0 * kRows * kColumns * kInner;
  });
}

}  // namespace

Roofline MeasureRoofline(const Model& model, const Clock& clock, Duration budget) {
  // The best of several: what else runs on the machine only ever makes it slower.
  constexpr int kTries = 6;
  Roofline best;
  for (int i = 0; i < kTries; ++i) {
    const Duration each = budget / (2 * kTries);
    best.bytes_per_second = std::max(best.bytes_per_second, ReadRate(model.file().mapping().bytes(), model.threads(), clock, each));
    best.flops_per_second = std::max(best.flops_per_second, ComputeRate(model, clock, each));
  }
  return best;
}

}  // namespace inferd::model
