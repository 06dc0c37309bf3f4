// Prometheus's HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/) over the daemon's own history: what Grafana, promtool
// and others ask of a Prometheus, they can ask of the daemon. Thread-safe. Queries run on threads of their own, bounded in number, time,
// steps and samples.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/histogram.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/api/http.h"
#include "daemon/observability/form.h"
#include "daemon/observability/query_pool.h"
#include "daemon/observability/server.h"
#include "daemon/observability/watch.h"
#include "metrics/promql/engine.h"
#include "runtime/base/clock.h"

namespace inferd::daemon {

struct QueryLimits {
  Duration timeout = std::chrono::seconds(30);
  std::uint64_t samples = 5'000'000;
  std::size_t threads = 2;
  std::size_t waiting = 64;
};

class QueryApi final : public prometheus::Collectable {
 public:
  // Both must outlive this.
  QueryApi(const Watch& watch, const Clock& clock, QueryLimits limits);

  // Requires a path for which RouteOf gives something.
  HttpResponse Handle(const RequestHead& head, const BodyReader& body);

  // Ends what runs, and whatever is asked from now on: a query must not hold up the end of the daemon. Any thread.
  void Stop() { stopping_ = true; }

  // The path as a label; empty when it is none of the API's.
  static std::string_view RouteOf(std::string_view path);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Failure;
  struct Answer;
  using Asked = tl::expected<Answer, Failure>;
  enum class Outcome : std::uint8_t { kOk, kBad, kRefused, kTimeout, kBusy };

  Asked AskOnPool(const RequestHead& head, const BodyReader& body, MonotonicTime start);
  Asked Ask(std::string_view path, const Form& form, MonotonicTime deadline) const;
  Asked Query(const Form& form, const metrics::promql::EngineOptions& options) const;
  Asked QueryRange(const Form& form, const metrics::promql::EngineOptions& options) const;
  Asked Series(const Form& form, MonotonicTime deadline) const;
  Asked LabelNames(const Form& form, MonotonicTime deadline) const;
  Asked LabelValues(std::string_view name, const Form& form, MonotonicTime deadline) const;
  static Asked Metadata(const Form& form);
  Asked Rules(const Form& form) const;
  Asked Alerts() const;
  static Asked BuildInfo();
  // The series that `match[]`, `start` and `end` choose, each once; everything when there is no selector and `all` allows that.
  tl::expected<std::vector<metrics::Labels>, Failure> Chosen(const Form& form, bool all, MonotonicTime deadline) const;

  const Watch& watch_;
  const Clock& clock_;
  const QueryLimits limits_;
  std::atomic<bool> stopping_{false};
  QueryPool pool_;
  std::array<std::atomic<std::uint64_t>, 5> outcomes_{};
  prometheus::Histogram duration_;
};

}  // namespace inferd::daemon
