// The books: every request that arrives is counted once, and ends in exactly one outcome. A handful of atomics, moved where the
// fact happens, so that at every instant received = ended + in flight. Lock-free: any thread may write, a reader never delays a
// writer.
//
// Why a snapshot always balances: a request only moves forward (received, scheduled, first token, ended), each move adds one to one
// counter, and Read() loads the counters backwards, ends first. What a request had reached when its end was loaded it has reached when
// the earlier counters are loaded too, so no difference is negative, and in flight is the difference.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/ring.h"
#include "runtime/engine/records.h"

namespace inferd::engine {

class Ledger {
 public:
  struct Totals {
    std::uint64_t received = 0;
    std::array<std::uint64_t, kOutcomes> ended{};
    std::array<std::uint64_t, kRefusalReasons> rejected{};
    std::array<std::uint64_t, kStages> in_flight{};  // received = sum(ended) + sum(in_flight), always
    std::array<std::uint64_t, kOutcomes> prompt_tokens{};
    std::array<std::uint64_t, kOutcomes> cached_prompt_tokens{};
    std::array<std::uint64_t, kOutcomes> generated_tokens{};
  };

  // `models`: the names that records refer to by index. A last entry "other" is added for requests that name no known model.
  // Completed records are pushed into `ring`; a full ring loses the view of a record, never its count.
  Ledger(std::vector<std::string> models, Ring<RequestRecord>& ring);

  // `lost` hears, from any thread and at once, of each completed record that found the ring full: for what must not miss one. It must be
  // thread-safe and quick. Before the first request; what it refers to must outlive the last.
  void OnLost(std::function<void(const RequestRecord&)> lost) { lost_ = std::move(lost); }

  const std::vector<std::string>& models() const { return models_; }
  std::uint16_t other_model() const { return static_cast<std::uint16_t>(models_.size() - 1); }

  // Each is called once per request, in this order; the later ones only if it gets there. Received() fixes the record's model and
  // endpoint: they must not change afterwards.
  void Received(const RequestRecord& record);
  void Scheduled(const RequestRecord& record);
  void FirstToken(const RequestRecord& record);
  // `record` is complete: times, counts, outcome.
  void Ended(const RequestRecord& record);

  Totals Read(std::uint16_t model, Endpoint endpoint) const;

 private:
  struct Cell {
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> scheduled{0};
    std::atomic<std::uint64_t> first_token{0};
    std::array<std::array<std::atomic<std::uint64_t>, kOutcomes>, kStages> ended{};
    std::array<std::atomic<std::uint64_t>, kRefusalReasons> rejected{};
    std::array<std::atomic<std::uint64_t>, kOutcomes> prompt_tokens{};
    std::array<std::atomic<std::uint64_t>, kOutcomes> cached_prompt_tokens{};
    std::array<std::atomic<std::uint64_t>, kOutcomes> generated_tokens{};
  };
  Cell& CellOf(const RequestRecord& record) { return cells_[record.model * kEndpoints + static_cast<std::size_t>(record.endpoint)]; }

  std::vector<std::string> models_;
  std::unique_ptr<Cell[]> cells_;
  Ring<RequestRecord>& ring_;
  std::function<void(const RequestRecord&)> lost_;
};

}  // namespace inferd::engine
