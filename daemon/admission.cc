#include "daemon/admission.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <numeric>

namespace inferd::daemon {
namespace {

using engine::RefusalReason;

// Nobody knows how long loading or another instance takes; a client that asks again this often costs nothing.
constexpr Duration kRetryNotReady = std::chrono::seconds(5);

}  // namespace

std::optional<std::string_view> BearerKey(std::string_view header) {
  constexpr std::string_view kScheme = "bearer ";
  const bool fits = header.size() > kScheme.size() && std::equal(kScheme.begin(), kScheme.end(), header.begin(), [](char expected, char c) {
                      return expected == std::tolower(static_cast<unsigned char>(c));
                    });
  if (!fits) return std::nullopt;
  header.remove_prefix(kScheme.size());
  while (header.starts_with(' ')) header.remove_prefix(1);
  return header;
}

std::optional<Admission::Refused> Admission::Ask(Candidate& candidate) const {
  for (const ShedPoint& point : points_) {
    if (auto error = point.ask(candidate)) return Refused{point.name, std::move(*error)};
  }
  return std::nullopt;
}

ShedPoint DrainingPoint(const Lifecycle& lifecycle) {
  return {"draining", [&lifecycle](Candidate& candidate) -> std::optional<ApiError> {
            if (!candidate.generation || lifecycle.state() < State::kDraining) return std::nullopt;
            return FromRefusal(RefusalReason::kDraining, "the server is shutting down and takes no new requests", kRetryNotReady);
          }};
}

ShedPoint LoadingPoint(const Lifecycle& lifecycle) {
  return {"loading", [&lifecycle](Candidate& candidate) -> std::optional<ApiError> {
            if (!candidate.generation || lifecycle.state() >= State::kReady) return std::nullopt;
            return FromRefusal(RefusalReason::kLoading, "the server is not ready yet: " + lifecycle.snapshot().reason, kRetryNotReady);
          }};
}

ShedPoint AuthPoint(const Keys& keys, const LocalNames& names) {
  return {"auth", [&keys, &names](Candidate& candidate) -> std::optional<ApiError> {
            const std::shared_ptr<const KeyStore> store = *keys.Get();
            if (store == nullptr) {
              if (names.Has(candidate.head.Find("host"))) return std::nullopt;
              return FromRefusal(RefusalReason::kForbidden,
                                 "the Host header names another machine: without API keys only this machine's own names are answered", {});
            }
            const std::string_view header = candidate.head.Find("authorization");
            if (header.empty()) {
              return FromRefusal(RefusalReason::kUnauthorized, "an API key is needed: send the header Authorization: Bearer KEY", {});
            }
            const auto key = BearerKey(header);
            if (!key) return FromRefusal(RefusalReason::kUnauthorized, "the Authorization header is not of the form Bearer KEY", {});
            candidate.holder = store->Find(*key);
            if (!candidate.holder) return FromRefusal(RefusalReason::kUnauthorized, "the API key is not known", {});
            if (candidate.holder->role == Role::kMetrics) {
              return FromRefusal(RefusalReason::kForbidden, "this API key may only read metrics", {});
            }
            return std::nullopt;
          }};
}

ShedPoint QueuePoint(const ServedModels& models) {
  return {"queue", [&models](Candidate& candidate) -> std::optional<ApiError> {
            if (!candidate.generation) return std::nullopt;
            std::optional<Duration> soonest;
            for (std::size_t i = 0; i < models.size(); ++i) {
              const ServedModel* model = models.at(i);
              if (model == nullptr) continue;
              const engine::EngineStatus status = model->engine->status();
              const std::uint32_t queued = std::accumulate(status.queued.begin(), status.queued.end(), 0U);
              if (queued < status.queue_capacity) return std::nullopt;
              const Duration retry = engine::RetryAfter(status);
              soonest = std::min(soonest.value_or(retry), retry);
            }
            if (!soonest) return std::nullopt;  // no model yet
            return FromRefusal(RefusalReason::kQueueFull, "the queue is full", *soonest);
          }};
}

Admission MakeAdmission(const Lifecycle& lifecycle, const Keys& keys, const LocalNames& names, const ServedModels& models) {
  Admission admission;
  admission.Add(DrainingPoint(lifecycle));
  admission.Add(LoadingPoint(lifecycle));
  admission.Add(AuthPoint(keys, names));
  admission.Add(QueuePoint(models));
  return admission;
}

}  // namespace inferd::daemon
