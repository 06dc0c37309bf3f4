#include "daemon/observability/alert_evidence.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/fakes/manual_clock.h"

namespace inferd::daemon {
namespace {

using alerts::NotificationStatus;
using std::chrono::minutes;
using testing::ElementsAre;

class AlertEvidenceTest : public testing::Test {
 protected:
  static alerts::Notification Alert(const std::string& name, const std::string& severity, NotificationStatus status) {
    alerts::Notification alert;
    alert.status = status;
    alert.labels = {{"alertname", name}, {"severity", severity}};
    alert.fingerprint = std::hash<std::string>{}(name);
    return alert;
  }
  void Fires(const std::string& name, const std::string& severity = "critical") {
    Tell(Alert(name, severity, NotificationStatus::kFiring));
  }
  void Ends(const std::string& name) { Tell(Alert(name, "critical", NotificationStatus::kResolved)); }
  void Tell(const alerts::Notification& alert) { evidence_.Notify({&alert, 1}); }
  const std::vector<std::string>& Saved() {
    evidence_.Stop();
    return saved_;
  }

  ManualClock clock_;
  std::vector<std::string> saved_;
  AlertEvidence evidence_{clock_, [this](const std::string& why) { saved_.push_back(why); }};
};

TEST_F(AlertEvidenceTest, OneReportForOneTrouble) {
  const std::vector<alerts::Notification> together{Alert("EngineStalled", "critical", NotificationStatus::kFiring),
                                                   Alert("QueueOld", "critical", NotificationStatus::kFiring)};
  evidence_.Notify(together);
  Fires("ErrorRate");
  EXPECT_THAT(Saved(), ElementsAre("critical alert: EngineStalled, QueueOld"));
}

TEST_F(AlertEvidenceTest, OnlyWhatIsCriticalAndBegins) {
  Fires("IdleCapacity", "warning");
  EXPECT_THAT(Saved(), ElementsAre());
}

TEST_F(AlertEvidenceTest, AnAlertThatIsToldAgainIsNotNew) {
  clock_.Advance(minutes(1));
  Fires("EngineStalled");
  clock_.Advance(AlertEvidence::kPause * 2);
  Fires("EngineStalled");
  EXPECT_THAT(Saved(), ElementsAre("critical alert: EngineStalled"));
}

TEST_F(AlertEvidenceTest, OneThatComesAndGoesIsReportedNowAndThen) {
  for (int i = 0; i < 3; ++i) {
    Fires("EngineStalled");
    Ends("EngineStalled");
    clock_.Advance(minutes(1));
  }
  clock_.Advance(AlertEvidence::kPause);
  EXPECT_THAT(Saved(), ElementsAre("critical alert: EngineStalled"));
}

}  // namespace
}  // namespace inferd::daemon
