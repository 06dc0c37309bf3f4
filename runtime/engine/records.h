// The two records that everything observable derives from (docs/ARCHITECTURE.md, "Two records"): plain, trivially copyable structs,
// written once by whoever knows the fact, carried in rings to the recorder. No metric name appears here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/inline_string.h"

namespace inferd::engine {

enum class Endpoint : std::uint8_t { kChatCompletions, kCompletions };
inline constexpr std::size_t kEndpoints = 2;
constexpr std::string_view EndpointName(Endpoint e) {
  return std::array<std::string_view, kEndpoints>{"chat_completions", "completions"}[static_cast<std::size_t>(e)];
}

// In falling order of urgency.
enum class Priority : std::uint8_t { kInteractive, kNormal, kBatch };
inline constexpr std::size_t kPriorities = 3;
constexpr std::string_view PriorityName(Priority p) {
  return std::array<std::string_view, kPriorities>{"interactive", "normal", "batch"}[static_cast<std::size_t>(p)];
}

// How a request ended. Every request ends in exactly one of these.
enum class Outcome : std::uint8_t {
  kOk,         // the model said it was done
  kLength,     // max_tokens or the context was reached
  kStop,       // a stop string was reached
  kRejected,   // refused before any work; see RefusalReason
  kExpired,    // its deadline passed, in the queue or while running
  kCancelled,  // the client went away, or the drain deadline cut it
  kFailed,     // an error of ours
};
inline constexpr std::size_t kOutcomes = 7;
constexpr std::string_view OutcomeName(Outcome o) {
  return std::array<std::string_view, kOutcomes>{
      "ok", "length", "stop", "rejected", "expired", "cancelled", "failed"}[static_cast<std::size_t>(o)];
}

enum class RefusalReason : std::uint8_t {
  kNone,
  kDraining,
  kLoading,
  kUnauthorized,
  kForbidden,
  kRate,
  kBudget,
  kQueueFull,
  kDeadline,  // the queue is so long that the deadline would pass before the first step
  kKv,        // needs more KV cache than the model has in all
  kTooLarge,  // body over the limit
  kInvalid,   // malformed, out of range, unknown model
};
inline constexpr std::size_t kRefusalReasons = 12;  // kNone included
constexpr std::string_view RefusalReasonName(RefusalReason r) {
  return std::array<std::string_view, kRefusalReasons>{"none",   "draining",   "loading",  "unauthorized", "forbidden", "rate",
                                                       "budget", "queue_full", "deadline", "kv",           "too_large", "invalid"}
      [static_cast<std::size_t>(r)];
}

// Of how many preemptions of a request the times are kept.
inline constexpr std::size_t kPreemptionTimes = 8;

// Where a request is before it ends. Values are positions in arrays and label values.
enum class Stage : std::uint8_t { kQueued, kPrefill, kDecode };
inline constexpr std::array<std::string_view, 3> kStageNames{"queued", "prefill", "decode"};
inline constexpr std::size_t kStages = kStageNames.size();
constexpr std::string_view StageName(Stage stage) { return kStageNames[static_cast<std::size_t>(stage)]; }

// One per request to a generation endpoint. A time that was never reached is MonotonicTime{} (its epoch).
struct RequestRecord {
  InlineString<65> id;              // X-Request-Id
  InlineString<33> trace_id;        // 32 hex digits (W3C trace context)
  InlineString<17> span_id;         // 16 hex digits, ours
  InlineString<17> parent_span_id;  // 16 hex digits, the caller's; empty when the trace began here
  InlineString<64> tenant;          // name of the key, never the key; empty when auth is off
  InlineString<64> client;          // peer address
  InlineString<128> user_agent;
  std::uint16_t model = 0;  // index into Ledger::models()
  Endpoint endpoint = Endpoint::kChatCompletions;
  Priority priority = Priority::kNormal;
  bool stream = false;
  bool sampled = true;  // whether its trace is exported

  WallTime received_wall{};
  MonotonicTime received{};   // headers complete
  MonotonicTime admitted{};   // accepted by Engine::Submit
  MonotonicTime scheduled{};  // first step that worked on it
  MonotonicTime first_token{};
  MonotonicTime last_token{};
  MonotonicTime ended{};  // response written, or the request abandoned

  std::uint32_t prompt_tokens = 0;         // of all its prompts
  std::uint32_t cached_prompt_tokens = 0;  // of these, taken from the prefix cache
  std::uint32_t generated_tokens = 0;      // of all its choices
  std::uint32_t choices = 0;
  std::uint32_t preemptions = 0;
  std::array<MonotonicTime, kPreemptionTimes> preempted{};  // when, of the first ones
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  double energy_joules = 0;

  Outcome outcome = Outcome::kFailed;
  RefusalReason refusal = RefusalReason::kNone;
  std::uint16_t http_status = 0;

  // Which stage it is in, or was in when it ended: derived from the times above.
  Stage stage() const {
    if (first_token != MonotonicTime{}) return Stage::kDecode;
    if (scheduled != MonotonicTime{}) return Stage::kPrefill;
    return Stage::kQueued;
  }
};

enum class StepPhase : std::uint8_t { kPrefill, kDecode, kMixed };
inline constexpr std::size_t kStepPhases = 3;
constexpr std::string_view StepPhaseName(StepPhase p) {
  return std::array<std::string_view, kStepPhases>{"prefill", "decode", "mixed"}[static_cast<std::size_t>(p)];
}

// Upper bounds, in seconds, of the inter-token histogram that a step carries; one more bucket follows for what is above.
inline constexpr std::array<double, 17> kInterTokenBounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05,
                                                          0.075,  0.1,   0.15,   0.2,   0.3,  0.5,  1,    2.5};

// Of how many compute workers a step tells how busy they were, and in which parts of its forward pass.
inline constexpr std::size_t kStepWorkers = 32;
inline constexpr std::uint16_t kWholeForward = 10'000;

// One per step of an engine.
struct StepRecord {
  std::uint16_t model = 0;
  StepPhase phase = StepPhase::kDecode;
  std::uint64_t number = 0;  // counts from 1
  MonotonicTime start{};
  Duration plan{};  // taking the inbox, planning
  Duration forward{};
  Duration sample{};  // sampling, detokenizing, pushing
  std::uint32_t prefill_sequences = 0;
  std::uint32_t decode_sequences = 0;
  std::uint32_t prefill_tokens = 0;
  std::uint32_t generated_tokens = 0;
  std::uint32_t kv_blocks_used = 0;
  std::uint32_t running = 0;
  std::uint32_t queue_depth = 0;
  Duration queue_head_age{};
  std::uint32_t preemptions = 0;
  std::uint64_t weight_bytes_read = 0;  // weights streamed by this step
  double flops = 0;                     // multiply-adds counted twice
  // Gaps between consecutive tokens of one sequence that ended in this step (kInterTokenBounds), and their sum in seconds.
  std::array<std::uint16_t, kInterTokenBounds.size() + 1> inter_token{};
  double inter_token_sum = 0;
  // The share of `forward`, 0 to kWholeForward, that each compute worker was busy; the engine's own thread, which works too, is not among
  // them.
  std::uint16_t workers = 0;  // at most kStepWorkers
  std::array<std::uint16_t, kStepWorkers> worker_busy{};

  Duration total() const { return plan + forward + sample; }
};

}  // namespace inferd::engine
