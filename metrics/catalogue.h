// The metrics catalogue: one table from which registration, exposition, docs/METRICS.md and the checks of dashboards and rules are
// made. Code names a metric by its Metric id; its name, type, unit, labels, buckets and help are written in catalogue.cc and
// nowhere else. Everything here is constant data: any thread, any time, valid for the life of the process.
//
// Rules, held by tests/unit/metrics/catalogue_test.cc: names start with inferd_ (or process_, for what Prometheus itself defines; names
// that other projects chose, in the section kCompat, are theirs), are in base units with the unit in the name, counters end in _total, help
// is one line without a backslash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace inferd::metrics {

enum class Metric : std::uint8_t {
  // Requests.
  kRequestsReceived,
  kRequestsEnded,
  kRequestsInFlight,
  kRequestsRejected,
  kRequestDuration,
  kRequestQueueTime,
  kRequestPrefillTime,
  kRequestDecodeTime,
  kTimeToFirstToken,
  kInterToken,
  kTimePerOutputToken,
  kPromptTokens,
  kCachedPromptTokens,
  kGeneratedTokens,
  kRequestPromptTokens,
  kRequestGeneratedTokens,
  kSloRequests,
  kSloGood,
  // Queue.
  kQueueDepth,
  kQueueCapacity,
  kQueueOldest,
  kRequestOldestWithoutToken,
  kQueueDrainRate,
  kRequestsRunning,
  // Engine.
  kEngineSteps,
  kEngineStepTime,
  kEngineStepTokens,
  kEngineStepSequences,
  kEngineBusyTime,
  kEngineLastStepAge,
  kEngineState,
  kKvCacheBlocks,
  kKvCacheBlocksUsed,
  kKvCacheUsage,
  kKvCacheBytes,
  kPrefixCacheQueryTokens,
  kPrefixCacheHitTokens,
  kPreemptions,
  // Model.
  kModelInfo,
  kModelLoadTime,
  kModelWeightsBytes,
  kModelBytesRead,
  kModelFlops,
  kModelPeakBandwidth,
  kModelPeakFlops,
  kEngineBandwidthUtilization,
  kEngineArithmeticUtilization,
  // The daemon about itself.
  kBuildInfo,
  kScrapes,
  kScrapeDuration,
  kRecordsDropped,
  kHttpConnections,
  kHttpRequests,
  kConfigLastReloadSuccessful,
  kConfigLastReloadTimestamp,
  kDrainCut,
  kCollectorDuration,
  kCollectorUp,
  kLogLines,
  kLogDropped,
  kLogBytes,
  kLogRotations,
  kAuditWaiting,
  kSpansExported,
  kSeries,
  kLabelOverflow,
  kWatchdogFeeds,
  // History, rules and queries.
  kTickerRounds,
  kTickerOverruns,
  kTickerRoundTime,
  kTickerInterval,
  kSnapshotAge,
  kHistorySeries,
  kHistorySamples,
  kHistoryBytes,
  kHistoryRefused,
  kHistoryLate,
  kHistorySaved,
  kRules,
  kRuleEvaluation,
  kRuleFailures,
  kAlerts,
  kNotifications,
  kNotificationsWaiting,
  kSilences,
  kQueries,
  kQueryTime,
  // GPU.
  kGpuUp,
  kGpuUtilization,
  kGpuMemoryBandwidthUtilization,
  kGpuMemory,
  kGpuMemoryTotal,
  kGpuTemperature,
  kGpuPower,
  kGpuPowerLimit,
  kGpuEnergy,
  kGpuClock,
  kGpuThrottleTime,
  kGpuThrottled,
  kGpuEccErrors,
  kGpuRemappedRows,
  kGpuXidErrors,
  kGpuPcieRate,
  kGpuPcieReplays,
  kGpuNvlink,
  kGpuProcessMemory,
  kGpuSmActive,
  kGpuSmOccupancy,
  kGpuTensorActive,
  kGpuDramActive,
  // Host.
  kHostCpuPressure,
  kHostMemoryPressure,
  kHostIoPressure,
  kCgroupMemory,
  kCgroupMemoryLimit,
  kCgroupCpuThrottledTime,
  kDiskFree,
  kClockOffset,
  kClockSynchronized,
  kCertificateExpiry,
  kHostEnergy,
  kEnergy,
  // Process.
  kProcessCpuTime,
  kProcessOpenFds,
  kProcessMaxFds,
  kProcessResidentMemory,
  kProcessVirtualMemory,
  kProcessStartTime,
  kProcessThreads,
  // Names of vLLM.
  kVllmRunning,
  kVllmWaiting,
  kVllmKvCacheUsage,
  kVllmPromptTokens,
  kVllmGenerationTokens,
  kVllmRequestSuccess,
  kVllmTimeToFirstToken,
  kVllmInterTokenLatency,
  kVllmRequestLatency,
  kVllmQueueTime,
  kVllmPrefillTime,
  kVllmDecodeTime,
  kVllmRequestPromptTokens,
  kVllmRequestGenerationTokens,
  kVllmPrefixCacheQueries,
  kVllmPrefixCacheHits,
  kVllmPreemptions,
  kVllmCacheConfig,
  // Names of OpenTelemetry's conventions.
  kOtelRequestDuration,
  kOtelTimeToFirstToken,
  kOtelTimePerOutputToken,
};
inline constexpr std::size_t kMetricCount = static_cast<std::size_t>(Metric::kOtelTimePerOutputToken) + 1;

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };

// What one unit of the value is. Every unit but the count of things appears in the name.
enum class Unit : std::uint8_t { kCount, kSeconds, kBytes, kRatio, kCelsius, kWatts, kJoules, kHertz };
inline constexpr std::size_t kUnitCount = 8;

// A heading in docs/METRICS.md.
enum class Section : std::uint8_t { kRequests, kQueue, kEngine, kModel, kDaemon, kAlerting, kGpu, kHost, kProcess, kCompat };
inline constexpr std::size_t kSectionCount = 10;

// One label and the values it can take; an empty set means that the values come from the configuration or the build, and are few.
struct LabelInfo {
  std::string_view name;
  std::span<const std::string_view> values;
};

struct MetricInfo {
  Metric id;
  Section section;
  MetricType type;
  Unit unit;
  std::string_view name;
  std::span<const LabelInfo> labels;  // in the order in which values are given
  std::span<const double> buckets;    // upper bounds, rising, without +Inf; histograms only
  std::string_view help;              // one sentence or two, one line
};

std::string_view MetricTypeName(MetricType type);  // "counter", "gauge", "histogram"
std::string_view UnitName(Unit unit);              // "seconds", "bytes" and so on; empty for a count

const MetricInfo& Describe(Metric metric);
inline std::string_view NameOf(Metric metric) { return Describe(metric).name; }

// All of them, in the order of the enumeration.
std::span<const MetricInfo> Catalogue();

// By the family's name, without a histogram's _bucket, _sum or _count. nullptr when there is none.
const MetricInfo* FindMetric(std::string_view name);

// The text of docs/METRICS.md.
std::string CatalogueMarkdown();

}  // namespace inferd::metrics
