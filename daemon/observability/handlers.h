// What the observability plane answers. Plain functions of copies: nothing here waits for an engine, so the answers come also while the API
// is saturated or a model hangs. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "daemon/api/http.h"
#include "daemon/lifecycle.h"
#include "daemon/observability/server.h"
#include "metrics/engine_metrics.h"
#include "metrics/health.h"
#include "metrics/registry.h"
#include "runtime/base/clock.h"

namespace inferd::daemon {

class ObservabilityHandlers {
 public:
  using Look = metrics::EngineMetrics::Look;

  // `models`: how many models are configured; `look` gives each of them as it is now. All must outlive the handlers.
  // `status` makes the answer of /status from the daemon's verdict.
  using Status = std::function<std::string(const metrics::Health&)>;
  // `debug` answers the paths under /debug/.
  using Debug = std::function<HttpResponse(const RequestHead&)>;
  // `query` answers the paths of Prometheus's HTTP API.
  using Query = std::function<HttpResponse(const RequestHead&, const BodyReader&)>;
  ObservabilityHandlers(const Clock& clock, const Lifecycle& lifecycle, metrics::Scraper& scraper, std::uint16_t models, Look look,
                        Status status, Debug debug, Query query)
      : clock_(clock),
        lifecycle_(lifecycle),
        scraper_(scraper),
        models_(models),
        look_(std::move(look)),
        status_(std::move(status)),
        debug_(std::move(debug)),
        query_(std::move(query)) {}

  // Any method, any path: 404 lists the paths there are, 405 the methods.
  HttpResponse Handle(const RequestHead& head, const BodyReader& body);

  // The daemon's verdict: its life cycle first, then the worst of its engines.
  metrics::Health Judge() const;

  // The path as a label: itself when it is known, "other" when not.
  static std::string_view RouteOf(std::string_view path);

 private:
  HttpResponse Metrics(const RequestHead& head);
  HttpResponse Livez() const;
  HttpResponse Readyz() const;
  HttpResponse Healthz() const;
  HttpResponse Load() const;
  HttpResponse StatusOf() const;

  const Clock& clock_;
  const Lifecycle& lifecycle_;
  metrics::Scraper& scraper_;
  const std::uint16_t models_;
  const Look look_;
  const Status status_;
  const Debug debug_;
  const Query query_;
};

}  // namespace inferd::daemon
