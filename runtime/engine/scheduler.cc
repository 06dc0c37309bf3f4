#include "runtime/engine/scheduler.h"

#include <algorithm>
#include <utility>

namespace inferd::engine {
namespace {

int BlocksFor(int tokens, int block_tokens) { return (tokens + block_tokens - 1) / block_tokens; }

// The sequences in order, and what is left while the plan grows.
class Planner {
 public:
  Planner(MonotonicTime now, std::span<const SequenceView> running, std::span<const SequenceView> waiting, const KvView& kv,
          const SchedulerLimits& limits)
      : limits_(limits), block_tokens_(kv.block_tokens), available_(kv.available), budget_(limits.max_batch_tokens) {
    running_ = InOrder(running, now);
    waiting_ = InOrder(waiting, now);
  }

  Plan Make() {
    for (std::size_t i = 0; i < running_.size(); ++i) {
      if (running_[i].length - running_[i].computed == 1) Generate(i);
    }
    for (std::size_t i = 0; i < running_.size(); ++i) {
      if (running_[i].length - running_[i].computed > 1) Prefill(running_[i]);
    }
    // Every running sequence is in the middle of a prompt and none can get a block: one must give way or nobody ever moves.
    while (plan_.work.empty() && running_.size() > 1) {
      PreemptLast();
      for (const SequenceView& sequence : running_) Prefill(sequence);
    }
    // What was just taken from somebody is not given to a newcomer.
    if (plan_.preempt.empty()) Admit();
    return std::move(plan_);
  }

 private:
  // Those that are still in time, in order of service.
  std::vector<SequenceView> InOrder(std::span<const SequenceView> sequences, MonotonicTime now) {
    std::vector<SequenceView> in_time;
    in_time.reserve(sequences.size());
    for (const SequenceView& sequence : sequences) {
      if (sequence.deadline > now) {
        in_time.push_back(sequence);
      } else {
        plan_.expire.push_back(sequence.id);
        available_ += sequence.releasable;
      }
    }
    std::sort(in_time.begin(), in_time.end(), [this](const SequenceView& a, const SequenceView& b) {
      const auto key = [this](const SequenceView& s) {
        return std::pair(VirtualArrival(s.arrival, s.priority, limits_.priority_aging), s.id);
      };
      return key(a) < key(b);
    });
    return in_time;
  }

  void Generate(std::size_t index) {
    if (budget_ < 1) return;
    while (Missing(running_[index], 1) > available_) {
      const bool self = running_.size() - 1 == index;
      PreemptLast();
      if (self) return;
    }
    Take(running_[index], 1);
  }

  void Prefill(const SequenceView& sequence) {
    const int wanted = std::min(sequence.length - sequence.computed, budget_);
    const int room = (sequence.blocks + available_) * block_tokens_ - sequence.computed;
    const int tokens = std::min(wanted, room);
    if (tokens > 0) Take(sequence, tokens);
  }

  void Admit() {
    for (const SequenceView& sequence : waiting_) {
      if (static_cast<int>(running_.size() + plan_.admit.size()) >= limits_.max_running || budget_ < 1) return;
      const int whole = BlocksFor(sequence.length + 1, block_tokens_) - sequence.blocks;
      if (whole > available_ - reserved_) return;
      const int tokens = std::min(sequence.length - sequence.computed, budget_);
      // The rest of its text is set aside for this plan, so that the next in line does not count on it.
      reserved_ += whole - Missing(sequence, tokens);
      plan_.admit.push_back(sequence.id);
      Take(sequence, tokens);
    }
  }

  int Missing(const SequenceView& sequence, int tokens) const {
    return std::max(0, BlocksFor(sequence.computed + tokens, block_tokens_) - sequence.blocks);
  }

  void Take(const SequenceView& sequence, int tokens) {
    available_ -= Missing(sequence, tokens);
    budget_ -= tokens;
    plan_.work.push_back({sequence.id, tokens});
  }

  void PreemptLast() {
    const SequenceView& last = running_.back();
    available_ += last.releasable;
    const auto planned = std::find_if(plan_.work.begin(), plan_.work.end(), [&](const Plan::Work& work) { return work.id == last.id; });
    if (planned != plan_.work.end()) {
      available_ += Missing(last, planned->tokens);
      budget_ += planned->tokens;
      plan_.work.erase(planned);
    }
    plan_.preempt.push_back(last.id);
    running_.pop_back();
  }

  const SchedulerLimits& limits_;
  const int block_tokens_;
  int available_;
  int reserved_ = 0;
  int budget_;
  std::vector<SequenceView> running_;
  std::vector<SequenceView> waiting_;
  Plan plan_;
};

}  // namespace

Plan MakePlan(MonotonicTime now, std::span<const SequenceView> running, std::span<const SequenceView> waiting, const KvView& kv,
              const SchedulerLimits& limits) {
  return Planner(now, running, waiting, kv, limits).Make();
}

}  // namespace inferd::engine
