// Who is let in: named shed points, asked in a fixed order, the cheap ones first and all of them before a body is parsed. The first one
// that refuses names itself. What only the engine can judge (the queue of the very model, the deadline, the KV cache) is asked last, in
// Engine::Submit. Built once; then any thread may ask.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/api/error.h"
#include "daemon/api/http.h"
#include "daemon/api/keys.h"
#include "daemon/lifecycle.h"
#include "daemon/local_names.h"
#include "daemon/served_models.h"
#include "daemon/shared_value.h"

namespace inferd::daemon {

struct Candidate {
  const RequestHead& head;
  bool generation = false;                      // a generation endpoint; other endpoints cost little and pass more points
  std::optional<KeyStore::Holder> holder = {};  // found by the auth point
};

struct ShedPoint {
  std::string_view name;
  std::function<std::optional<ApiError>(Candidate&)> ask;
};

class Admission {
 public:
  struct Refused {
    std::string_view point;
    ApiError error;
  };

  void Add(ShedPoint point) { points_.push_back(std::move(point)); }
  std::optional<Refused> Ask(Candidate& candidate) const;
  const std::vector<ShedPoint>& points() const { return points_; }

 private:
  std::vector<ShedPoint> points_;
};

// nullptr: no keys file, everybody may ask.
// The key of a header "Authorization: Bearer KEY"; nothing when it has another form.
std::optional<std::string_view> BearerKey(std::string_view header);

using Keys = SharedValue<std::shared_ptr<const KeyStore>>;

ShedPoint DrainingPoint(const Lifecycle& lifecycle);
ShedPoint LoadingPoint(const Lifecycle& lifecycle);
// Without keys everybody on this machine may ask, by a name of the machine's own: `names`.
ShedPoint AuthPoint(const Keys& keys, const LocalNames& names);
// Every model's queue is full: which one is asked for does not matter.
ShedPoint QueuePoint(const ServedModels& models);

// The points in their order. Everything must outlive the result.
Admission MakeAdmission(const Lifecycle& lifecycle, const Keys& keys, const LocalNames& names, const ServedModels& models);

}  // namespace inferd::daemon
