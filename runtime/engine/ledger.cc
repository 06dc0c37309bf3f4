#include "runtime/engine/ledger.h"

#include <cassert>
#include <utility>

namespace inferd::engine {
namespace {

void Add(std::atomic<std::uint64_t>& counter, std::uint64_t n) { counter.fetch_add(n, std::memory_order_seq_cst); }
std::uint64_t Load(const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_seq_cst); }

}  // namespace

Ledger::Ledger(std::vector<std::string> models, Ring<RequestRecord>& ring) : models_(std::move(models)), ring_(ring) {
  models_.emplace_back("other");
  cells_ = std::make_unique<Cell[]>(models_.size() * kEndpoints);
}

void Ledger::Received(const RequestRecord& record) {
  assert(record.model < models_.size());
  Add(CellOf(record).received, 1);
}

void Ledger::Scheduled(const RequestRecord& record) { Add(CellOf(record).scheduled, 1); }

void Ledger::FirstToken(const RequestRecord& record) { Add(CellOf(record).first_token, 1); }

void Ledger::Ended(const RequestRecord& record) {
  Cell& cell = CellOf(record);
  const auto outcome = static_cast<std::size_t>(record.outcome);
  Add(cell.prompt_tokens[outcome], record.prompt_tokens);
  Add(cell.cached_prompt_tokens[outcome], record.cached_prompt_tokens);
  Add(cell.generated_tokens[outcome], record.generated_tokens);
  if (record.outcome == Outcome::kRejected) Add(cell.rejected[static_cast<std::size_t>(record.refusal)], 1);
  Add(cell.ended[static_cast<std::size_t>(record.stage())][outcome], 1);
  if (!ring_.TryPush(record) && lost_) lost_(record);
}

Ledger::Totals Ledger::Read(std::uint16_t model, Endpoint endpoint) const {
  const Cell& cell = cells_[model * kEndpoints + static_cast<std::size_t>(endpoint)];
  Totals totals;
  std::array<std::uint64_t, kStages> ended_in{};
  for (std::size_t stage = 0; stage < kStages; ++stage) {
    for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome) {
      const std::uint64_t n = Load(cell.ended[stage][outcome]);
      totals.ended[outcome] += n;
      ended_in[stage] += n;
    }
  }
  const std::uint64_t first_token = Load(cell.first_token);
  const std::uint64_t scheduled = Load(cell.scheduled);
  totals.received = Load(cell.received);
  totals.in_flight = {totals.received - scheduled - ended_in[0], scheduled - first_token - ended_in[1], first_token - ended_in[2]};
  for (std::size_t i = 0; i < kRefusalReasons; ++i) totals.rejected[i] = Load(cell.rejected[i]);
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    totals.prompt_tokens[i] = Load(cell.prompt_tokens[i]);
    totals.cached_prompt_tokens[i] = Load(cell.cached_prompt_tokens[i]);
    totals.generated_tokens[i] = Load(cell.generated_tokens[i]);
  }
  return totals;
}

}  // namespace inferd::engine
