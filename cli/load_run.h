// The load generator: hundreds of streaming requests held by one thread (curl's multi interface), either a fixed number at a time (closed
// loop) or at times fixed in advance (open loop, arrivals.h). Latency counts from the time a request was meant to start.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "cli/arrivals.h"
#include "cli/samples.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::cli {

struct LoadPlan {
  std::string url;      // of the generation endpoint
  std::string api_key;  // empty: none
  // The JSON body of the i-th request. It must ask for a stream.
  std::function<std::string(std::uint64_t i)> body;

  int concurrency = 1;         // closed loop: requests running at any time
  std::optional<double> rate;  // open loop: requests a second
  ArrivalKind arrivals = ArrivalKind::kPoisson;
  std::uint64_t seed = 1;
  int max_in_flight = 4096;  // open loop: beyond these an arrival waits; its latency counts on

  Duration warmup{};    // requests that were meant to start in it are not counted
  Duration duration{};  // of the measured part, after the warm-up
  Duration request_timeout = std::chrono::seconds(120);
  const std::atomic<bool>* stop = nullptr;  // set: end early, and report what was measured
};

struct LoadResult {
  double seconds = 0;         // measured part, without the time that the last requests take to end
  std::uint64_t started = 0;  // counted requests
  std::uint64_t ok = 0;
  std::map<std::string, std::uint64_t> failures;       // by HTTP status, or "connect", "timeout", "cut", "error" (inside the stream)
  std::string first_failure;                           // in words
  std::uint64_t prompt_tokens = 0, output_tokens = 0;  // of the requests that ended well
  // Inside the measured part, whenever the request began: requests that ended well, and output tokens.
  double requests_per_second = 0, output_tokens_per_second = 0;
  Samples start_delay;  // how late requests were really sent: the generator's own honesty
  Samples ttft;         // to the first text, reasoning included
  Samples inter_token;  // between consecutive pieces of text
  Samples end_to_end;
  Samples refused;  // of the requests answered 429 or 503: until the refusal was there
};

// kInvalidArgument for a plan without work, kResourceExhausted when curl gives no handle.
Result<LoadResult> RunLoad(const LoadPlan& plan);

}  // namespace inferd::cli
