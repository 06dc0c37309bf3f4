#include "daemon/observability/daemon_metrics.h"

#include <string>

#include "daemon/audit.h"
#include "daemon/log.h"
#include "daemon/version.h"
#include "metrics/family.h"

namespace inferd::daemon {

using metrics::FamilyBuilder;
using metrics::Metric;

std::vector<prometheus::MetricFamily> DaemonMetrics::Collect() const {
  FamilyBuilder build(Metric::kBuildInfo);
  build.Add({Version(), Revision(), Compiler()}, 1);

  FamilyBuilder dropped(Metric::kRecordsDropped);
  dropped.Add({"requests"}, static_cast<double>(views_.requests.dropped()));
  dropped.Add({"steps"}, static_cast<double>(views_.steps.dropped()));

  FamilyBuilder connections(Metric::kHttpConnections);
  connections.Add({"api"}, static_cast<double>(views_.api_connections.open.load()));
  connections.Add({"observability"}, static_cast<double>(server_.connections()));

  FamilyBuilder requests(Metric::kHttpRequests);
  for (std::size_t r = 0; r < kRoutes; ++r) {
    const auto route = static_cast<Route>(r);
    for (const int code : RouteCounters::kCodes) {
      const std::uint64_t n = views_.api_routes.Read(route, code);
      // Every route with its success and its commonest failure from the start; the rest once it happens, or there would be 150 zeros.
      if (n > 0 || code == 200 || code == 500) requests.Add({"api", RouteName(route), std::to_string(code)}, static_cast<double>(n));
    }
  }
  for (const auto& [answer, n] : server_.answers()) {
    requests.Add({"observability", answer.first, std::to_string(answer.second)}, static_cast<double>(n));
  }

  FamilyBuilder successful(Metric::kConfigLastReloadSuccessful);
  successful.Add({}, views_.reload.last_successful ? 1 : 0);
  FamilyBuilder timestamp(Metric::kConfigLastReloadTimestamp);
  timestamp.Add({}, ToSeconds(Duration(views_.reload.last_success_ns)));

  FamilyBuilder cut(Metric::kDrainCut);
  cut.Add({}, static_cast<double>(views_.drain.cut));

  FamilyBuilder feeds(Metric::kWatchdogFeeds);
  feeds.Add({}, static_cast<double>(views_.watchdog_feeds));

  const logging::LogCounters& log = LogCounts();
  FamilyBuilder log_lines(Metric::kLogLines), log_dropped(Metric::kLogDropped);
  FamilyBuilder log_bytes(Metric::kLogBytes), log_rotations(Metric::kLogRotations);
  for (std::size_t i = 0; i < logging::kLevels; ++i) log_lines.Add({LevelName(static_cast<Level>(i))}, static_cast<double>(log.lines[i]));
  for (std::size_t i = 0; i < logging::kDropReasons; ++i) {
    log_dropped.Add({DropReasonName(static_cast<logging::DropReason>(i))}, static_cast<double>(log.dropped[i]));
  }
  log_bytes.Add({}, static_cast<double>(log.bytes));
  log_rotations.Add({}, static_cast<double>(log.rotations));
  FamilyBuilder audit_waiting(Metric::kAuditWaiting);
  audit_waiting.Add({}, static_cast<double>(views_.audit.waiting()));
  FamilyBuilder spans(Metric::kSpansExported);
  for (std::size_t i = 0; i < logging::kSpanOutcomes; ++i) {
    spans.Add({SpanOutcomeName(static_cast<logging::SpanOutcome>(i))}, spans_ == nullptr ? 0 : static_cast<double>((*spans_)[i]));
  }

  std::vector<prometheus::MetricFamily> families;
  for (FamilyBuilder* builder : {&build, &dropped, &connections, &requests, &successful, &timestamp, &cut, &feeds, &log_lines, &log_dropped,
                                 &log_bytes, &log_rotations, &audit_waiting, &spans})
    families.push_back(builder->Take());
  return families;
}

}  // namespace inferd::daemon
