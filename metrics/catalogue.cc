#include "metrics/catalogue.h"

#include <algorithm>
#include <array>

namespace inferd::metrics {
namespace {

using std::string_view;

// Label values.
constexpr std::array<string_view, 2> kEndpointValues{"chat_completions", "completions"};
constexpr std::array<string_view, 7> kOutcomeValues{"ok", "length", "stop", "rejected", "expired", "cancelled", "failed"};
constexpr std::array<string_view, 3> kStageValues{"queued", "prefill", "decode"};
constexpr std::array<string_view, 11> kReasonValues{"draining",   "loading",  "unauthorized", "forbidden", "rate",   "budget",
                                                    "queue_full", "deadline", "kv",           "too_large", "invalid"};
constexpr std::array<string_view, 4> kSloValues{"ttft", "inter-token", "duration", "availability"};
constexpr std::array<string_view, 3> kPriorityValues{"interactive", "normal", "batch"};
constexpr std::array<string_view, 3> kPhaseValues{"prefill", "decode", "mixed"};
constexpr std::array<string_view, 6> kStateValues{"ok", "busy", "degraded", "stalled", "draining", "loading"};
constexpr std::array<string_view, 2> kPlaneValues{"api", "observability"};
constexpr std::array<string_view, 2> kRingValues{"requests", "steps"};
// The collectors, and the sources that a scrape asks itself.
constexpr std::array<string_view, 22> kCollectorValues{
    "gpu_nvml", "gpu_nvml_slow", "gpu_amd", "cgroup",  "pressure", "disk",       "clock",  "certificates", "rapl",   "energy",  "records",
    "slo",      "vllm",          "otel",    "engines", "process",  "collectors", "daemon", "notifiers",    "alerts", "queries", "scrapes"};
constexpr std::array<string_view, 6> kLevelValues{"trace", "debug", "info", "warn", "error", "critical"};
constexpr std::array<string_view, 8> kLogDropValues{"queue_full", "disk_full", "read_only", "missing",
                                                    "io",         "blocked",   "journal",   "internal"};
constexpr std::array<string_view, 3> kGpuMemoryValues{"used", "free", "reserved"};
constexpr std::array<string_view, 2> kSensorValues{"core", "memory"};
constexpr std::array<string_view, 2> kClockDomainValues{"sm", "memory"};
constexpr std::array<string_view, 6> kThrottleTimeValues{"power", "thermal", "sync_boost", "board_limit", "low_utilization", "reliability"};
constexpr std::array<string_view, 9> kThrottledValues{"gpu_idle",   "applications_clocks", "sw_power_cap",   "hw_slowdown",   "sync_boost",
                                                      "sw_thermal", "hw_thermal",          "hw_power_brake", "display_clocks"};
constexpr std::array<string_view, 2> kSeverityValues{"corrected", "uncorrected"};
constexpr std::array<string_view, 4> kRemappedValues{"correctable", "uncorrectable", "pending", "failure"};
constexpr std::array<string_view, 15> kXidValues{"13", "31", "43", "45", "48",  "62",  "63",   "64",
                                                 "74", "79", "94", "95", "119", "120", "other"};
constexpr std::array<string_view, 2> kDirectionValues{"transmit", "receive"};
constexpr std::array<string_view, 2> kProcessValues{"self", "other"};

// Labels. Model names come from the configuration, plus "other" for requests that name no known model.
constexpr LabelInfo kModel{"model", {}};
constexpr LabelInfo kEndpoint{"endpoint", kEndpointValues};
constexpr LabelInfo kOutcome{"outcome", kOutcomeValues};
constexpr LabelInfo kPhase{"phase", kPhaseValues};

constexpr std::array kModelOnly{kModel};
constexpr std::array kRequestLabels{kModel, kEndpoint};
constexpr std::array kOutcomeLabels{kModel, kEndpoint, kOutcome};
constexpr std::array kStageLabels{kModel, kEndpoint, LabelInfo{"stage", kStageValues}};
constexpr std::array kReasonLabels{kModel, kEndpoint, LabelInfo{"reason", kReasonValues}};
constexpr std::array kSloLabels{kModel, kEndpoint, LabelInfo{"slo", kSloValues}};
constexpr std::array kRequestPriorityLabels{kModel, kEndpoint, LabelInfo{"priority", kPriorityValues}};
constexpr std::array kQueuePriorityLabels{kModel, LabelInfo{"priority", kPriorityValues}};
constexpr std::array kPhaseLabels{kModel, kPhase};
constexpr std::array kStateLabels{kModel, LabelInfo{"state", kStateValues}};
constexpr std::array kModelInfoLabels{kModel,
                                      LabelInfo{"architecture", {}},
                                      LabelInfo{"quantization", {}},
                                      LabelInfo{"parameters", {}},
                                      LabelInfo{"context", {}},
                                      LabelInfo{"sha256", {}}};
constexpr std::array kBuildLabels{LabelInfo{"version", {}}, LabelInfo{"revision", {}}, LabelInfo{"compiler", {}}};
constexpr std::array kRingLabels{LabelInfo{"ring", kRingValues}};
constexpr std::array kPlaneLabels{LabelInfo{"plane", kPlaneValues}};
constexpr std::array kHttpLabels{LabelInfo{"plane", kPlaneValues}, LabelInfo{"route", {}}, LabelInfo{"code", {}}};
constexpr std::array<string_view, 4> kSpanValues{"exported", "rejected", "failed", "queue_full"};
constexpr std::array kSpanLabels{LabelInfo{"outcome", kSpanValues}};
constexpr std::array<string_view, 2> kRuleKindValues{"alerting", "recording"};
constexpr std::array kRuleKindLabels{LabelInfo{"kind", kRuleKindValues}};
constexpr std::array<string_view, 2> kAlertStateValues{"pending", "firing"};
constexpr std::array kAlertLabels{LabelInfo{"alertname", {}}, LabelInfo{"severity", {}}, LabelInfo{"state", kAlertStateValues}};
constexpr std::array<string_view, 5> kQueryValues{"ok", "bad", "refused", "timeout", "busy"};
constexpr std::array kQueryLabels{LabelInfo{"outcome", kQueryValues}};
constexpr std::array<string_view, 3> kNotificationValues{"ok", "failed", "dropped"};
constexpr std::array kNotificationLabels{LabelInfo{"notifier", {}}, LabelInfo{"outcome", kNotificationValues}};
constexpr std::array kNotifierLabels{LabelInfo{"notifier", {}}};
constexpr std::array<string_view, 2> kSilenceValues{"active", "pending"};
constexpr std::array kSilenceLabels{LabelInfo{"state", kSilenceValues}};
constexpr std::array kLevelLabels{LabelInfo{"level", kLevelValues}};
constexpr std::array kLogDropLabels{LabelInfo{"reason", kLogDropValues}};
constexpr std::array kCollectorLabels{LabelInfo{"collector", kCollectorValues}};
// A GPU is named three times: index for people, UUID for joining with other exporters, product name for comparing kinds.
constexpr LabelInfo kGpuIndex{"gpu", {}};
constexpr LabelInfo kGpuUuid{"uuid", {}};
constexpr LabelInfo kGpuName{"name", {}};
constexpr std::array kGpuLabels{kGpuIndex, kGpuUuid, kGpuName};
constexpr std::array kGpuMemoryLabels{kGpuIndex, kGpuUuid, kGpuName, LabelInfo{"state", kGpuMemoryValues}};
constexpr std::array kGpuSensorLabels{kGpuIndex, kGpuUuid, kGpuName, LabelInfo{"sensor", kSensorValues}};
constexpr std::array kGpuDomainLabels{kGpuIndex, kGpuUuid, kGpuName, LabelInfo{"domain", kClockDomainValues}};
constexpr std::array kGpuThrottleTimeLabels{kGpuIndex, kGpuUuid, kGpuName, LabelInfo{"reason", kThrottleTimeValues}};
constexpr std::array kGpuThrottledLabels{kGpuIndex, kGpuUuid, kGpuName, LabelInfo{"reason", kThrottledValues}};
constexpr std::array kGpuSeverityLabels{kGpuIndex, kGpuUuid, kGpuName, LabelInfo{"severity", kSeverityValues}};
constexpr std::array kGpuRemappedLabels{kGpuIndex, kGpuUuid, kGpuName, LabelInfo{"state", kRemappedValues}};
constexpr std::array kGpuXidLabels{kGpuIndex, kGpuUuid, kGpuName, LabelInfo{"xid", kXidValues}};
constexpr std::array kGpuDirectionLabels{kGpuIndex, kGpuUuid, kGpuName, LabelInfo{"direction", kDirectionValues}};
constexpr std::array kGpuProcessLabels{kGpuIndex, kGpuUuid, kGpuName, LabelInfo{"process", kProcessValues}};
constexpr std::array kPathLabels{LabelInfo{"path", {}}};
constexpr std::array<string_view, 2> kEnergySourceValues{"cpu", "gpu"};
constexpr std::array kEnergyLabels{kModel, LabelInfo{"source", kEnergySourceValues}};
constexpr std::array kZoneLabels{LabelInfo{"zone", {}}};
constexpr std::span<const LabelInfo> kNoLabels;

// Labels that other projects chose.
constexpr LabelInfo kVllmModel{"model_name", {}};
constexpr LabelInfo kVllmEngine{"engine", {}};
constexpr std::array<string_view, 4> kFinishedValues{"stop", "length", "abort", "error"};
constexpr std::array kVllmLabels{kVllmModel, kVllmEngine};
constexpr std::array kVllmFinishedLabels{kVllmModel, kVllmEngine, LabelInfo{"finished_reason", kFinishedValues}};
constexpr std::array kVllmCacheLabels{kVllmModel, kVllmEngine, LabelInfo{"block_size", {}}, LabelInfo{"num_gpu_blocks", {}}};
constexpr std::array<string_view, 2> kOperationValues{"chat", "text_completion"};
constexpr std::array<string_view, 1> kProviderValues{"inferd"};
constexpr std::array<string_view, 4> kErrorValues{"", "expired", "cancelled", "failed"};
constexpr LabelInfo kOtelOperation{"gen_ai_operation_name", kOperationValues};
constexpr LabelInfo kOtelProvider{"gen_ai_provider_name", kProviderValues};
constexpr LabelInfo kOtelModel{"gen_ai_request_model", {}};
constexpr std::array kOtelLabels{kOtelOperation, kOtelProvider, kOtelModel};
constexpr std::array kOtelErrorLabels{kOtelOperation, kOtelProvider, kOtelModel, LabelInfo{"error_type", kErrorValues}};

// Buckets.
constexpr std::array kDurationBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,   0.25, 0.5,
                                      1.0,   2.0,    5.0,   10.0, 30.0,  60.0, 120.0, 300.0};
constexpr std::array kQueueBuckets{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0};
constexpr std::array kFirstTokenBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0};
constexpr std::array kInterTokenBuckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05,
                                        0.075,  0.1,   0.15,   0.2,   0.3,  0.5,  1.0,  2.5};
constexpr std::array kTokenCountBuckets{1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0};
constexpr std::array kStepTokenBuckets{1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0};
constexpr std::array kStepSequenceBuckets{1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0};
constexpr std::array kScrapeBuckets{0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0};
constexpr std::span<const double> kNoBuckets;

// Buckets of vLLM (its v1 metrics) and of OpenTelemetry's semantic conventions for generative AI metrics.
constexpr std::array kVllmFirstTokenBuckets{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,  0.25,  0.5,   0.75,
                                            1.0,   2.5,   5.0,  7.5,  10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0};
constexpr std::array kVllmRequestBuckets{0.3,  0.5,  0.8,  1.0,  1.5,   2.0,   2.5,   5.0,   10.0,   15.0,  20.0,
                                         30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0};
constexpr std::array kVllmTokenBuckets{1.0,   2.0,    5.0,    10.0,   20.0,    50.0,    100.0,   200.0,
                                       500.0, 1000.0, 2000.0, 5000.0, 10000.0, 20000.0, 50000.0, 100000.0};
constexpr std::array kOtelDurationBuckets{0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92};
constexpr std::array kOtelFirstTokenBuckets{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0};
constexpr std::array kOtelPerTokenBuckets{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5};

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr auto kHistogram = MetricType::kHistogram;
constexpr auto kCount = Unit::kCount;
constexpr auto kSeconds = Unit::kSeconds;
constexpr auto kBytes = Unit::kBytes;
constexpr auto kRatio = Unit::kRatio;
constexpr auto kCelsius = Unit::kCelsius;
constexpr auto kWatts = Unit::kWatts;
constexpr auto kJoules = Unit::kJoules;
constexpr auto kHertz = Unit::kHertz;

// clang-format off
constexpr std::array<MetricInfo, kMetricCount> kCatalogue{{
  {Metric::kRequestsReceived, Section::kRequests, kCounter, kCount, "inferd_requests_received_total", kRequestLabels, kNoBuckets,
   "Requests that arrived at a generation endpoint, refused ones included. Its rate is the demand on the server."},
  {Metric::kRequestsEnded, Section::kRequests, kCounter, kCount, "inferd_requests_ended_total", kOutcomeLabels, kNoBuckets,
   "Requests that have ended, by outcome: each ends in exactly one. Use it for error rate, availability and completed requests per second."},
  {Metric::kRequestsInFlight, Section::kRequests, kGauge, kCount, "inferd_requests_in_flight", kStageLabels, kNoBuckets,
   "Requests received but not ended yet, by stage. It shows where requests are now; received always equals ended plus in flight."},
  {Metric::kRequestsRejected, Section::kRequests, kCounter, kCount, "inferd_requests_rejected_total", kReasonLabels, kNoBuckets,
   "Requests refused before any work was done, by reason. It tells overload (queue_full, rate, deadline) from bad requests (invalid)."},
  {Metric::kRequestDuration, Section::kRequests, kHistogram, kSeconds, "inferd_request_duration_seconds", kRequestLabels, kDurationBuckets,
   "Time from the arrival of an admitted request to the end of its answer. It is the end-to-end latency that a client sees."},
  {Metric::kRequestQueueTime, Section::kRequests, kHistogram, kSeconds, "inferd_request_queue_seconds", kRequestPriorityLabels, kQueueBuckets,
   "Time an admitted request waited in the queue before its first engine step, by priority. Long waits mean that the server is short of capacity."},
  {Metric::kRequestPrefillTime, Section::kRequests, kHistogram, kSeconds, "inferd_request_prefill_seconds", kRequestLabels, kDurationBuckets,
   "Time from a request's first engine step to its first token: the cost of reading its prompt. It grows with prompt length."},
  {Metric::kRequestDecodeTime, Section::kRequests, kHistogram, kSeconds, "inferd_request_decode_seconds", kRequestLabels, kDurationBuckets,
   "Time from a request's first token to its last: the cost of writing its answer. It grows with answer length and batch size."},
  {Metric::kTimeToFirstToken, Section::kRequests, kHistogram, kSeconds, "inferd_time_to_first_token_seconds", kRequestLabels, kFirstTokenBuckets,
   "Time to first token (TTFT): from the arrival of a request to its first token, queue included. It is how responsive a chat feels."},
  {Metric::kInterToken, Section::kRequests, kHistogram, kSeconds, "inferd_inter_token_seconds", kModelOnly, kInterTokenBuckets,
   "Gap between two consecutive tokens of one answer, every gap counted. Its high percentiles show stutter in a stream."},
  {Metric::kTimePerOutputToken, Section::kRequests, kHistogram, kSeconds, "inferd_time_per_output_token_seconds", kRequestLabels, kInterTokenBuckets,
   "Time per output token (TPOT): the mean gap between tokens over one successful answer. It is the reading speed that a client gets."},
  {Metric::kPromptTokens, Section::kRequests, kCounter, kCount, "inferd_prompt_tokens_total", kOutcomeLabels, kNoBuckets,
   "Prompt tokens of ended requests, by outcome. Its rate is the input load; use it for token budgets and bills."},
  {Metric::kCachedPromptTokens, Section::kRequests, kCounter, kCount, "inferd_cached_prompt_tokens_total", kOutcomeLabels, kNoBuckets,
   "Prompt tokens of ended requests that the prefix cache supplied, by outcome. These were not computed again."},
  {Metric::kGeneratedTokens, Section::kRequests, kCounter, kCount, "inferd_generated_tokens_total", kOutcomeLabels, kNoBuckets,
   "Tokens generated for ended requests, by outcome. Its rate is the output throughput in tokens per second."},
  {Metric::kRequestPromptTokens, Section::kRequests, kHistogram, kCount, "inferd_request_prompt_tokens", kRequestLabels, kTokenCountBuckets,
   "Prompt length of one request, in tokens. It shows how long the prompts of your clients are."},
  {Metric::kRequestGeneratedTokens, Section::kRequests, kHistogram, kCount, "inferd_request_generated_tokens", kRequestLabels, kTokenCountBuckets,
   "Answer length of one request, in tokens. It shows how long the answers are and helps to set max_tokens."},
  {Metric::kSloRequests, Section::kRequests, kCounter, kCount, "inferd_slo_requests_total", kSloLabels, kNoBuckets,
   "Requests that count for a service level objective, by objective. Good ones divided by these is how far it is kept; its targets are in the section slo of the configuration."},
  {Metric::kSloGood, Section::kRequests, kCounter, kCount, "inferd_slo_good_total", kSloLabels, kNoBuckets,
   "Requests that met a service level objective, by objective, at exactly the configured target. Use it with inferd_slo_requests_total for burn-rate alerts."},

  {Metric::kQueueDepth, Section::kQueue, kGauge, kCount, "inferd_queue_depth", kQueuePriorityLabels, kNoBuckets,
   "Requests waiting in the queue now, by priority. A queue that stays long means that more capacity is needed."},
  {Metric::kQueueCapacity, Section::kQueue, kGauge, kCount, "inferd_queue_capacity", kModelOnly, kNoBuckets,
   "How many requests the queue may hold. When inferd_queue_depth reaches it, new requests get status 429."},
  {Metric::kQueueOldest, Section::kQueue, kGauge, kSeconds, "inferd_queue_oldest_seconds", kModelOnly, kNoBuckets,
   "Age of the request that has waited longest in the queue, 0 when none waits. It shows a stuck queue before any request ends."},
  {Metric::kRequestOldestWithoutToken, Section::kQueue, kGauge, kSeconds, "inferd_request_oldest_without_token_seconds", kModelOnly, kNoBuckets,
   "Age of the oldest request that has no token yet, 0 when there is none. It shows slow first tokens while they are still late."},
  {Metric::kQueueDrainRate, Section::kQueue, kGauge, kCount, "inferd_queue_drain_rate", kModelOnly, kNoBuckets,
   "Requests the engine finishes per second, smoothed over about 10 seconds. The Retry-After header is computed from it."},
  {Metric::kRequestsRunning, Section::kQueue, kGauge, kCount, "inferd_requests_running", kModelOnly, kNoBuckets,
   "Sequences in the engine's batch now. When it stays at max_running the batch is full and requests have to wait."},

  {Metric::kEngineSteps, Section::kEngine, kCounter, kCount, "inferd_engine_steps_total", kPhaseLabels, kNoBuckets,
   "Engine steps done, by phase: prefill, decode or mixed. A rate of zero with requests waiting means that the engine hangs."},
  {Metric::kEngineStepTime, Section::kEngine, kHistogram, kSeconds, "inferd_engine_step_seconds", kPhaseLabels, kInterTokenBuckets,
   "Duration of one engine step, by phase. The duration of decode steps bounds the gap between tokens."},
  {Metric::kEngineStepTokens, Section::kEngine, kHistogram, kCount, "inferd_engine_step_tokens", kModelOnly, kStepTokenBuckets,
   "Tokens computed by one engine step, prompt and generated together. It shows how well steps are filled up to max_batch_tokens."},
  {Metric::kEngineStepSequences, Section::kEngine, kHistogram, kCount, "inferd_engine_step_sequences", kModelOnly, kStepSequenceBuckets,
   "Sequences computed together by one engine step: the batch size. Larger batches give more throughput."},
  {Metric::kEngineBusyTime, Section::kEngine, kCounter, kSeconds, "inferd_engine_busy_seconds_total", kModelOnly, kNoBuckets,
   "Time the engine has spent in steps. Its rate is the utilization of the engine, from 0 when idle to 1 when saturated."},
  {Metric::kEngineLastStepAge, Section::kEngine, kGauge, kSeconds, "inferd_engine_last_step_age_seconds", kModelOnly, kNoBuckets,
   "Time since the engine ended its last step. It grows while the engine is idle, and also while it hangs with work to do."},
  {Metric::kEngineState, Section::kEngine, kGauge, kCount, "inferd_engine_state", kStateLabels, kNoBuckets,
   "Health verdict of the engine: 1 for the state that holds, 0 for the others. It tells stalled and draining from merely busy."},
  {Metric::kKvCacheBlocks, Section::kEngine, kGauge, kCount, "inferd_kv_cache_blocks", kModelOnly, kNoBuckets,
   "Blocks the KV cache has in all. One block holds the keys and values of 16 tokens."},
  {Metric::kKvCacheBlocksUsed, Section::kEngine, kGauge, kCount, "inferd_kv_cache_blocks_used", kModelOnly, kNoBuckets,
   "KV cache blocks held now by running sequences. It counts what inferd_kv_cache_usage_ratio gives as a share."},
  {Metric::kKvCacheUsage, Section::kEngine, kGauge, kRatio, "inferd_kv_cache_usage_ratio", kModelOnly, kNoBuckets,
   "Share of the KV cache in use, from 0 to 1. Near 1 sequences are preempted: lower max_running or give kv_cache more memory."},
  {Metric::kKvCacheBytes, Section::kEngine, kGauge, kBytes, "inferd_kv_cache_bytes", kModelOnly, kNoBuckets,
   "Memory set aside for the KV cache. Use it to plan memory together with inferd_model_weights_bytes."},
  {Metric::kPrefixCacheQueryTokens, Section::kEngine, kCounter, kCount, "inferd_prefix_cache_query_tokens_total", kModelOnly, kNoBuckets,
   "Prompt tokens looked up in the prefix cache. It is the denominator of the prefix cache hit ratio."},
  {Metric::kPrefixCacheHitTokens, Section::kEngine, kCounter, kCount, "inferd_prefix_cache_hit_tokens_total", kModelOnly, kNoBuckets,
   "Prompt tokens found in the prefix cache. Divided by the query tokens it gives the prefix cache hit ratio."},
  {Metric::kPreemptions, Section::kEngine, kCounter, kCount, "inferd_preemptions_total", kModelOnly, kNoBuckets,
   "Sequences pushed out of the batch because the KV cache was full. Each costs a second prefill; a steady rate calls for more KV cache."},

  {Metric::kModelInfo, Section::kModel, kGauge, kCount, "inferd_model_info", kModelInfoLabels, kNoBuckets,
   "Always 1; its labels say which model is loaded: architecture, quantization, parameters, context and the file's SHA-256."},
  {Metric::kModelLoadTime, Section::kModel, kGauge, kSeconds, "inferd_model_load_seconds", kModelOnly, kNoBuckets,
   "Time it took to load and check the model, without warm-up. It is most of how long a restart keeps the server from being ready."},
  {Metric::kModelWeightsBytes, Section::kModel, kGauge, kBytes, "inferd_model_weights_bytes", kModelOnly, kNoBuckets,
   "Size of the model's weights in memory. One engine step reads about this much."},
  {Metric::kModelBytesRead, Section::kModel, kCounter, kBytes, "inferd_model_bytes_read_total", kModelOnly, kNoBuckets,
   "Bytes of weights the engine has streamed from memory. Its rate is the memory bandwidth that generation uses."},
  {Metric::kModelFlops, Section::kModel, kCounter, kCount, "inferd_model_flops_total", kModelOnly, kNoBuckets,
   "Floating-point operations the model has done in matrix products. Its rate is the arithmetic speed reached, in FLOP/s."},
  {Metric::kModelPeakBandwidth, Section::kModel, kGauge, kBytes, "inferd_model_peak_bytes_per_second", kModelOnly, kNoBuckets,
   "Bytes of the model's weights that the machine can read per second at best, measured when the model was loaded. A model that fits into the cache reads faster than memory; a machine that was busy then reads slower."},
  {Metric::kModelPeakFlops, Section::kModel, kGauge, kCount, "inferd_model_peak_flops_per_second", kModelOnly, kNoBuckets,
   "Operations per second that the model's matrix kernel reaches at best on this machine, on operands in the cache, measured when the model was loaded."},
  {Metric::kEngineBandwidthUtilization, Section::kModel, kGauge, kRatio, "inferd_engine_bandwidth_utilization_ratio", kModelOnly, kNoBuckets,
   "Share of inferd_model_peak_bytes_per_second that the engine used over the last 10 seconds. Generation for few requests is limited by it."},
  {Metric::kEngineArithmeticUtilization, Section::kModel, kGauge, kRatio, "inferd_engine_arithmetic_utilization_ratio", kModelOnly, kNoBuckets,
   "Share of inferd_model_peak_flops_per_second that the engine used over the last 10 seconds. Reading prompts is limited by it."},

  {Metric::kBuildInfo, Section::kDaemon, kGauge, kCount, "inferd_build_info", kBuildLabels, kNoBuckets,
   "Always 1; its labels say which build of inferd runs: version, revision and compiler."},
  {Metric::kScrapes, Section::kDaemon, kCounter, kCount, "inferd_scrapes_total", kNoLabels, kNoBuckets,
   "Times /metrics was answered. A rate of zero means that Prometheus does not reach the daemon."},
  {Metric::kScrapeDuration, Section::kDaemon, kHistogram, kSeconds, "inferd_scrape_duration_seconds", kNoLabels, kScrapeBuckets,
   "Time it took to make one answer of /metrics. It shows what monitoring costs; a scrape never waits for the model."},
  {Metric::kRecordsDropped, Section::kDaemon, kCounter, kCount, "inferd_records_dropped_total", kRingLabels, kNoBuckets,
   "Records lost because their ring was full, by ring. Histograms and spans miss these; counters of requests, tokens and objectives do not."},
  {Metric::kHttpConnections, Section::kDaemon, kGauge, kCount, "inferd_http_connections", kPlaneLabels, kNoBuckets,
   "Open HTTP connections, by plane. On the API plane it is limited by max_connections."},
  {Metric::kHttpRequests, Section::kDaemon, kCounter, kCount, "inferd_http_requests_total", kHttpLabels, kNoBuckets,
   "HTTP requests answered, by plane, route and status code. It counts every route, health checks and unknown paths included."},
  {Metric::kConfigLastReloadSuccessful, Section::kDaemon, kGauge, kCount, "inferd_config_last_reload_successful", kNoLabels, kNoBuckets,
   "1 when the last load of the configuration succeeded, 0 when it was refused and the old one still runs. Alert when it is 0."},
  {Metric::kConfigLastReloadTimestamp, Section::kDaemon, kGauge, kSeconds, "inferd_config_last_reload_timestamp_seconds", kNoLabels, kNoBuckets,
   "Unix time of the last successful load of the configuration. It shows whether a SIGHUP took effect."},
  {Metric::kDrainCut, Section::kDaemon, kCounter, kCount, "inferd_drain_cut_total", kNoLabels, kNoBuckets,
   "Requests cut off because the drain deadline passed at shutdown. It is zero after a clean stop."},
  {Metric::kCollectorDuration, Section::kDaemon, kGauge, kSeconds, "inferd_collector_duration_seconds", kCollectorLabels, kNoBuckets,
   "Time the last run of a collector took, for those that run on a thread of their own, so that a slow one delays no scrape."},
  {Metric::kCollectorUp, Section::kDaemon, kGauge, kCount, "inferd_collector_up", kCollectorLabels, kNoBuckets,
   "1 when the last run of a collector could read its source, 0 when it could not: its series are missing then. Without a GPU gpu_nvml stays 0."},
  {Metric::kLogLines, Section::kDaemon, kCounter, kCount, "inferd_log_lines_total", kLevelLabels, kNoBuckets,
   "Log lines that the daemon has made, by level, whether they could be written or not. A rise of error or critical wants a look."},
  {Metric::kLogDropped, Section::kDaemon, kCounter, kCount, "inferd_log_dropped_total", kLogDropLabels, kNoBuckets,
   "Log lines that were not written, by reason: disk_full, read_only, missing and io are the file's, blocked and journal standard error's. Serving goes on."},
  {Metric::kLogBytes, Section::kDaemon, kCounter, kBytes, "inferd_log_bytes_total", kNoLabels, kNoBuckets,
   "Bytes of log lines written. Its rate tells how long the disk and the rotated files last."},
  {Metric::kLogRotations, Section::kDaemon, kCounter, kCount, "inferd_log_rotations_total", kNoLabels, kNoBuckets,
   "How often the log file was put aside and a new one begun."},
  {Metric::kAuditWaiting, Section::kDaemon, kGauge, kCount, "inferd_audit_waiting", kNoLabels, kNoBuckets,
   "Acts that wait to be written to the audit log (logs.audit.file). Above 0 for longer than a moment its file cannot be written."},
  {Metric::kSpansExported, Section::kDaemon, kCounter, kCount, "inferd_spans_exported_total", kSpanLabels, kNoBuckets,
   "Spans of traces by what became of them: exported, or lost because the collector rejected them, failed, or was too slow (queue_full)."},
  {Metric::kSeries, Section::kDaemon, kGauge, kCount, "inferd_series", kNoLabels, kNoBuckets,
   "Series in one answer of /metrics, a histogram's buckets counted one by one. It is bounded by observability.max_series."},
  {Metric::kLabelOverflow, Section::kDaemon, kCounter, kCount, "inferd_metrics_label_overflow_total", kNoLabels, kNoBuckets,
   "Label values shown as other because observability.max_series was reached. Above 0 some series are sums over what does not fit."},

  {Metric::kWatchdogFeeds, Section::kDaemon, kCounter, kCount, "inferd_watchdog_feeds_total", kNoLabels, kNoBuckets,
   "Times the daemon has fed the service manager's watchdog. It stays 0 without one; when it stops rising the daemon is about to be ended."},

  {Metric::kTickerRounds, Section::kAlerting, kCounter, kCount, "inferd_ticker_rounds_total", kNoLabels, kNoBuckets,
   "Rounds of the thread that keeps the history and judges alert rules, one in each observability.interval."},
  {Metric::kTickerOverruns, Section::kAlerting, kCounter, kCount, "inferd_ticker_overruns_total", kNoLabels, kNoBuckets,
   "Rounds left out because the one before was not done in time. A rise means too many rules, or a machine without processor time to spare."},
  {Metric::kTickerRoundTime, Section::kAlerting, kHistogram, kSeconds, "inferd_ticker_round_seconds", kNoLabels, kScrapeBuckets,
   "Time that one round took: collecting every series, adding it to the history, judging the rules that are due."},
  {Metric::kTickerInterval, Section::kAlerting, kGauge, kSeconds, "inferd_ticker_interval_seconds", kNoLabels, kNoBuckets,
   "Time between two rounds of history and alert rules, as observability.interval sets it. What is late is judged against it."},
  {Metric::kSnapshotAge, Section::kAlerting, kGauge, kSeconds, "inferd_snapshot_age_seconds", kNoLabels, kNoBuckets,
   "Time since the last round that keeps the history and judges alert rules. Above a few inferd_ticker_interval_seconds the daemon's own alerts are late."},
  {Metric::kHistorySeries, Section::kAlerting, kGauge, kCount, "inferd_history_series", kNoLabels, kNoBuckets,
   "Series that the daemon's own history holds, ended ones included until they are older than observability.retention."},
  {Metric::kHistorySamples, Section::kAlerting, kGauge, kCount, "inferd_history_samples", kNoLabels, kNoBuckets,
   "Samples that the daemon's own history holds."},
  {Metric::kHistoryBytes, Section::kAlerting, kGauge, kBytes, "inferd_history_bytes", kNoLabels, kNoBuckets,
   "Memory of the daemon's own history. At observability.history_bytes the oldest samples go before their time."},
  {Metric::kHistoryRefused, Section::kAlerting, kCounter, kCount, "inferd_history_refused_samples_total", kNoLabels, kNoBuckets,
   "Samples not kept because the history holds as many series as it may. Alerts do not see these."},
  {Metric::kHistoryLate, Section::kAlerting, kCounter, kCount, "inferd_history_late_samples_total", kNoLabels, kNoBuckets,
   "Samples not kept because their series had one of the same or a later time. A rise points to two rules that record the same series."},
  {Metric::kHistorySaved, Section::kAlerting, kGauge, kSeconds, "inferd_history_saved_timestamp_seconds", kNoLabels, kNoBuckets,
   "Unix time at which the history was last written to the state directory; 0 when it never was. What is younger is lost if the daemon is killed."},
  {Metric::kRules, Section::kAlerting, kGauge, kCount, "inferd_rules", kRuleKindLabels, kNoBuckets,
   "Rules that are loaded, by kind. 0 alerting rules mean that the daemon itself watches nothing."},
  {Metric::kRuleEvaluation, Section::kAlerting, kHistogram, kSeconds, "inferd_rule_evaluation_seconds", kNoLabels, kScrapeBuckets,
   "Time that one evaluation of one group of rules took."},
  {Metric::kRuleFailures, Section::kAlerting, kCounter, kCount, "inferd_rule_failures_total", kNoLabels, kNoBuckets,
   "Evaluations of rules that failed; the alerts of such a rule stay as they were. /api/v1/rules says why."},
  {Metric::kAlerts, Section::kAlerting, kGauge, kCount, "inferd_alerts", kAlertLabels, kNoBuckets,
   "Alerts of the daemon's own rules by name, severity and state: pending ones hold but not for long enough yet. 0 for rules at rest."},
  {Metric::kNotifications, Section::kAlerting, kCounter, kCount, "inferd_notifications_total", kNotificationLabels, kNoBuckets,
   "Messages about alerts by notifier: ok were delivered, failed is each try that was not and is made again, dropped are alerts that its queue had no room for."},
  {Metric::kNotificationsWaiting, Section::kAlerting, kGauge, kCount, "inferd_notifications_waiting", kNotifierLabels, kNoBuckets,
   "Alerts whose latest state a notifier has still to tell, silenced ones included."},
  {Metric::kSilences, Section::kAlerting, kGauge, kCount, "inferd_silences", kSilenceLabels, kNoBuckets,
   "Silences by state: active ones hold now, pending ones begin later. An active one that nobody remembers hides alerts."},
  {Metric::kQueries, Section::kAlerting, kCounter, kCount, "inferd_queries_total", kQueryLabels, kNoBuckets,
   "Queries over the history by what became of them: bad ones were malformed, refused ones over a limit, busy ones found no thread."},
  {Metric::kQueryTime, Section::kAlerting, kHistogram, kSeconds, "inferd_query_seconds", kNoLabels, kScrapeBuckets,
   "Time to work out one query over the history, waiting for a thread included."},

  {Metric::kGpuUp, Section::kGpu, kGauge, kCount, "inferd_gpu_up", kGpuLabels, kNoBuckets,
   "1 while the GPU answers its driver, 0 when it is lost. A lost GPU shows nothing else; alert when it is 0."},
  {Metric::kGpuUtilization, Section::kGpu, kGauge, kRatio, "inferd_gpu_utilization_ratio", kGpuLabels, kNoBuckets,
   "Share of the last sampling window in which any kernel ran on the GPU. 1 does not mean that all its cores were busy."},
  {Metric::kGpuMemoryBandwidthUtilization, Section::kGpu, kGauge, kRatio, "inferd_gpu_memory_bandwidth_utilization_ratio", kGpuLabels, kNoBuckets,
   "Share of the last sampling window in which the GPU's memory was read or written. It tells memory-bound work from idle time."},
  {Metric::kGpuMemory, Section::kGpu, kGauge, kBytes, "inferd_gpu_memory_bytes", kGpuMemoryLabels, kNoBuckets,
   "GPU memory by state: used by programs, free, or reserved by the driver. Plan with it which models fit on the GPU."},
  {Metric::kGpuMemoryTotal, Section::kGpu, kGauge, kBytes, "inferd_gpu_memory_total_bytes", kGpuLabels, kNoBuckets,
   "Memory the GPU has in all. Used divided by it is how full the GPU is."},
  {Metric::kGpuTemperature, Section::kGpu, kGauge, kCelsius, "inferd_gpu_temperature_celsius", kGpuSensorLabels, kNoBuckets,
   "Temperature of the GPU, by sensor: core or memory. Near its limit the GPU lowers its clocks."},
  {Metric::kGpuPower, Section::kGpu, kGauge, kWatts, "inferd_gpu_power_watts", kGpuLabels, kNoBuckets,
   "Electric power the GPU draws now. Compare it with inferd_gpu_power_limit_watts."},
  {Metric::kGpuPowerLimit, Section::kGpu, kGauge, kWatts, "inferd_gpu_power_limit_watts", kGpuLabels, kNoBuckets,
   "Most power the GPU may draw under the limits set on it. At the limit it slows down with reason sw_power_cap."},
  {Metric::kGpuEnergy, Section::kGpu, kCounter, kJoules, "inferd_gpu_energy_joules_total", kGpuLabels, kNoBuckets,
   "Energy the GPU has used since its driver was loaded. Its rate is the mean power in watts."},
  {Metric::kGpuClock, Section::kGpu, kGauge, kHertz, "inferd_gpu_clock_hertz", kGpuDomainLabels, kNoBuckets,
   "Clock frequency of the GPU now, by domain: its cores (sm) or its memory. A low core clock under load points to throttling."},
  {Metric::kGpuThrottleTime, Section::kGpu, kCounter, kSeconds, "inferd_gpu_throttle_seconds_total", kGpuThrottleTimeLabels, kNoBuckets,
   "Time the GPU was held below its clocks, by reason, as the driver counts it. power and thermal are performance lost; low_utilization is idle time."},
  {Metric::kGpuThrottled, Section::kGpu, kGauge, kCount, "inferd_gpu_throttled", kGpuThrottledLabels, kNoBuckets,
   "1 for each reason that holds the GPU's clocks down right now, 0 for the others. The reason gpu_idle is normal."},
  {Metric::kGpuEccErrors, Section::kGpu, kCounter, kCount, "inferd_gpu_ecc_errors_total", kGpuSeverityLabels, kNoBuckets,
   "Memory errors found by ECC since the driver was loaded, by severity. Uncorrected ones lose data: alert on any."},
  {Metric::kGpuRemappedRows, Section::kGpu, kGauge, kCount, "inferd_gpu_remapped_rows", kGpuRemappedLabels, kNoBuckets,
   "Rows of GPU memory replaced by spares, by what caused it; pending and failure are 1 or 0. Pending asks for a GPU reset, failure for a new GPU."},
  {Metric::kGpuXidErrors, Section::kGpu, kCounter, kCount, "inferd_gpu_xid_errors_total", kGpuXidLabels, kNoBuckets,
   "XID errors the GPU's driver reported while the daemon ran, by XID number. 79 means that the GPU fell off the bus, 48 an uncorrected memory error."},
  {Metric::kGpuPcieRate, Section::kGpu, kGauge, kBytes, "inferd_gpu_pcie_bytes_per_second", kGpuDirectionLabels, kNoBuckets,
   "PCIe traffic of the GPU in bytes per second over a 20 ms window, by direction. High traffic while generating means that data leaves the GPU."},
  {Metric::kGpuPcieReplays, Section::kGpu, kCounter, kCount, "inferd_gpu_pcie_replays_total", kGpuLabels, kNoBuckets,
   "PCIe packets the GPU had to send again. A steady rate points to a bad slot, riser or cable."},
  {Metric::kGpuNvlink, Section::kGpu, kCounter, kBytes, "inferd_gpu_nvlink_bytes_total", kGpuDirectionLabels, kNoBuckets,
   "Data the GPU has moved over all its NVLinks, by direction. Its rate is the traffic between GPUs."},
  {Metric::kGpuProcessMemory, Section::kGpu, kGauge, kBytes, "inferd_gpu_process_memory_bytes", kGpuProcessLabels, kNoBuckets,
   "GPU memory held by processes: the daemon itself (self) or all others together (other). It finds a neighbour that eats the memory."},
  {Metric::kGpuSmActive, Section::kGpu, kGauge, kRatio, "inferd_gpu_sm_active_ratio", kGpuLabels, kNoBuckets,
   "Share of the GPU's multiprocessors that had work, averaged over the interval. It is truer than inferd_gpu_utilization_ratio."},
  {Metric::kGpuSmOccupancy, Section::kGpu, kGauge, kRatio, "inferd_gpu_sm_occupancy_ratio", kGpuLabels, kNoBuckets,
   "Warps resident on the multiprocessors as a share of what they can hold. Low occupancy with high activity means small or heavy kernels."},
  {Metric::kGpuTensorActive, Section::kGpu, kGauge, kRatio, "inferd_gpu_tensor_active_ratio", kGpuLabels, kNoBuckets,
   "Share of time in which the tensor cores worked. It is high in prefill and low in decode."},
  {Metric::kGpuDramActive, Section::kGpu, kGauge, kRatio, "inferd_gpu_dram_active_ratio", kGpuLabels, kNoBuckets,
   "Share of the GPU's peak memory bandwidth that was used. Decode is limited by it."},

  {Metric::kHostCpuPressure, Section::kHost, kGauge, kRatio, "inferd_host_cpu_pressure_ratio", kNoLabels, kNoBuckets,
   "Share of the last 10 seconds in which some task waited for a CPU (PSI). High pressure means that the machine has too few cores for its load."},
  {Metric::kHostMemoryPressure, Section::kHost, kGauge, kRatio, "inferd_host_memory_pressure_ratio", kNoLabels, kNoBuckets,
   "Share of the last 10 seconds in which some task waited for memory (PSI). Above 0 the machine swaps or reclaims, and weights may be read from disk again."},
  {Metric::kHostIoPressure, Section::kHost, kGauge, kRatio, "inferd_host_io_pressure_ratio", kNoLabels, kNoBuckets,
   "Share of the last 10 seconds in which some task waited for a disk (PSI). It is high while a model is loaded from a slow disk."},
  {Metric::kCgroupMemory, Section::kHost, kGauge, kBytes, "inferd_cgroup_memory_bytes", kNoLabels, kNoBuckets,
   "Memory charged to the daemon's cgroup, page cache included. At inferd_cgroup_memory_limit_bytes the kernel kills the daemon."},
  {Metric::kCgroupMemoryLimit, Section::kHost, kGauge, kBytes, "inferd_cgroup_memory_limit_bytes", kNoLabels, kNoBuckets,
   "Memory limit of the daemon's cgroup. It is missing when there is no limit."},
  {Metric::kCgroupCpuThrottledTime, Section::kHost, kCounter, kSeconds, "inferd_cgroup_cpu_throttled_seconds_total", kNoLabels, kNoBuckets,
   "Time the daemon's cgroup was stopped because its CPU quota was used up. Any rate here makes tokens late: raise CPUQuota."},
  {Metric::kDiskFree, Section::kHost, kGauge, kBytes, "inferd_disk_free_bytes", kPathLabels, kNoBuckets,
   "Bytes free for the daemon on the file system that holds the path. Watch it where logs and models are kept."},
  {Metric::kClockOffset, Section::kHost, kGauge, kSeconds, "inferd_clock_offset_seconds", kNoLabels, kNoBuckets,
   "What the kernel still has to correct of the system clock. A large offset makes timestamps of logs, traces and alerts wrong."},
  {Metric::kClockSynchronized, Section::kHost, kGauge, kCount, "inferd_clock_synchronized", kNoLabels, kNoBuckets,
   "1 when the system clock is synchronized by NTP or the like, 0 when it runs free. Alert when it is 0 for long."},
  {Metric::kCertificateExpiry, Section::kHost, kGauge, kSeconds, "inferd_certificate_expiry_timestamp_seconds", kPathLabels, kNoBuckets,
   "Unix time at which the first certificate in the file expires. Subtract time() to see how long is left before clients are refused."},
  {Metric::kHostEnergy, Section::kHost, kCounter, kJoules, "inferd_host_energy_joules_total", kZoneLabels, kNoBuckets,
   "Energy used by each processor package or memory zone, as RAPL counts it, since the daemon started. Often only root may read it."},
  {Metric::kEnergy, Section::kHost, kCounter, kJoules, "inferd_energy_joules_total", kEnergyLabels, kNoBuckets,
   "Energy spent while each model worked, shared among models by busy time. Engines compute on the processor: source cpu divided by generated tokens is joules per token; source gpu is only what the GPUs drew meanwhile."},

  {Metric::kProcessCpuTime, Section::kProcess, kCounter, kSeconds, "process_cpu_seconds_total", kNoLabels, kNoBuckets,
   "CPU time the process has used, user and system together. Its rate is the number of cores in use."},
  {Metric::kProcessOpenFds, Section::kProcess, kGauge, kCount, "process_open_fds", kNoLabels, kNoBuckets,
   "File descriptors the process has open. Steady growth is a leak of connections or files."},
  {Metric::kProcessMaxFds, Section::kProcess, kGauge, kCount, "process_max_fds", kNoLabels, kNoBuckets,
   "File descriptors the process may have open at most. New connections fail when process_open_fds reaches it."},
  {Metric::kProcessResidentMemory, Section::kProcess, kGauge, kBytes, "process_resident_memory_bytes", kNoLabels, kNoBuckets,
   "Resident memory (RSS) of the process, mapped weights that were touched included. Compare it with the memory limit."},
  {Metric::kProcessVirtualMemory, Section::kProcess, kGauge, kBytes, "process_virtual_memory_bytes", kNoLabels, kNoBuckets,
   "Virtual address space of the process. It is larger than real use, because memory is reserved before it is needed."},
  {Metric::kProcessStartTime, Section::kProcess, kGauge, kSeconds, "process_start_time_seconds", kNoLabels, kNoBuckets,
   "Unix time at which the process started. A change means a restart; subtracted from now it gives the uptime."},
  {Metric::kProcessThreads, Section::kProcess, kGauge, kCount, "process_threads", kNoLabels, kNoBuckets,
   "Threads of the process. It should stay constant after start."},

  {Metric::kVllmRunning, Section::kCompat, kGauge, kCount, "vllm:num_requests_running", kVllmLabels, kNoBuckets,
   "Sequences in the engine's batch, under vLLM's name for inferd_requests_running."},
  {Metric::kVllmWaiting, Section::kCompat, kGauge, kCount, "vllm:num_requests_waiting", kVllmLabels, kNoBuckets,
   "Requests in the queue of all priorities, under vLLM's name for inferd_queue_depth."},
  {Metric::kVllmKvCacheUsage, Section::kCompat, kGauge, kCount, "vllm:kv_cache_usage_perc", kVllmLabels, kNoBuckets,
   "Share of the KV cache in use from 0 to 1, under vLLM's name for inferd_kv_cache_usage_ratio."},
  {Metric::kVllmPromptTokens, Section::kCompat, kCounter, kCount, "vllm:prompt_tokens_total", kVllmLabels, kNoBuckets,
   "Prompt tokens of ended requests, under vLLM's name for inferd_prompt_tokens_total."},
  {Metric::kVllmGenerationTokens, Section::kCompat, kCounter, kCount, "vllm:generation_tokens_total", kVllmLabels, kNoBuckets,
   "Tokens generated for ended requests, under vLLM's name for inferd_generated_tokens_total."},
  {Metric::kVllmRequestSuccess, Section::kCompat, kCounter, kCount, "vllm:request_success_total", kVllmFinishedLabels, kNoBuckets,
   "Requests that the engine has ended, by vLLM's reasons: abort is cancelled or expired, error is failed. Rejected ones are not among them."},
  {Metric::kVllmTimeToFirstToken, Section::kCompat, kHistogram, kSeconds, "vllm:time_to_first_token_seconds", kVllmLabels, kVllmFirstTokenBuckets,
   "Time to first token, under vLLM's name and with its buckets."},
  {Metric::kVllmInterTokenLatency, Section::kCompat, kHistogram, kSeconds, "vllm:inter_token_latency_seconds", kVllmLabels, kInterTokenBuckets,
   "Gaps between tokens, under vLLM's name for inferd_inter_token_seconds and with the buckets of that."},
  {Metric::kVllmRequestLatency, Section::kCompat, kHistogram, kSeconds, "vllm:e2e_request_latency_seconds", kVllmLabels, kVllmRequestBuckets,
   "Time from arrival to end of admitted requests, under vLLM's name and with its buckets."},
  {Metric::kVllmQueueTime, Section::kCompat, kHistogram, kSeconds, "vllm:request_queue_time_seconds", kVllmLabels, kVllmRequestBuckets,
   "Time admitted requests waited in the queue, under vLLM's name and with its buckets."},
  {Metric::kVllmPrefillTime, Section::kCompat, kHistogram, kSeconds, "vllm:request_prefill_time_seconds", kVllmLabels, kVllmRequestBuckets,
   "Time from a request's first engine step to its first token, under vLLM's name and with its buckets."},
  {Metric::kVllmDecodeTime, Section::kCompat, kHistogram, kSeconds, "vllm:request_decode_time_seconds", kVllmLabels, kVllmRequestBuckets,
   "Time from a request's first token to its last, under vLLM's name and with its buckets."},
  {Metric::kVllmRequestPromptTokens, Section::kCompat, kHistogram, kCount, "vllm:request_prompt_tokens", kVllmLabels, kVllmTokenBuckets,
   "Prompt length of admitted requests in tokens, under vLLM's name and with its buckets."},
  {Metric::kVllmRequestGenerationTokens, Section::kCompat, kHistogram, kCount, "vllm:request_generation_tokens", kVllmLabels, kVllmTokenBuckets,
   "Answer length of admitted requests in tokens, under vLLM's name and with its buckets."},
  {Metric::kVllmPrefixCacheQueries, Section::kCompat, kCounter, kCount, "vllm:prefix_cache_queries_total", kVllmLabels, kNoBuckets,
   "Prompt tokens looked up in the prefix cache, under vLLM's name for inferd_prefix_cache_query_tokens_total."},
  {Metric::kVllmPrefixCacheHits, Section::kCompat, kCounter, kCount, "vllm:prefix_cache_hits_total", kVllmLabels, kNoBuckets,
   "Prompt tokens found in the prefix cache, under vLLM's name for inferd_prefix_cache_hit_tokens_total."},
  {Metric::kVllmPreemptions, Section::kCompat, kCounter, kCount, "vllm:num_preemptions_total", kVllmLabels, kNoBuckets,
   "Sequences pushed out of the batch, under vLLM's name for inferd_preemptions_total."},
  {Metric::kVllmCacheConfig, Section::kCompat, kGauge, kCount, "vllm:cache_config_info", kVllmCacheLabels, kNoBuckets,
   "Always 1; its labels say how large a block of the KV cache is and how many there are, as vLLM's do; the blocks are in main memory."},
  {Metric::kOtelRequestDuration, Section::kCompat, kHistogram, kSeconds, "gen_ai_server_request_duration_seconds", kOtelErrorLabels, kOtelDurationBuckets,
   "Time from arrival to end of admitted requests: gen_ai.server.request.duration of OpenTelemetry's conventions. error_type is empty for complete answers."},
  {Metric::kOtelTimeToFirstToken, Section::kCompat, kHistogram, kSeconds, "gen_ai_server_time_to_first_token_seconds", kOtelLabels, kOtelFirstTokenBuckets,
   "Time to first token of complete answers: gen_ai.server.time_to_first_token of OpenTelemetry's conventions."},
  {Metric::kOtelTimePerOutputToken, Section::kCompat, kHistogram, kSeconds, "gen_ai_server_time_per_output_token_seconds", kOtelLabels, kOtelPerTokenBuckets,
   "Mean gap between the tokens of complete answers: gen_ai.server.time_per_output_token of OpenTelemetry's conventions."},
}};
// clang-format on

constexpr bool IsInOrder() {
  for (std::size_t i = 0; i < kCatalogue.size(); ++i) {
    if (kCatalogue[i].id != static_cast<Metric>(i)) return false;
  }
  return true;
}
static_assert(IsInOrder(), "the table must list the metrics in the order of the enumeration");

}  // namespace

string_view MetricTypeName(MetricType type) {
  switch (type) {
    case MetricType::kCounter: return "counter";
    case MetricType::kGauge: return "gauge";
    case MetricType::kHistogram: return "histogram";
  }
  return "untyped";
}

string_view UnitName(Unit unit) {
  switch (unit) {
    case Unit::kCount: return "";
    case Unit::kSeconds: return "seconds";
    case Unit::kBytes: return "bytes";
    case Unit::kRatio: return "ratio";
    case Unit::kCelsius: return "celsius";
    case Unit::kWatts: return "watts";
    case Unit::kJoules: return "joules";
    case Unit::kHertz: return "hertz";
  }
  return "";
}

const MetricInfo& Describe(Metric metric) { return kCatalogue[static_cast<std::size_t>(metric)]; }

std::span<const MetricInfo> Catalogue() { return kCatalogue; }

const MetricInfo* FindMetric(string_view name) {
  const auto* const found = std::find_if(kCatalogue.begin(), kCatalogue.end(), [name](const MetricInfo& m) { return m.name == name; });
  return found == kCatalogue.end() ? nullptr : found;
}

}  // namespace inferd::metrics
