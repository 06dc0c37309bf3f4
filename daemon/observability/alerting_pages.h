// The pages that act on alerts: silences in the shape of Alertmanager's API v2, so that its tools work with them, and notifiers with their
// test button. Plain functions of a request; any thread, but not one with a small stack: they parse JSON and compile expressions.
//
//   GET, POST   /api/v2/silences                what there is; a new one, or a change of one
//   GET, DELETE /api/v2/silence/ID              one; its end
//   GET         /api/v1/notifiers               each with its state
//   POST        /api/v1/notifiers/NAME/test     sends a test alert through its queue and says what became of it
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "alerts/notify/notifiers.h"
#include "alerts/notify/silences.h"
#include "daemon/api/http.h"
#include "daemon/audit.h"
#include "runtime/base/clock.h"
#include "runtime/base/status.h"

namespace inferd::daemon {

class AlertingPages {
 public:
  // Largest body of a request.
  static constexpr std::size_t kMaxBody = 64U << 10U;

  // What somebody has done here; or was let do, and it could not be done.
  struct Act {
    enum class Kind : std::uint8_t { kSetSilence, kEndSilence, kTestNotifier };
    Kind kind = Kind::kTestNotifier;
    alerts::Silence silence = {};  // of the first two
    std::string notifier = {};     // of the third
    Result<> outcome = {};
  };
  // Is told of each act and who it was. What was asked for wrongly and therefore refused is none.
  using OnAct = std::function<void(const Act& act, const Auditor::KeyUse& who)>;
  // All must outlive the pages.
  AlertingPages(const Clock& clock, alerts::Silences& silences, alerts::Notifiers& notifiers, OnAct on_act)
      : clock_(clock), silences_(silences), notifiers_(notifiers), on_act_(std::move(on_act)) {}

  // The path as a label; empty when it is not one of these.
  static std::string_view RouteOf(std::string_view path);
  // Whether the request changes something or makes the daemon act: then it needs the role admin.
  static bool Acts(const RequestHead& head) { return head.method != "GET" && head.method != "HEAD"; }

  // Requires RouteOf(head.path) not empty. `body`: of a POST; why it cannot be read, if it cannot. `who` asks.
  HttpResponse Handle(const RequestHead& head, const Result<std::string>& body, const Auditor::KeyUse& who);

 private:
  HttpResponse ListSilences(std::string_view query) const;
  HttpResponse SetSilence(std::string_view body, const Auditor::KeyUse& who);
  HttpResponse EndSilence(const std::string& id, const Auditor::KeyUse& who);
  HttpResponse ListNotifiers() const;
  HttpResponse TestNotifier(const std::string& name, const Auditor::KeyUse& who);

  const Clock& clock_;
  alerts::Silences& silences_;
  alerts::Notifiers& notifiers_;
  const OnAct on_act_;
};

}  // namespace inferd::daemon
