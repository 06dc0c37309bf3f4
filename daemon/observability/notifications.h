// What the daemon does with alerts once they are judged: silences, notifiers, the log's and the metrics' view of them. Thread-safe.
#pragma once

#include <prometheus/collectable.h>

#include <span>
#include <string>
#include <vector>

#include "alerts/notify/notifiers.h"
#include "alerts/notify/silences.h"
#include "daemon/observability/alerting_pages.h"
#include "daemon/observability/errand.h"
#include "runtime/base/clock.h"

namespace inferd::daemon {

class Notifications final : public prometheus::Collectable, public alerts::NotificationSink {
 public:
  // `folder` keeps silences, and what was told to whom, over a restart; empty: nothing is kept. `clock` and `audit` must outlive this.
  Notifications(const Clock& clock, Auditor& audit, const std::string& folder);
  Notifications(const Notifications&) = delete;
  Notifications& operator=(const Notifications&) = delete;

  ~Notifications() override { Stop(); }

  // From now on there are these notifiers; those that have not changed go on undisturbed.
  void Configure(const std::vector<alerts::NotifierOptions>& notifiers) { notifiers_.Configure(notifiers); }
  void Notify(std::span<const alerts::Notification> notifications) override;
  AlertingPages& pages() { return pages_; }
  // Ends deliveries that run and keeps what is left to tell. Idempotent.
  void Stop();

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  class Log final : public alerts::DeliveryLog {
   public:
    explicit Log(Notifications& owner) : owner_(owner) {}
    void Failing(std::string_view notifier, std::string_view trouble) override;
    void Working(std::string_view notifier, Duration failed_for, std::uint64_t failed_tries) override;
    void Full(std::string_view notifier, std::size_t capacity) override;
    void Output(std::string_view notifier, std::string_view line) override;
    void Settled() override { owner_.Keep(); }

   private:
    Notifications& owner_;
  };

  void Keep();
  // Says in the log and the audit log what somebody has done on the pages.
  void Tell(const AlertingPages::Act& act, Auditor::KeyUse who);

  const Clock& clock_;
  Auditor& audit_;
  const std::string file_;  // of the notifiers
  std::string kept_;        // the errand's thread, like the next
  bool keeping_fails_ = false;
  Log log_{*this};
  alerts::Silences silences_;
  alerts::Notifiers notifiers_;
  Errand keep_;  // a disk that hangs holds up neither deliveries nor the judgement of rules
  AlertingPages pages_;
};

}  // namespace inferd::daemon
